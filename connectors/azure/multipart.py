"""Multipart uploads as uncommitted blocks; the store knows no uploads, so a block's id says which one it is of.

An id of a block holds the upload's mark, the part's number and the part's MD5, so a commit names exactly the bytes
that were acknowledged. Block 0 is a single byte that makes the upload exist. What is committed last must also name
the blob's headers: they travel inside the upload's id. Blocks that nobody commits vanish after a week; an upload
cannot be aborted sooner without making or changing a blob under the key.
"""

import re
import secrets
import zlib
from base64 import b64decode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5

import orjson

from connectors.azure import pages
from connectors.azure.headers import HeaderList, write_headers
from connectors.azure.writes import stored
from connectors.errors import NotFound, Rejected
from connectors.objects import Block, Condition, OpenUpload, Pace, Part, WriteOptions, Written
from connectors.s3.channel import Ask, Channel
from connectors.s3.dates import http_date_ms
from connectors.s3.errors import broken, complaint, refused
from connectors.s3.multipart import ASSEMBLY
from connectors.s3.writes import WRITE_LIMITS, condition_headers
from connectors.s3.xml import BrokenXml, Document
from connectors.wire import Limits, WireAnswer
from engine.failures import Meaning, Operation

_BEGIN = b"\0"
_ID = re.compile(r"([0-9a-f]{16})(?:\.([A-Za-z0-9_-]+={0,2}))?")
_BLOCK = re.compile(rb"([0-9a-f]{16})-([0-9]{5})-([0-9a-f]{32})")
# 50,000 blocks of some 150 bytes each.
_BLOCK_LIST = Limits(body_max=32 << 20)


@dataclass(frozen=True, slots=True)
class _Staged:
    """One uncommitted block of an upload."""

    mark: str
    number: int
    md5: str
    size: int


async def create_upload(channel: Channel, key: bytes, options: WriteOptions) -> str:
    """See `MultipartWriter.create_upload`."""
    headers = write_headers(options, channel.dialect, Operation.CREATE_UPLOAD)
    packed = urlsafe_b64encode(zlib.compress(orjson.dumps(headers))).decode()
    mark = secrets.token_hex(8)
    await _stage(channel, Operation.CREATE_UPLOAD, key, _block_id(mark, 0, md5(_BEGIN).digest()), _BEGIN)  # noqa: S324
    return f"{mark}.{packed}"


async def put_part(
    channel: Channel, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None
) -> Part:
    """See `MultipartWriter.put_part`; the part's ETag is its MD5."""
    block_id = _block_id(_mark(upload_id), number, block.md5)
    await _stage(channel, Operation.PUT_PART, key, block_id, block.data, block.md5, pace)
    return Part(number, block.md5.hex(), len(block))


async def _stage(
    channel: Channel,
    operation: Operation,
    key: bytes,
    block_id: str,
    data: bytes | bytearray | memoryview,
    digest: bytes | None = None,
    pace: Pace | None = None,
) -> None:
    headers = (("content-md5", b64encode(digest).decode()),) if digest else ()
    query = (("comp", "block"), ("blockid", block_id))
    await channel.call(Ask(operation, "PUT", key, query, headers, data, pace, WRITE_LIMITS))


async def list_parts(channel: Channel, key: bytes, upload_id: str) -> tuple[Part, ...]:
    """See `MultipartWriter.list_parts`; in order of their numbers."""
    parts = {one.number: one for one in await _own(channel, key, upload_id) if one.number}
    return tuple(Part(number, parts[number].md5, parts[number].size) for number in sorted(parts))


async def _own(channel: Channel, key: bytes, upload_id: str) -> list[_Staged]:
    """The upload's blocks with its first. Raises NotFound NO_UPLOAD when that is gone."""
    mark = _mark(upload_id)
    found = [one for one in await _staged(channel, Operation.LIST_PARTS, key) if one.mark == mark]
    if not found:
        raise NotFound(Meaning.NO_UPLOAD, Operation.LIST_PARTS, status=404, message="no block of this upload")
    return found


