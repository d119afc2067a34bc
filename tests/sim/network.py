"""A bucket as one process sees it through a network: late, lost, flipped, cut, and sometimes as it is."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.errors import Corrupted, Denied, Fatal, StoreError, Throttled, Unavailable
from connectors.objects import (
    Block,
    ByteRange,
    Condition,
    Guard,
    ObjectHead,
    ObjectPage,
    OpenUpload,
    Pace,
    Part,
    ReadAnswer,
    WriteOptions,
    Written,
)
from connectors.traits import Traits
from engine.failures import Meaning, Operation
from ledger.values import TaskId
from tests.sim.buckets import Bucket, flipped, now_done
from tests.sim.loop import pause
from tests.sim.process import Process

if TYPE_CHECKING:
    from tests.sim.world import World

T = TypeVar("T")
WRITES = frozenset({Operation.PUT, Operation.CREATE_UPLOAD, Operation.PUT_PART, Operation.COMPLETE_UPLOAD})
# Those that wait for bandwidth have begun before.
PACED = frozenset({Operation.PUT, Operation.PUT_PART})
ZOMBIE_SECONDS = 8.0


class Remote:
    """Everything that `SourceStore` and `DestinationStore` promise, for one process and one task."""

    def __init__(self, world: "World", process: Process, bucket: Bucket, task_id: TaskId) -> None:
        self._world = world
        self._process = process
        self._bucket = bucket
        self._task_id = task_id
        self._keys = world.keys[task_id]

    @property
    def traits(self) -> Traits:
        return self._bucket.traits

    @property
    def name(self) -> str:
        return self._bucket.name

    async def check_bucket(self) -> None:
        await self._call(Operation.CHECK_BUCKET, b"", lambda: now_done(self._bucket.check_bucket()))

    async def list_page(self, prefix: bytes, after: bytes, limit: int = 1000) -> ObjectPage:
        page = await self._call(
            Operation.LIST, prefix, lambda: now_done(self._bucket.list_page(prefix, after, limit))
        )
        if page.after is not None and self._world.weather.store("empty_page"):
            way_on = max(after, page.objects[0].key[:-1]) if page.objects else after
            if way_on > after and way_on >= prefix and limit > 1:
                return ObjectPage((), way_on)
        return page

    async def head(self, key: bytes) -> ObjectHead:
        return await self._call(Operation.HEAD, key, lambda: now_done(self._bucket.head(key)))

    async def read(self, key: bytes, guard: Guard, part: ByteRange | None = None) -> ReadAnswer:
        self._world.checks.read_begins(self._process, self._bucket, key, guard)
        if key in self._world.plan.poison and self._bucket is self._world.source:
            self._process.kill()
            raise asyncio.CancelledError
        size = guard.size if part is None else part.length
        answer = await self._call(
            Operation.READ, key, lambda: now_done(self._bucket.read(key, guard, part)), size
        )
        self._world.checks.moved(self._task_id, self._bucket, "read", len(answer.data))
        if self._world.shows_flips(self._bucket) and self._world.weather.store("flipped"):
            data = flipped(Block(answer.data, b"", 0)).data
            return replace(answer, data=bytes(data))
        return answer

    async def put(
        self, key: bytes, block: Block, options: WriteOptions, condition: Condition, pace: Pace | None = None
    ) -> Written:
        await self._paced(Operation.PUT, key, block, pace)
        sent = self._on_the_way(block)
        # What a store takes unseen and long after all answers, damaged, nobody can notice.
        late = sent is block or self._bucket.traits.md5_enforced
        return await self._call(
            Operation.PUT,
            key,
            lambda: now_done(self._bucket.put(key, sent, options, condition)),
            len(block),
            late=late,
        )

    async def create_upload(self, key: bytes, options: WriteOptions) -> str:
        return await self._call(
            Operation.CREATE_UPLOAD, key, lambda: now_done(self._bucket.create_upload(key, options))
        )

    async def put_part(
        self, key: bytes, upload_id: str, number: int, block: Block, pace: Pace | None = None
    ) -> Part:
        await self._paced(Operation.PUT_PART, key, block, pace)
        sent = self._on_the_way(block)

        def land() -> Part:
            if self._world.weather.store("dropped_upload"):
                self._bucket.forget_upload(upload_id)
            return now_done(self._bucket.put_part(key, upload_id, number, sent))

        return await self._call(Operation.PUT_PART, key, land, len(block))

    async def list_parts(self, key: bytes, upload_id: str) -> tuple[Part, ...]:
        return await self._call(
            Operation.LIST_PARTS, key, lambda: now_done(self._bucket.list_parts(key, upload_id))
        )

    async def complete_upload(
        self, key: bytes, upload_id: str, parts: Sequence[Part], condition: Condition
    ) -> Written:
        return await self._call(
            Operation.COMPLETE_UPLOAD,
            key,
            lambda: now_done(self._bucket.complete_upload(key, upload_id, parts, condition)),
        )

    async def abort_upload(self, key: bytes, upload_id: str) -> None:
        await self._call(
            Operation.ABORT_UPLOAD, key, lambda: now_done(self._bucket.abort_upload(key, upload_id))
        )

    async def list_uploads(self, prefix: bytes) -> tuple[OpenUpload, ...]:
        return await self._call(
            Operation.LIST_UPLOADS, prefix, lambda: now_done(self._bucket.list_uploads(prefix))
        )

    async def delete(self, key: bytes) -> None:
        await self._call(Operation.DELETE, key, lambda: now_done(self._bucket.delete(key)))

    def _begins(self, operation: Operation, key: bytes) -> None:
        self._world.checks.begins(self._process, self._bucket, self._task_id, operation, key)
        if operation in WRITES and self._keys != self._world.keys[self._task_id]:
            self._world.checks.begins_with_old_keys(self._process, self._task_id)

    async def _paced(self, operation: Operation, key: bytes, block: Block, pace: Pace | None) -> None:
        self._begins(operation, key)
        if pace is not None and len(block):
            await pace(len(block))
        self._world.checks.moved(self._task_id, self._bucket, "write", len(block))

    def _on_the_way(self, block: Block) -> Block:
        if not len(block) or not self._world.weather.store("flipped"):
            return block
        other = flipped(block)
        return other if self._bucket.traits.md5_enforced else self._world.hashed(bytes(other.data))

    async def _call(
        self, operation: Operation, key: bytes, effect: Callable[[], T], size: int = 0, *, late: bool = True
    ) -> T:
        """One request; `late`: it may land when nobody waits for it any more."""
        process, world = self._process, self._world
        dies = process.enter()
        world.step()
        if operation not in PACED:
            self._begins(operation, key)
        process.in_air[self.name] = process.in_air.get(self.name, 0) + 1
        size = 0 if self._bucket is world.lists or key.startswith(b"oms/") else size
        process.bytes_in_air += size
        world.checks.in_air(process, self._bucket)
        try:
            return await self._exchange(operation, key, effect, dies=dies, late=late and operation in WRITES)
        finally:
            process.in_air[self.name] -= 1
            process.bytes_in_air -= size

    async def _exchange(
        self, operation: Operation, key: bytes, effect: Callable[[], T], *, dies: bool, late: bool
    ) -> T:
        world = self._world
        fault = world.weather.store("refused", "lost", "zombie", "throttled", "corrupted")
        try:
            await pause(world.latency())
        except asyncio.CancelledError:
            if late and world.random.random() < 0.5:
                self._later(operation, key, effect)
            raise
        refusal = world.refusal(self._bucket, self._task_id, operation, key)
        if refusal is not None:
            raise refusal
        match fault:
            case "refused":
                raise Unavailable(Meaning.UNAVAILABLE, operation, status=503)
            case "throttled":
                after = world.random.choice((None, None, 1.0, 900.0))
                raise Throttled(Meaning.THROTTLED, operation, status=429, retry_after=after)
            case "corrupted":
                raise Corrupted(Meaning.BROKEN_ANSWER, operation, status=200)
            case "zombie":
                if late:
                    self._later(operation, key, effect)
                raise Unavailable(Meaning.UNAVAILABLE, operation)
        answer = self._landed(operation, key, effect)
        if dies:
            self._process.kill()
            raise asyncio.CancelledError
        if world.random.random() < 0.3:
            await pause(world.latency())
        if fault == "lost":
            raise Unavailable(Meaning.UNAVAILABLE, operation)
        return answer

    def _landed(self, operation: Operation, key: bytes, effect: Callable[[], T], *, late: bool = False) -> T:
        self._bucket.author = self._process.name
        before = self._bucket.at(key) if operation in WRITES else None
        answer = effect()
        # What a process had begun before it was frozen arrives as late as what was lost on the way.
        late = late or not self._process.strict
        self._world.checks.landed(self._bucket, self._task_id, operation, key, before, answer, late=late)
        return answer

    def _later(self, operation: Operation, key: bytes, effect: Callable[[], Any]) -> None:
        """The request is on its way, whatever becomes of who sent it."""

        def land() -> None:
            self._world.checks.zombies -= 1
            try:
                self._landed(operation, key, effect, late=True)
            except StoreError:
                return

        self._world.checks.zombies += 1
        self._world.loop.call_later(self._world.random.random() * ZOMBIE_SECONDS, land)


def denied(operation: Operation) -> StoreError:
    """This key may not be touched."""
    return Denied(Meaning.ACCESS_DENIED, operation, status=403, code="AccessDenied")


def revoked(operation: Operation) -> StoreError:
    """The keys are of no use."""
    return Fatal(Meaning.EXPIRED_CREDENTIALS, operation, status=403, code="ExpiredToken")
