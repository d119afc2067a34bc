"""Multipart uploads with JSON answers; every list is read to its end."""

import json
from collections.abc import Sequence
from dataclasses import replace

from connectors.objects import Condition, OpenUpload, Part, WriteOptions, Written
from connectors.s3.channel import Ask, Channel
from connectors.s3.dates import iso_ms
from connectors.s3.errors import broken, complaint, refused
from connectors.s3.headers import plain_etag, write_headers, written
from connectors.s3.json_answers import Answer, parsed
from connectors.s3.multipart import ASSEMBLY
from connectors.s3.writes import condition_headers
from connectors.wire.encoding import Query
from engine.failures import Operation


async def create_upload(channel: Channel, key: bytes, options: WriteOptions) -> str:
    """See `MultipartWriter.create_upload`."""
    operation = Operation.CREATE_UPLOAD
    headers = write_headers(options, channel.dialect, operation)
    answer = await channel.call(Ask(operation, "POST", key, (("uploads", None),), headers))
    upload_id = parsed(operation, answer).text("uploadId")
    if not upload_id:
        raise broken(operation, answer, "the answer names no upload")
    return upload_id


async def list_parts(channel: Channel, key: bytes, upload_id: str) -> tuple[Part, ...]:
    """See `MultipartWriter.list_parts`; in order of their numbers."""
    operation, parts, marker = Operation.LIST_PARTS, dict[int, Part](), 0
    while True:
        query: Query = (("maxParts", "1000"), ("uploadId", upload_id))
        if marker:
            query = (*query, ("partNumberMarker", str(marker)))
        answer = await channel.call(Ask(operation, "GET", key, query))
        page = parsed(operation, answer)
        try:
            parts.update({part.number: part for part in map(_part, page.all("parts"))})
            truncated = page.flag("isTruncated")
            following = page.number("nextPartNumberMarker") if truncated else 0
        except ValueError as error:
            raise broken(operation, answer, str(error)[:200]) from error
        if not truncated:
            return tuple(parts[number] for number in sorted(parts))
        if following <= marker:
            raise broken(operation, answer, "the list of parts does not advance")
        marker = following


def _part(entry: Answer) -> Part:
    return Part(entry.number("partNumber"), plain_etag(entry.text("eTag")), entry.number("size"))


async def complete_upload(
    channel: Channel, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
) -> Written:
    """See `MultipartWriter.complete_upload`."""
    operation = Operation.COMPLETE_UPLOAD
    chosen = sorted(parts, key=lambda part: part.number)
    manifest = {"parts": [{"partNumber": part.number, "eTag": part.etag} for part in chosen]}
    headers = (("content-type", "application/json"), *condition_headers(condition, channel, operation))
    body = json.dumps(manifest).encode()
    answer = await channel.call(
        Ask(operation, "POST", key, (("uploadId", upload_id),), headers, body, limits=ASSEMBLY)
    )
    told = complaint(answer, channel.dialect.prefix)
    if told.code:
        raise refused(operation, answer, told)
    etag = plain_etag(parsed(operation, answer).text("eTag"))
    if not etag:
        raise broken(operation, answer, "the answer has no ETag")
    return replace(written(answer, channel.dialect), etag=etag)


async def list_uploads(channel: Channel, prefix: bytes) -> tuple[OpenUpload, ...]:
    """See `UploadLister.list_uploads`."""
    operation, found, marker = Operation.LIST_UPLOADS, list[OpenUpload](), b""
    while True:
        query: list[tuple[str, str | bytes | None]] = [("uploads", None), ("maxUploads", "1000")]
        query += [("prefix", prefix)] if prefix else []
        query += [("keyMarker", marker)] if marker else []
        answer = await channel.call(Ask(operation, "GET", query=tuple(query)))
        page = parsed(operation, answer)
        try:
            found += map(_upload, page.all("uploads"))
            truncated, following = page.flag("isTruncated"), page.key("nextKeyMarker")
        except ValueError as error:
            raise broken(operation, answer, str(error)[:200]) from error
        if not truncated:
            return tuple(found)
        if following <= marker:
            raise broken(operation, answer, "the list of uploads does not advance")
        marker = following


def _upload(entry: Answer) -> OpenUpload:
    return OpenUpload(entry.key("key"), entry.text("uploadId"), iso_ms(entry.text("initiated")))
