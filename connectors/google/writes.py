"""PUT and DELETE of whole objects in JSON: properties and bytes in one body, whose MD5 the store checks."""

import json
import secrets
from base64 import b64encode

from connectors.errors import NotFound, PreconditionFailed, Rejected
from connectors.google.channel import GoogleChannel, JsonAsk, object_path
from connectors.google.reads import head
from connectors.google.resources import generation_in, generation_of, info_of
from connectors.objects import Block, Condition, Pace, StorageClass, WriteOptions, Written
from connectors.s3.dates import http_date_ms
from connectors.s3.dialects import Dialect
from connectors.s3.errors import broken
from connectors.s3.headers import write_headers
from connectors.s3.json_answers import parsed
from connectors.s3.writes import WRITE_LIMITS
from connectors.wire.encoding import Query
from engine.failures import Meaning, Operation

_UPLOAD = "/upload/storage/v1"


async def put(
    channel: GoogleChannel,
    key: bytes,
    block: Block,
    options: WriteOptions,
    condition: Condition,
    pace: Pace | None,
) -> Written:
    """See `Writer.put`. An answer without hash or generation is Unavailable: what was stored is unknown."""
    resource = _resource(key, block, options, channel.dialect)
    query: Query = (("uploadType", "multipart"),)
    if condition.bound:
        query = (("ifGenerationMatch", await _generation(channel, key, condition)), *query)
    boundary = f"=={secrets.token_hex(16)}=="
    before, after = _envelope(boundary, resource)
    answer = await channel.call(
        JsonAsk(
            Operation.PUT,
            "POST",
            query=query,
            headers=(("content-type", f'multipart/related; boundary="{boundary}"'),),
            body=b"".join((before, block.data, after)),
            pace=None if pace is None else _Envelope(pace, len(before), len(block)).sent,
            limits=WRITE_LIMITS,
            path="/o",
            root=_UPLOAD,
        )
    )
    try:
        info = info_of(parsed(Operation.PUT, answer))
    except ValueError as error:
        raise broken(Operation.PUT, answer, "the answer describes no object") from error
    return Written(info.etag, info.version, answered_ms=http_date_ms(answer.header("date")))


def _resource(key: bytes, block: Block, options: WriteOptions, dialect: Dialect) -> dict[str, object]:
    """The object's description. Raises Rejected for what no other store could hold either."""
    write_headers(options, dialect, Operation.PUT)
    try:
        name = key.decode()
    except UnicodeDecodeError as error:
        raise Rejected(Meaning.BAD_KEY, Operation.PUT, message="a name must be UTF-8") from error
    wanted = options.properties
    fields: dict[str, object] = {
        "name": name,
        "md5Hash": b64encode(block.md5).decode(),
        "contentType": wanted.content_type,
        "contentEncoding": wanted.content_encoding,
        "contentDisposition": wanted.content_disposition,
        "contentLanguage": wanted.content_language,
        "cacheControl": wanted.cache_control,
        "metadata": dict(wanted.metadata),
    }
    if options.storage_class is not StorageClass.STANDARD:
        fields["storageClass"] = dialect.classes[options.storage_class]
    return {field: value for field, value in fields.items() if value}


def _envelope(boundary: str, resource: dict[str, object]) -> tuple[bytes, bytes]:
    """What stands before and after the bytes; the object's own type stands in the resource."""
    before = (
        f"--{boundary}\r\ncontent-type: application/json; charset=UTF-8\r\n\r\n{json.dumps(resource)}\r\n"
        f"--{boundary}\r\ncontent-type: application/octet-stream\r\n\r\n"
    )
    return before.encode(), f"\r\n--{boundary}--".encode()


class _Envelope:
    """A pace that is asked for the object's bytes only, as they leave inside the body."""

    def __init__(self, pace: Pace, before: int, size: int) -> None:
        self._pace = pace
        self._before = before
        self._size = size
        self._at = 0

    async def sent(self, count: int) -> None:
        """The next `count` bytes of the body leave."""
        begin, self._at = self._at, self._at + count
        first, last = max(begin, self._before), min(self._at, self._before + self._size)
        if last > first:
            await self._pace(last - first)


async def _generation(channel: GoogleChannel, key: bytes, condition: Condition) -> str:
    """The generation that the condition means, 0 for no object. Raises PreconditionFailed when none has the ETag."""
    if condition.absent:
        return "0"
    if named := generation_in(condition.etag):
        return named
    try:
        found = (await head(channel, key)).info
    except NotFound as error:
        raise _unmet("there is no such object") from error
    if found.etag != condition.etag:
        raise _unmet("another object stands there")
    return generation_of(found.version)


def _unmet(message: str) -> PreconditionFailed:
    return PreconditionFailed(Meaning.PRECONDITION, Operation.PUT, status=412, message=message)


async def delete(channel: GoogleChannel, key: bytes) -> None:
    """See `Deleter.delete`."""
    try:
        await channel.call(JsonAsk(Operation.DELETE, "DELETE", path=object_path(key)))
    except NotFound:
        return