async def _staged(channel: Channel, operation: Operation, key: bytes) -> list[_Staged]:
    query = (("comp", "blocklist"), ("blocklisttype", "uncommitted"))
    try:
        answer = await channel.call(Ask(operation, "GET", key, query, limits=_BLOCK_LIST))
    except NotFound as error:
        # The key has neither a blob nor blocks.
        raise NotFound(Meaning.NO_UPLOAD, operation, status=error.status, code=error.code) from error
    document = _document(operation, answer, "BlockList")
    found = []
    for blocks in document.all("UncommittedBlocks"):
        for element in blocks:
            try:
                named = _BLOCK.fullmatch(b64decode(document.text("Name", element)))
                size = int(document.text("Size", element))
            except ValueError as error:
                raise broken(operation, answer, "a block is not written as it must be") from error
            if named is not None:
                found.append(_Staged(named[1].decode(), int(named[2]), named[3].decode(), size))
    return found


async def complete_upload(
    channel: Channel, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
) -> Written:
    """See `MultipartWriter.complete_upload`. A commit of blocks that are not there tells an upload that is gone from
    a part that is missing by one more request.
    """
    operation, mark = Operation.COMPLETE_UPLOAD, _mark(upload_id)
    headers = (
        ("content-type", "application/xml"),
        *_packed_headers(upload_id),
        *condition_headers(condition, channel, operation),
    )
    ask = Ask(
        operation, "PUT", key, (("comp", "blocklist"),), headers, _manifest(mark, parts), limits=ASSEMBLY
    )
    try:
        answer = await channel.call(ask)
    except Rejected as error:
        if error.meaning is Meaning.BAD_PART:
            await _own(channel, key, upload_id)
        raise
    told = complaint(answer, channel.dialect.prefix)
    if told.code:
        raise refused(operation, answer, told)
    return stored(operation, answer, channel)


def _manifest(mark: str, parts: Sequence[Part]) -> bytes:
    lines = "".join(
        f"<Uncommitted>{_block_id(mark, part.number, bytes.fromhex(part.etag))}</Uncommitted>"
        for part in sorted(parts, key=lambda part: part.number)
    )
    return f'<?xml version="1.0" encoding="utf-8"?><BlockList>{lines}</BlockList>'.encode()


async def list_uploads(channel: Channel, prefix: bytes) -> tuple[OpenUpload, ...]:
    """See `UploadLister.list_uploads`. Of each upload its mark is told, which is all that `list_parts` needs."""
    operation, found, marker = Operation.LIST_UPLOADS, dict[tuple[bytes, str], OpenUpload](), ""
    while True:
        query = [("restype", "container"), ("comp", "list"), ("include", "uncommittedblobs")]
        more = ([("prefix", prefix)] if prefix else []) + ([("marker", marker)] if marker else [])
        answer = await channel.call(Ask(operation, "GET", query=(*query, *more)))
        document = _document(operation, answer, "EnumerationResults")
        for blobs in document.all("Blobs"):
            for element in blobs:
                told = element.find(document.tag("Properties"))
                modified = 0 if told is None else http_date_ms(document.text("Last-Modified", told))
                for upload in await _of_key(channel, pages.name_of(document, element), modified):
                    found[upload.key, upload.upload_id] = upload
        following = document.text("NextMarker")
        if not following:
            return tuple(found.values())
        if following == marker:
            raise broken(operation, answer, "the list of uploads does not advance")
        marker = following


async def _of_key(channel: Channel, key: bytes, modified_ms: int) -> list[OpenUpload]:
    try:
        staged = await _staged(channel, Operation.LIST_UPLOADS, key)
    except NotFound:
        return []
    return [OpenUpload(key, mark, modified_ms) for mark in dict.fromkeys(one.mark for one in staged)]


def _block_id(mark: str, number: int, digest: bytes) -> str:
    return b64encode(f"{mark}-{number:05}-{digest.hex()}".encode()).decode()


def _mark(upload_id: str) -> str:
    return _parsed(upload_id)[0]


def _packed_headers(upload_id: str) -> HeaderList:
    packed = _parsed(upload_id)[1]
    if packed is None:
        return ()
    return tuple((name, value) for name, value in orjson.loads(zlib.decompress(urlsafe_b64decode(packed))))


def _parsed(upload_id: str) -> tuple[str, str | None]:
    found = _ID.fullmatch(upload_id)
    if found is None:
        raise NotFound(Meaning.NO_UPLOAD, Operation.LIST_PARTS, message="no id of an upload")
    return found[1], found[2]


def _document(operation: Operation, answer: WireAnswer, root: str) -> Document:
    try:
        return Document(answer.document, root)
    except BrokenXml as error:
        raise broken(operation, answer, str(error)[:200]) from error
