"""Planted bugs: small changes of production's source that the simulator has to notice, and the promise each breaks.

`old` occurs once in the file. `seeds`: how many it may take. `test`: the one that notices it instead, where seeds meet
it too rarely. `unreachable`: why no run can notice it, where none does.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRANSFER = "workers/transfer"
FINDINGS = "tests/sim/test_findings.py::test_"


@dataclass(frozen=True, slots=True)
class Mutation:
    """One planted bug."""

    name: str
    promise: str
    path: str
    old: str
    new: str
    seeds: int = 400
    test: str = ""
    unreachable: str = ""

    @property
    def file(self) -> Path:
        """Where it is."""
        return ROOT / self.path

    @property
    def module(self) -> str:
        """The module that it changes."""
        return self.path.removesuffix(".py").replace("/", ".")

    def applied(self, source: str) -> str:
        """The changed source. Raises ValueError unless `old` occurs exactly once."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.name}: {source.count(self.old)} times in {self.path}: {self.old!r}")
        return source.replace(self.old, self.new)


def _in(name: str, promise: str, file: str, old: str, new: str, **more: object) -> Mutation:
    return Mutation(name, promise, f"{TRANSFER}/{file}.py", old, new, **more)  # type: ignore[arg-type]


MUTATIONS = (
    # Leases and fences
    _in("a lease is never checked before a write", "P-24", "leases", "if not self.usable():", "if self.lost:", seeds=3000),
    _in("a lost lease goes unnoticed", "P-20", "leases", "elif fence in self._held:", "elif False:",
        unreachable="every write asks the deadline that the answers did not move: the notice only ends the rest sooner"),
    _in("a worker that cannot renew goes on", "P-20", "leases",
        "if not lease.usable():\n                lease.gone.set()", "if False:\n                lease.gone.set()",
        unreachable="every write asks the deadline itself: the notice only ends the rest sooner"),
    _in("a lease is counted from the answer", "P-20", "leases",
        "lease.deadline = sent_at + self._ledger.lease_seconds",
        "lease.deadline = self._clock.monotonic() + 2 * self._ledger.lease_seconds", seeds=3000),
    _in("no lease check before completing", "P-24", "multipart",
        "self._lease.under(\n                    lambda: self._store.complete_upload(",
        "(\n                    lambda: self._store.complete_upload(",
        test=FINDINGS + "a_completion_that_is_tried_again_ends_with_its_lease"),
    _in("no lease check before a put", "P-24", "copying",
        "self._lease.check()\n            pace = None if paid", "pace = None if paid", seeds=8000),
    _in("nothing is given back", "F56", "endings", "if not lease.lost:", "if False:"),
    _in("a stopped worker keeps its claim", "F56", "worker", "await self._ledger.release(claim.fence)\n            return None", "return None", seeds=3000),
    _in("a stopped worker's jobs go on", "F56", "worker",
        "for one in (*jobs, *self._background):\n            one.cancel()\n        await asyncio.gather(*jobs, *self._background, return_exceptions=True)",
        "pass"),
    # The journal
    _in("segments keep their number", "P-12", "journal", "self._seq += 1", "self._seq += 0"),
    _in("a repeated checkpoint has grown", "P-30", "journal",
        "if not self._batch:\n                    most = self._context.limits.flush_count\n",
        "if True:\n                    most = self._context.limits.flush_count\n"
        "                    self._waiting = self._batch + self._waiting\n", seeds=3000),
    _in("journalled outcomes are waiting still", "P-13", "journal", "self._batch = []\n        self._seq", "self._seq"),
    _in("what is done is done again", "P-13", "units", "if not self._claim.done[i]", "if True"),
    _in("outcomes of a cut unit are forgotten", "P-23", "units",
        "if not self._lease.lost:\n                await self._journal.flush()", "if not self._lease.lost:\n                pass", seeds=1500),
    _in("an outcome's ETag is the copied one", "P-12", "copying",
        "listed.etag, evidence, strength", "subject.etag, evidence, strength"),
    _in("segments do not add up their bytes", "P-17", "segments", "bytes=sum(one.size for one in outcomes)", "bytes=0"),
    # Poison
    _in("a poison object never fails", "F57", "units",
        "if suspect and claim.crashes >= MOST_CRASHES:", "if False:",
        seeds=1000),
    _in("nobody says which object he is at", "F57", "units",
        "if not await self._context.ledger.mark_current(claim, idx):", "if False:", seeds=1000),
    _in("a suspect is tried with others beside it", "F57", "units",
        "alone = suspect and claim.crashes == MOST_CRASHES - 1", "alone = False", seeds=12000),
    # Reading
    _in("reads take any version", "P-03", "subjects", "return Guard(self.etag, self.size, self.version)",
        'return Guard("", self.size)'),
    _in("a wrong MD5 of a read is believed", "P-01", "reading",
        "return told != block.md5.hex() and MD5.fullmatch(told) is not None", "return False",
        seeds=3000),
    _in("a wrong CRC64 of a read is believed", "P-01", "reading",
        "if head.crc64 not in (None, block.crc64):", "if False:", seeds=8000),
    # Writing
    _in("a contradiction is ignored", "P-01", "verdicts",
        "if contradicted(proof, etag_is_md5=told and found.holds(etag_rule)):", "if False:"),
    Mutation("two CRC64 that differ are the same", "P-01", "engine/evidence.py",
             "if told != _UNTOLD and len({proof.crc64, *told} - _UNTOLD) > 1:", "if False:", seeds=3000),
    _in("any object of our size is ours", "P-01", "copying",
        "if head is None or head.info.size != len(block) or head.info.etag != block.md5.hex():", "if head is None:",
        seeds=1500),
    _in("every write is called strong", "P-01", "copying", '"weak" if subject.weak else "strong"', '"strong"', seeds=5000),
    _in("writes are never conditional", "P-07", "subjects",
        "return ABSENT if dst_etag is None else Condition(etag=dst_etag)", "return ANY",
        test=FINDINGS + "what_comes_between_the_look_and_the_write_is_not_overwritten"),
    _in("nobody looks before an unguarded write", "P-07", "decisions",
        "if head is not None and head.info.etag != subject.ours:", "if False:",
        test=FINDINGS + "what_comes_between_the_look_and_the_write_is_not_overwritten"),
    Mutation("no_overwrite overwrites", "P-07", "engine/policy.py", "return _EXISTS", "return Copy(Reason.ABSENT)"),
    Mutation("a newer object is overwritten", "P-07", "engine/policy.py",
             "newer = ahead > 0 or", "newer = True or"),
    Mutation("another size is the same", "P-08", "engine/policy.py", "if source.size != existing.size:", "if False:"),
    Mutation("the save prefix is forgotten", "P-10", "engine/keys.py", "return save_prefix.encode() + key", "return key"),
    # Uploads
    _in("parts of two versions are one upload", "P-26", "multipart",
        "same = (row.src_etag, row.src_size, row.part_size) == (subject.etag, subject.size, plan.part_size)",
        "same = True", seeds=3000),
    _in("an upload that nobody owns is left", "P-36", "multipart",
        "await context.destination(lambda: self._store.abort_upload(subject.dst_key, upload_id))\n            raise LeaseLost",
        "raise LeaseLost",
        unreachable="its intent stays recorded: the next owner or the end of the run aborts what that explains"),
    _in("uploads of lost answers are left", "P-36", "creating", "if next(tries) > 1:", "if False:"),
    _in("a lost answer to Complete is an error", "P-23", "multipart",
        "written = await self._landed(subject, row, stored)\n            if written is None:", "written = None\n            if True:",
        test=FINDINGS + "a_completion_whose_answer_is_lost_is_no_object_of_somebody_else"),
    _in("a finished upload of dead owners is believed unseen", "P-01", "multipart",
        "if subject.idx not in self._heads:\n            self._heads[subject.idx] = await self._asked(subject)\n"
        "        told = self._heads[subject.idx].crc64",
        "told = self._heads[subject.idx].crc64 if subject.idx in self._heads else None"),
    _in("a careless store's parts are taken over", "P-01", "multipart",
        "if not (whole and traits.md5_enforced and hashed", "if not (whole and hashed",
        test=FINDINGS + "a_part_that_a_careless_store_has_damaged_is_not_taken_over"),
    _in("an adopted part needs no proof", "P-01", "multipart",
        "if told is not None and crc is None and written.crc64 is None:", "if False:",
        test=FINDINGS + "a_part_that_a_dead_worker_misread_is_not_taken_over_unproven"),
    _in("the MD5 of a large object is not compared", "P-01", "multipart",
        "if sender.whole is not None and sender.whole.hexdigest() != told:", "if False:", seeds=1500),
    _in("parts of dead owners are not read back", "P-01", "multipart",
        "if await md5_of(self._back(landing, plan), self._context.hashing) != told:", "if False:", seeds=3000),
    _in("the MD5 of a whole does not wait for its turn", "P-01", "whole_md5", "if number != self._next:", "if False:",
        seeds=1500),
    _in("an upload whose parts landed by another is left", "P-36", "multipart",
        "await context.destination(partial(self._store.abort_upload, row.dst_key, row.upload_id))\n            return written",
        "return written", test=FINDINGS + "an_upload_whose_parts_landed_by_another_is_aborted"),
    _in("open uploads are not closed at the end", "P-36", "finish", "await self._close_uploads()", "pass"),
    _in("a list's open uploads are not swept", "P-36", "records",
        "for upload in await call(lambda: store.list_uploads(self._key)):", "for upload in ():", seeds=1500),
    _in("a list's open uploads are not swept before its own", "P-36", "records", "await self._sweep()\n        options", "options",
        unreachable="the sweep after the list's completion takes away the same"),
    # Parts that several workers send
    _in("what has to pass in its order is shared", "P-23", "sharing",
        "if sender.whole is not None:\n            return", "if False:\n            return", seeds=1500),
    _in("a helper reads any version", "P-03", "helping", "row.src_size, -1, row.src_etag, version=claim.version", 'row.src_size, -1, ""'),
    _in("a helper's refusal ends the task", "P-23", "helping", "except StoreError as error:", "except Fatal as error:",
        unreachable="after three tries a span is its owner's, before a fifth would halt the task"),
    _in("a span that could not be sent is called done", "P-06", "helping",
        "await ledger.return_span(self._claim)", "await ledger.end_span(self._claim)",
        unreachable="a part that is not recorded is its owner's, wherever its span went"),
    # Listing
    _in("an empty page is the end", "P-15", "scan", "last=passed or page.after is None", "last=passed or not page.objects",
        seeds=1500),
    _in("a range lists beyond its end", "P-13", "scan", "and (hi is None or one.key < hi)", "", seeds=1500),
    _in("a split range keeps its end", "P-13", "scan", "self._hi = point", "pass", seeds=1500),
    _in("a page counts what it does not list", "P-11", "scan", "listed=len(stride.objects)", "listed=len(stride.objects) + 1"),
    Mutation("a folder's own object is not listed", "P-14", "engine/selection.py",
             "if lo <= prefix:\n        return b\"\"", "if lo <= prefix:\n        return prefix"),
    Mutation("a resumed range begins too late", "P-14", "engine/selection.py",
             "if lo.endswith(b\"\\0\"):\n        return lo[:-1]", "if lo.endswith(b\"\\0\"):\n        return lo[:-1] + b\"0\"", seeds=3000),
    _in("the last unit of a page is lost", "P-14", "sifting", "if together:\n        yield unit_of(together, large=False)", "pass"),
    _in("what was not looked at is absent", "P-07", "sifting",
        'return entry_of(one, "unknown", "", line)\n            case Absent', 'return entry_of(one, "absent", "", line)\n            case Absent',
        seeds=4000),
    Mutation("a page of the destination is all of it", "P-07", "engine/march.py",
             "end = None if after is None else just_after(after)", "end = None", seeds=3000),
    _in("equal lines are copied each", "P-13", "sifting", "if one.key == before else", "if False else"),
    _in("equal lines may be on two pages", "P-13", "listing",
        "if len(page) >= PAGE and line.key != page[-1].key:", "if len(page) >= PAGE:", seeds=1500),
    _in("a list goes on with the line before", "P-13", "runs", "if row[0] > after:", "if row[0] >= after:",
        unreachable="a range drops the keys up to its cursor, whatever its listing shows"),
    _in("old objects are copied too", "P-14", "sifting",
        "if self._since_s and one.modified_ms >= 0 and not is_recent(one.modified_ms, self._since_s):", "if False:", seeds=1000),
    _in("a retry does everything again", "P-19", "prepare", "if context.control.failed_only:", "if False:"),
    # Lists and the end
    _in("no lists are written", "P-16", "finish", "await self._write_records()", "pass"),
    _in("a damaged list is believed", "P-16", "records",
        "proof, etag_is_md5=told and traits.etag_is_md5 and (traits.composite_etag or not composed)",
        "proof, etag_is_md5=False", seeds=8000),
    _in("a list tells when it was written", "P-16", "records",
        "lines(decode_columns(payload), kind, zone)",
        "lines((c := decode_columns(payload))._replace(finished_ms=[self._context.clock.now_ms()] * len(c.keys)), kind, zone)",
        seeds=8000),
    _in("a list is not what its checksum says", "P-16", "records", "self._sha256.update(data)", "self._sha256.update(data[1:])"),
    # Limits
    _in("bytes in flight are not counted", "P-33", "budget", "self.held += n", "pass", seeds=1500),
    _in("more comes back than was taken", "P-33", "budget", "self.held -= n", "self.held -= 2 * n", seeds=1500),
    _in("a finished request keeps its place", "P-23", "gate", "self.taken -= 1\n", "pass\n"),
    _in("requests in the air are not bounded", "P-34", "gate",
        "if self._queue or self.taken >= self._most():", "if False:", seeds=1500),
    _in("writes are not limited", "P-32", "context", 'await self.take("write", n)', "pass"),
    _in("reads are not limited", "P-32", "reading", 'await context.take("read", piece)', "pass"),
    _in("what goes in one piece is not paid", "P-32", "calls", "await before()", "pass"),
    _in("a pause is not heard", "P-24", "context",
        "if control.desired is not Desired.RUN or control.status is not TaskStatus.MIGRATING:", "if False:",
        test=FINDINGS + "a_pause_ends_the_asking_for_an_upload_that_goes_on_by_itself"),
    _in("keys of a task that was started again are not read anew", "P-38", "context",
        "return control is not None and control.starts == self.control.starts", "return control is not None",
        test=FINDINGS + "who_stands_still_through_a_pause_and_a_start_goes_on_with_the_keys_of_the_start"),
    # Groups
    _in("what a group has listed is not made tasks", "P-23", "grouping",
        "if not await context.ledger.cut(claim, _now(context)):", "if True:"),
    # Nothing shows these
    _in("a checkpoint does not hear the owner", "P-24", "journal", "if answer.desired is not Desired.RUN:", "if False:",
        unreachable="the board asks for the owner's wish twice a second: the second layer covers the first"),
    _in("a page does not hear that its lease is lost", "P-20", "scan", "if not saved.alive:", "if False:",
        unreachable="the ledger refuses every further page of a void fence; listing on costs time only"),
    _in("a part is recorded without shelter", "P-36", "sending", "await asyncio.shield(self._record(part))",
        "await self._record(part)",
        unreachable="a part that is not recorded is found by listing the upload's parts, or sent again"),
    _in("an old decision is not taken again", "P-07", "decisions",
        "return age > self._context.limits.stale_decision * 1000", "return False",
        unreachable="the write's condition, or the look before it, refuses what an old decision would overwrite"),
    _in("an object below the evidence that is asked for succeeds", "P-02", "verdicts", "if level < Level.L1:", "if False:",
        unreachable="no drawn store both ignores Content-MD5 and shows neither ETag nor CRC64"),
)  # fmt: skip
