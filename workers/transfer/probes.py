"""A handful of small objects that show what a destination really does (reliability 3.7); they are removed again."""

import asyncio
import hashlib
import logging
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count

from fastcrc import crc64

from connectors.errors import Corrupted, ObjectError, PreconditionFailed, Rejected, StoreError, Transient
from connectors.objects import ABSENT, ANY, Block, ByteRange, Condition, Guard, Part, WriteOptions, Written
from engine.endpoint import Found
from engine.evidence import multipart_etag
from workers.transfer.context import TaskContext
from workers.transfer.signals import TaskFailed
from workers.transfer.subjects import OPAQUE

log = logging.getLogger(__name__)
DATA = bytes(range(256)) * 4
ODD = " +%41&'(ä)".encode()
SEAM = 8
NOBODY = Condition(etag="0" * 32)


def block_of(data: bytes) -> Block:
    """A block with its hashes."""
    return Block(data, hashlib.md5(data, usedforsecurity=False).digest(), crc64.xz(data))


class Probes:
    """Looks at one destination under keys of its own. Raises TaskFailed when it gives other bytes back."""

    def __init__(self, context: TaskContext, token: str) -> None:
        self._context = context
        self._store = context.pair.destination
        self._options = WriteOptions(kms=context.facts.spec.enable_kms)
        self._folder = f"oms/probe/{token}/".encode()

    async def small(self) -> Found:
        """Seven requests, eight where odd keys are refused. Nothing is written by who may not delete.

        Raises Transient, Fatal.
        """
        key, block = self._folder + ODD, block_of(DATA)
        try:
            await self._delete(key)
        except ObjectError:
            return Found()
        odd = True
        try:
            try:
                written = await self._put(key, block)
            except Rejected:
                odd, key = False, self._folder + b"plain"
                written = await self._put(key, block)
            return replace(await self._seen(key, block, written), odd_keys=odd)
        except ObjectError:
            return Found()
        finally:
            await self._swept(key)

    async def in_parts(self, found: Found) -> Found:
        """Eight requests, six where odd keys were refused, none where nothing was seen. Raises Transient, Fatal."""
        if not found.seen:
            return found
        key = self._folder + b"parts"
        try:
            if found.odd_keys is not False:
                await self._put(key, block_of(DATA))
            return await self._upload(key, found)
        except Rejected:
            return replace(found, parts=False)
        except ObjectError:
            return found
        finally:
            await self._swept(key)

    async def _seen(self, key: bytes, block: Block, written: Written) -> Found:
        conditional = self._store.traits.conditional_put
        read_back = await self._read_back(key, DATA, ByteRange(1, len(DATA) - 1))
        plain = read_back is not None and written.encryption not in OPAQUE
        return Found(
            if_none_match=await self._refused(key, block, ABSENT) if conditional else None,
            if_match=await self._refused(key, block, NOBODY) if conditional else None,
            ranges=read_back,
            etag_is_md5=written.etag == block.md5.hex() if plain else None,
            # The last one: where it is taken it stands there.
            md5_refused=await self._refused(key, replace(block, md5=b"\0" * 16), ANY),
        )

    async def _upload(self, key: bytes, found: Found) -> Found:
        """Two parts, completed and read across their seam."""
        first, last = block_of(bytes(self._store.traits.min_part)), block_of(DATA)
        upload = await self._created_or_aborted(key)
        try:
            parts = [await self._part(key, upload, 1, first), await self._part(key, upload, 2, last)]
            written, conditional = await self._completed(key, upload, parts, found)
        except StoreError:
            await self._abort(key, upload)
            raise
        except asyncio.CancelledError:
            self._context.leave(self._abort(key, upload))
            raise
        seam = ByteRange(len(first) - SEAM, 2 * SEAM)
        read_back = await self._read_back(key, bytes(len(first)) + DATA, seam)
        plain = read_back is not None and written.encryption not in OPAQUE
        etag = multipart_etag([first.md5, last.md5])
        return replace(
            found,
            parts=True,
            conditional_complete=conditional,
            etag_of_parts=written.etag == etag if plain else None,
        )

    async def sweep(self) -> None:
        """Abort what somebody who died while he looked has left open."""
        key = self._folder + b"parts"
        for left in await self._context.destination(lambda: self._store.list_uploads(key)):
            await self._abort(key, left.upload_id)

    async def _created_or_aborted(self, key: bytes) -> str:
        """Who is cut off while the store is asked aborts what comes of it: nobody else knows of it."""
        creating = asyncio.create_task(self._created(key))
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            self._context.leave(self._disowned(key, creating))
            raise

    async def _disowned(self, key: bytes, creating: asyncio.Task[str]) -> None:
        with suppress(StoreError):
            await self._abort(key, await creating)

    async def _abort(self, key: bytes, upload: str) -> None:
        try:
            await self._context.destination(lambda: self._store.abort_upload(key, upload))
        except StoreError as error:
            log.warning("probe_left", extra={"key": key, "upload": upload, "why": str(error)})

    async def _created(self, key: bytes) -> str:
        """A new upload; those of answers that were lost are aborted."""
        tries = count()

        async def create() -> str:
            next(tries)
            return await self._store.create_upload(key, self._options)

        upload = await self._context.destination(create)
        if next(tries) > 1:
            for stray in await self._context.destination(lambda: self._store.list_uploads(key)):
                if stray.upload_id != upload:
                    await self._context.destination(partial(self._store.abort_upload, key, stray.upload_id))
        return upload

    async def _part(self, key: bytes, upload: str, number: int, block: Block) -> Part:
        context = self._context
        return await context.destination(
            lambda: self._store.put_part(key, upload, number, block, context.pace()), len(block)
        )

    async def _completed(
        self, key: bytes, upload: str, parts: list[Part], found: Found
    ) -> tuple[Written, bool | None]:
        """Under a condition that does not hold, then without one; and whether the first was refused."""

        async def complete(condition: Condition) -> Written:
            return await self._context.destination(
                lambda: self._store.complete_upload(key, upload, parts, condition)
            )

        conditional = None
        if found.odd_keys is not False and self._store.traits.conditional_complete:
            try:
                return await complete(ABSENT), False
            except PreconditionFailed:
                conditional = True
        return await complete(ANY), conditional

    async def _read_back(self, key: bytes, data: bytes, part: ByteRange) -> bool | None:
        """Whether ranges are served; None for who may not read. Raises TaskFailed for other bytes."""
        guard = Guard("", len(data))

        async def attempt() -> bytes | None:
            try:
                return bytes((await self._store.read(key, guard, part)).data)
            except Corrupted:
                return None

        try:
            told = await self._context.destination(attempt)
        except ObjectError:
            return None
        if told is not None and told != data[part.start : part.start + part.length]:
            raise TaskFailed("TRF.0061", "the destination gives back other bytes than were written")
        return told is not None

    async def _refused(self, key: bytes, block: Block, condition: Condition) -> bool:
        async def attempt() -> bool:
            try:
                await self._store.put(key, block, self._options, condition)
            except PreconditionFailed:
                return True
            except Rejected:
                # A store that has no such condition does not refuse for its sake.
                return condition is ANY
            except Corrupted:
                if condition is ANY:
                    return True
                raise
            return False

        return await self._context.destination(attempt)

    async def _put(self, key: bytes, block: Block) -> Written:
        return await self._context.destination(lambda: self._store.put(key, block, self._options, ANY))

    async def _delete(self, key: bytes) -> None:
        await self._context.destination(lambda: self._store.delete(key))

    async def _swept(self, key: bytes) -> None:
        """What cannot be removed now goes when this installation looks the next time."""
        try:
            await self._delete(key)
        except (ObjectError, Transient) as error:
            log.info("probe_left", extra={"key": key, "why": str(error)})
