"""Multipart uploads of QingStor; every list is read to its end."""

import json
from collections.abc import Sequence
from hashlib import md5

from connectors.objects import Block, Condition, OpenUpload, Pace, Part, WriteOptions, Written
from connectors.s3.channel import Ask, Channel
from connectors.s3.dates import http_date_ms, iso_ms
from connectors.s3.errors import broken, complaint, refused
from connectors.s3.headers import plain_etag, write_headers
from connectors.s3.json_answers import Answer, parsed
from connectors.s3.multipart import ASSEMBLY, gone_is_fine
from connectors.s3.writes import WRITE_LIMITS, condition_headers, digest_headers
from connectors.wire.encoding import Query
from engine.failures import Operation

_PAGE = 1000


async def create_upload(channel: Channel, key: bytes, options: WriteOptions) -> str:
    """See `MultipartWriter.create_upload`."""
    operation = Operation.CREATE_UPLOAD
    headers = write_headers(options, channel.dialect, operation)
    answer = await channel.call(Ask(operation, "POST", key, (("uploads", None),), headers))
    upload_id = parsed(operation, answer).text("upload_id")
    if not upload_id:
        raise broken(operation, answer, "the answer names no upload")
    return upload_id


async def put_part(
    channel: Channel, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None
) -> Part:
    """See `MultipartWriter.put_part`. The vendor tells no ETag here that could be relied on; it is the MD5."""
    query: Query = (("part_number", str(number)), ("upload_id", upload_id))
    headers = digest_headers(block, channel)
    await channel.call(Ask(Operation.PUT_PART, "PUT", key, query, headers, block.data, pace, WRITE_LIMITS))
    return Part(number, block.md5.hex(), len(block))


async def list_parts(channel: Channel, key: bytes, upload_id: str) -> tuple[Part, ...]:
    """See `MultipartWriter.list_parts`; in order of their numbers. Only an empty page is the end: no flag tells it."""
    operation, parts, marker = Operation.LIST_PARTS, dict[int, Part](), 0
    while True:
        query: Query = (("limit", str(_PAGE)), ("upload_id", upload_id))
        if marker:
            query = (*query, ("part_number_marker", str(marker)))
        answer = await channel.call(Ask(operation, "GET", key, query))
        try:
            page = {part.number: part for part in map(_part, parsed(operation, answer).all("object_parts"))}
        except ValueError as error:
            raise broken(operation, answer, str(error)[:200]) from error
        if not page:
            return tuple(parts[number] for number in sorted(parts))
        if max(page) <= marker:
            raise broken(operation, answer, "the list of parts does not advance")
        parts |= page
        marker = max(page)


def _part(entry: Answer) -> Part:
    return Part(entry.number("part_number"), plain_etag(entry.text("etag")), entry.number("size"))


async def complete_upload(
    channel: Channel, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
) -> Written:
    """See `MultipartWriter.complete_upload`. The vendor keeps the ETag that the writer names, and computes none."""
    operation = Operation.COMPLETE_UPLOAD
    chosen = sorted(parts, key=lambda part: part.number)
    etag = _composite(chosen)
    headers = (
        ("content-type", "application/json"),
        ("etag", f'"{etag}"'),
        *condition_headers(condition, channel, operation),
    )
    manifest = [{"part_number": part.number, "etag": part.etag} for part in chosen]
    body = json.dumps({"object_parts": manifest}).encode()
    answer = await channel.call(
        Ask(operation, "POST", key, (("upload_id", upload_id),), headers, body, limits=ASSEMBLY)
    )
    told = complaint(answer, channel.dialect.prefix)
    if told.code:
        raise refused(operation, answer, told)
    return Written(etag, answered_ms=http_date_ms(answer.header("date")))


def _composite(parts: Sequence[Part]) -> str:
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


async def abort_upload(channel: Channel, key: bytes, upload_id: str) -> None:
    """See `MultipartWriter.abort_upload`."""
    await gone_is_fine(channel, Ask(Operation.ABORT_UPLOAD, "DELETE", key, (("upload_id", upload_id),)))


async def list_uploads(channel: Channel, prefix: bytes) -> tuple[OpenUpload, ...]:
    """See `UploadLister.list_uploads`."""
    operation, found = Operation.LIST_UPLOADS, list[OpenUpload]()
    marker, seen = (b"", ""), set[tuple[bytes, str]]()
    while True:
        answer = await channel.call(Ask(operation, "GET", query=_uploads_query(prefix, marker)))
        page = parsed(operation, answer)
        try:
            found += map(_upload, page.all("uploads"))
            truncated = page.flag("has_more")
            marker = (page.key("next_key_marker"), page.text("next_upload_id_marker"))
        except ValueError as error:
            raise broken(operation, answer, str(error)[:200]) from error
        if not truncated:
            return tuple(found)
        if not marker[0] or marker in seen:
            raise broken(operation, answer, "the list of uploads does not advance")
        seen.add(marker)


def _uploads_query(prefix: bytes, marker: tuple[bytes, str]) -> Query:
    query: list[tuple[str, str | bytes | None]] = [("uploads", None), ("limit", str(_PAGE))]
    for name, value in (("prefix", prefix), ("key_marker", marker[0]), ("upload_id_marker", marker[1])):
        if value:
            query.append((name, value))
    return tuple(query)


def _upload(entry: Answer) -> OpenUpload:
    return OpenUpload(entry.key("key"), entry.text("upload_id"), iso_ms(entry.text("created")))
