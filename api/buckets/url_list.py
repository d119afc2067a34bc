"""Whether a list of URLs can be used (oms-behaviour 8.2): its first lines are read as a task would read them."""

from collections.abc import AsyncIterator
from typing import Final

from api.buckets.opening import BUCKET_FAILED, answered, check_name, open_bucket
from api.buckets.schemas import UrlListBody
from api.context import Services
from api.errors import ApiError
from api.tasks.checks import check_key
from connectors.capabilities import Reader
from connectors.locations import Credentials, Location
from connectors.objects import ByteRange, Guard, ObjectHead
from engine import codes
from engine.failures import Side
from engine.listfile import MAX_LINE_BYTES, ListRefused, check_head, read_line
from engine.spec import CloudType
from engine.urllist import UrlLineRefused, parse_url_line

MALFORMED: Final = "OMS.0002"
MOST_LINES: Final = 10_000
# A small list costs one request; what is read of a long one is bounded also when its lines are long.
_STEP: Final = 1 << 20
_MOST_BYTES: Final = 64 << 20


async def check_url_list(parts: Services, body: UrlListBody) -> None:
    """Returns when the list is well-formed. Raises ApiError OMS.0002 with the line, OMS.0153 when it is unreadable."""
    check_key("ak", body.ak)
    check_key("sk", body.sk)
    check_name("obs_bucket", body.obs_bucket)
    check_name("region", body.region)
    location = Location(CloudType.HEC.value, body.region, body.obs_bucket, Side.DESTINATION)
    store = open_bucket(parts, location, Credentials(body.ak.get_secret_value(), body.sk))
    async with answered(BUCKET_FAILED):
        try:
            await _check(store, await store.head(body.list_file_key.encode()))
        except ListRefused as refused:
            where = f"line {refused.line}: " if refused.line else ""
            raise ApiError(MALFORMED, where + codes.message(refused.code)) from refused
        except UrlLineRefused as refused:
            raise ApiError(MALFORMED, f"line {refused.line}: {refused.reason}") from refused


async def _check(store: Reader, head: ObjectHead) -> None:
    properties = head.properties
    check_head(
        head.info.key.decode(),
        head.info.size,
        properties.content_type,
        properties.content_encoding,
        strict=True,
    )
    number, lines = 0, 0
    async for written in _lines(store, head):
        number += 1
        line = read_line(number, written)
        if line is not None:
            parse_url_line(line)
            lines += 1
        if number == MOST_LINES:
            break
    if not lines:
        raise ListRefused("TRF.0017")


async def _lines(store: Reader, head: ObjectHead) -> AsyncIterator[bytes]:
    """Line by line, the last one also without a line feed; what is cut off by the bound is left out."""
    info, rest, number = head.info, b"", 1
    guard = Guard(info.etag, info.size, info.version)
    end = min(info.size, _MOST_BYTES)
    for start in range(0, end, _STEP):
        answer = await store.read(info.key, guard, ByteRange(start, min(_STEP, end - start)))
        lines = (rest + answer.data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line
        number += len(lines)
        if len(rest) > MAX_LINE_BYTES:
            raise ListRefused("TRF.0018", number)
    if end == info.size:
        yield rest
