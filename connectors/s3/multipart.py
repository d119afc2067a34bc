"""Multipart uploads; every list is read to its end, and a 200 is believed only with its result element
(clouds.md A2).
"""

from collections.abc import Sequence
from dataclasses import replace

from connectors.errors import NotFound
from connectors.objects import Block, Condition, OpenUpload, Pace, Part, WriteOptions, Written
from connectors.s3.channel import Ask, Channel
from connectors.s3.dates import iso_ms
from connectors.s3.dialects import Dialect
from connectors.s3.errors import broken, complaint, refused
from connectors.s3.headers import crc64, plain_etag, write_headers, written
from connectors.s3.writes import WRITE_LIMITS, condition_headers, digest_headers
from connectors.s3.xml import BrokenXml, Document, escape_text
from connectors.wire import Limits, WireAnswer
from connectors.wire.encoding import Query
from engine.failures import Operation

# A store may assemble for many minutes before it answers.
ASSEMBLY = Limits(idle=300.0, grace=1200.0)


async def create_upload(channel: Channel, key: bytes, options: WriteOptions) -> str:
    """See `MultipartWriter.create_upload`."""
    operation = Operation.CREATE_UPLOAD
    headers = write_headers(options, channel.dialect, operation)
    answer = await channel.call(Ask(operation, "POST", key, (("uploads", None),), headers))
    upload_id = _document(answer, operation, "InitiateMultipartUploadResult", "InitiateMultipartUpload").text(
        "UploadId"
    )
    if not upload_id:
        raise broken(operation, answer, "the answer names no upload")
    return upload_id


async def put_part(
    channel: Channel, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None
) -> Part:
    """See `MultipartWriter.put_part`."""
    query: Query = (("partNumber", str(number)), ("uploadId", upload_id))
    headers = digest_headers(block, channel)
    answer = await channel.call(
        Ask(Operation.PUT_PART, "PUT", key, query, headers, block.data, pace, WRITE_LIMITS)
    )
    etag = plain_etag(answer.header("etag"))
    if not etag:
        raise broken(Operation.PUT_PART, answer, "the answer has no ETag")
    return Part(number, etag, len(block), crc64(answer, channel.dialect))


async def list_parts(channel: Channel, key: bytes, upload_id: str) -> tuple[Part, ...]:
    """See `MultipartWriter.list_parts`; in order of their numbers."""
    operation, parts, marker = Operation.LIST_PARTS, dict[int, Part](), 0
    while True:
        query: Query = (("max-parts", "1000"), ("part-number-marker", str(marker)), ("uploadId", upload_id))
        answer = await channel.call(Ask(operation, "GET", key, query if marker else (query[0], query[2])))
        document = _document(answer, operation, "ListPartsResult", "ListPartsResponse")
        try:
            parts.update({part.number: part for part in _parts(document)})
            following = int(document.text("NextPartNumberMarker") or 0)
        except ValueError as error:
            raise broken(operation, answer, "a part is not written as it must be") from error
        if document.text("IsTruncated") != "true":
            return tuple(parts[number] for number in sorted(parts))
        if following <= marker:
            raise broken(operation, answer, "the list of parts does not advance")
        marker = following


def _parts(document: Document) -> list[Part]:
    return [
        Part(
            number=int(document.text("PartNumber", element)),
            etag=plain_etag(document.text("ETag", element)),
            size=int(document.text("Size", element)),
        )
        for element in document.all("Part")
    ]


async def complete_upload(
    channel: Channel, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
) -> Written:
    """See `MultipartWriter.complete_upload`."""
    operation = Operation.COMPLETE_UPLOAD
    ask = Ask(
        operation,
        "POST",
        key,
        (("uploadId", upload_id),),
        (("content-type", "application/xml"), *condition_headers(condition, channel, operation)),
        _manifest(parts),
        limits=ASSEMBLY,
    )
    answer = await channel.call(ask)
    told = complaint(answer, channel.dialect.prefix)
    if told.code:
        raise refused(operation, answer, told)
    document = _document(answer, operation, "CompleteMultipartUploadResult")
    etag = plain_etag(document.text("ETag"))
    if not etag:
        raise broken(operation, answer, "the answer has no ETag")
    return replace(written(answer, channel.dialect), etag=etag)


def _manifest(parts: Sequence[Part]) -> bytes:
    lines = "".join(
        f"<Part><PartNumber>{part.number}</PartNumber><ETag>&quot;{escape_text(part.etag)}&quot;</ETag></Part>"
        for part in sorted(parts, key=lambda part: part.number)
    )
    return f"<CompleteMultipartUpload>{lines}</CompleteMultipartUpload>".encode()


async def abort_upload(channel: Channel, key: bytes, upload_id: str) -> None:
    """See `MultipartWriter.abort_upload`."""
    await gone_is_fine(channel, Ask(Operation.ABORT_UPLOAD, "DELETE", key, (("uploadId", upload_id),)))


async def gone_is_fine(channel: Channel, ask: Ask) -> None:
    """Send an abort; an upload that is gone is no error."""
    try:
        await channel.call(ask)
    except NotFound:
        return


async def list_uploads(channel: Channel, prefix: bytes) -> tuple[OpenUpload, ...]:
    """See `UploadLister.list_uploads`."""
    operation, found = Operation.LIST_UPLOADS, list[OpenUpload]()
    marker: tuple[bytes, str] = (b"", "")
    while True:
        answer = await channel.call(
            Ask(operation, "GET", query=_uploads_query(channel.dialect, prefix, marker))
        )
        document = _document(
            answer,
            operation,
            "ListMultipartUploadsResult",
            plus_is_blank=channel.dialect.plus_is_blank,
        )
        try:
            found += _uploads(document)
        except ValueError as error:
            raise broken(operation, answer, "an upload is not written as it must be") from error
        if document.text("IsTruncated") != "true":
            return tuple(found)
        following = (document.key(document.text("NextKeyMarker")), document.text("NextUploadIdMarker"))
        if following[0] < marker[0] or following == marker:
            raise broken(operation, answer, "the list of uploads does not advance")
        marker = following


def _uploads_query(dialect: Dialect, prefix: bytes, marker: tuple[bytes, str]) -> Query:
    query: list[tuple[str, str | bytes | None]] = [("uploads", None)]
    if dialect.encode_listing:
        query.append(("encoding-type", "url"))
    if prefix:
        query.append(("prefix", prefix))
    if marker[0]:
        query.append(("key-marker", marker[0]))
    if marker[1]:
        query.append(("upload-id-marker", marker[1]))
    return tuple(query)


def _uploads(document: Document) -> list[OpenUpload]:
    return [
        OpenUpload(
            key=document.key(document.text("Key", element)),
            upload_id=document.text("UploadId", element),
            initiated_ms=iso_ms(document.text("Initiated", element)),
        )
        for element in document.all("Upload")
    ]


def _document(answer: WireAnswer, operation: Operation, *roots: str, plus_is_blank: bool = True) -> Document:
    try:
        return Document(answer.document, *roots, plus_is_blank=plus_is_blank)
    except BrokenXml as error:
        raise broken(operation, answer, str(error)[:200]) from error
