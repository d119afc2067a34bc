"""P-01 to P-41: what is promised, what keeps it, the test that shows it, and the change that takes it out.

`old` occurs once in its file. The product is changed in a copy only (`python -m tests.trust`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
NUMBERS: Final = tuple(f"P-{number:02}" for number in range(1, 42))


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise. `mechanism` is the name in `path` that keeps it; `mutation` says what the change does."""

    number: str
    words: str
    path: str
    mechanism: str
    test: str
    mutation: str
    old: str
    new: str

    def mutated(self, source: str) -> str:
        """The source without the mechanism. Raises ValueError unless `old` occurs exactly once."""
        if source.count(self.old) != 1:
            raise ValueError(f"{self.number}: {source.count(self.old)} times in {self.path}: {self.old!r}")
        return source.replace(self.old, self.new)


_LEDGER = "tests/ledger/"
_UNIT = "tests/unit/"
_TRANSFER = "tests/transfer/"
_FINDINGS = "tests/sim/test_findings.py::"

PROMISES: Final = (
    Promise(
        "P-01", "What counts as copied holds the bytes of one version of its source.",
        "workers/transfer/reading.py", "the read's MD5 against the source's ETag",
        _TRANSFER + "test_faults.py::test_a_byte_that_is_always_flipped_is_never_counted_good[small]",
        "a wrong MD5 of a read is believed",
        "return told != block.md5.hex() and MD5.fullmatch(told) is not None", "return False",
    ),
    Promise(
        "P-02", "Every success names its evidence, and without evidence there is no success.",
        "workers/transfer/verdicts.py", "weigh",
        _TRANSFER + "test_endpoints.py::test_a_content_md5_that_nobody_checks_is_no_evidence",
        "an object below the least evidence succeeds",
        "if level < Level.L1:", "if False:",
    ),
    Promise(
        "P-03", "All reads of one copy are bound to one version of the source.",
        "workers/transfer/subjects.py", "Subject.guard",
        _TRANSFER + "test_faults.py::test_a_source_that_changes_while_it_is_read_is_one_version[large]",
        "reads take any version",
        "return Guard(self.etag, self.size, self.version)", 'return Guard("", self.size)',
    ),
    Promise(
        "P-04", "A body that is shorter than it said, or than was asked for, is no body.",
        "connectors/wire/bodies.py", "FixedBody.ended",
        _UNIT + "connectors/test_wire.py::test_a_body_that_ends_early_is_cut_short",
        "a body is whole wherever it ends",
        'as far as anybody can tell?"""\n        return self.whole',
        'as far as anybody can tell?"""\n        return True',
    ),
    Promise(
        "P-05", "Bytes are copied as they are stored, and stay labelled as they were encoded.",
        "workers/transfer/options.py", "write_options",
        _TRANSFER + "test_migration.py::test_stored_gzip_stays_as_it_is_stored",
        "the Content-Encoding stays behind",
        ", content_encoding=told.content_encoding)", ")",
    ),
    Promise(
        "P-06", "Nothing of ours is ever to be seen in part at its final key.",
        "workers/transfer/multipart.py", "LargeCopy._upload",
        _FINDINGS + "test_a_completion_whose_answer_is_lost_is_no_object_of_somebody_else",
        "an upload is completed without its last part",
        "return [stored[number] for number in range(1, plan.count + 1)]",
        "return [stored[number] for number in range(1, plan.count)]",
    ),
    Promise(
        "P-07", "What the overwrite mode protects is not overwritten, not even in the moment before the write.",
        "workers/transfer/subjects.py", "condition_for",
        _FINDINGS + "test_what_comes_between_the_look_and_the_write_is_not_overwritten[True]",
        "writes carry no condition",
        "return ABSENT if dst_etag is None else Condition(etag=dst_etag)", "return ANY",
    ),
    Promise(
        "P-08", "An object is skipped only by the rule that its outcome names.",
        "engine/policy.py", "size before time",
        _TRANSFER + "test_overwrite.py::test_the_truth_table",
        "another size is the same",
        "if source.size != existing.size:", "if False:",
    ),
    Promise(
        "P-09", "What is declared to travel arrives with the object, or what stayed behind is named.",
        "workers/transfer/options.py", "write_options",
        _TRANSFER + "test_properties.py::test_two_kilobytes_of_metadata_travel_and_a_byte_more_is_named",
        "user metadata stays behind unnamed",
        "return WriteOptions(told, kept",
        "return WriteOptions(Properties(content_type=told.content_type), kept",
    ),
    Promise(
        "P-10", "A key arrives in exactly its bytes, or the object fails by name.",
        "engine/keys.py", "destination_key",
        _TRANSFER + "test_migration.py::test_awkward_keys_arrive_under_the_same_bytes",
        "two slashes become one",
        "return save_prefix.encode() + key", 'return save_prefix.encode() + key.replace(b"//", b"/")',
    ),
    Promise(
        "P-11", "At every commit, listed is copied, skipped, failed and pending together.",
        "ledger/pages.py", "SAVE_PAGE",
        _LEDGER + "test_pages.py::test_a_page_leaves_units_outcomes_figures_digest_and_cursor",
        "a page is saved and not counted",
        "UPDATE counter c SET listed = c.listed + %(listed)s", "UPDATE counter c SET listed = c.listed",
    ),
    Promise(
        "P-12", "A run ends only when a recount of its outcomes equals its counters.",
        "ledger/finishing.py", "Finishing.end_run",
        _LEDGER + "test_finishing.py::test_a_run_does_not_end_with",
        "what the recount found is ignored",
        "if found is None or found.problems:", "if found is None:",
    ),
    Promise(
        "P-13", "An object has one outcome in a run.",
        "ledger/checkpoints.py", "CHECKPOINT, the bitmap",
        _LEDGER + "test_checkpoints.py::test_an_object_gets_one_outcome_only",
        "a second outcome is taken",
        " AND bit_count(done & %(mask)s::text::bit varying) = 0", "",
    ),
    Promise(
        "P-14", "What stands in the source during the whole listing is listed.",
        "engine/selection.py", "after_for",
        _UNIT + "engine/test_selection.py::test_a_lister_begins_at_the_inclusive_lo",
        "a range goes on behind its first key",
        'if lo.endswith(b"\\0"):\n        return lo[:-1]', 'if lo.endswith(b"\\0"):\n        return lo[:-1] + b"0"',
    ),
    Promise(
        "P-15", "A listing ends only with a whole page that says so.",
        "connectors/s3/listing.py", "parse_page",
        _UNIT + "connectors/test_answers.py::test_a_page_that_is_not_whole_is_refused",
        "a page that does not say whether it is the last one is the last one",
        "if truncated is None:", "truncated = bool(truncated)\n    if False:",
    ),
    Promise(
        "P-16", "A list of outcomes is what its recorded checksum says.",
        "workers/transfer/records.py", "the SHA-256 of a list",
        _FINDINGS + "test_a_list_that_the_store_has_damaged_is_written_again",
        "the checksum leaves out a byte",
        "self._sha256.update(data)", "self._sha256.update(data[1:])",
    ),
    Promise(
        "P-17", "The bytes that are told are those of the objects that were copied, each once.",
        "workers/transfer/segments.py", "segments",
        "tests/trust/test_gaps.py::test_a_segment_tells_the_bytes_of_its_objects",
        "segments tell no bytes",
        "bytes=sum(one.size for one in outcomes)", "bytes=0",
    ),
    Promise(
        "P-18", "A group's figures are those of its tasks when they are asked for.",
        "ledger/groups.py", "the sums of a group",
        "tests/groups/test_calls.py::test_sums_are_those_of_the_tasks",
        "one task's figure stands for all",
        "coalesce(sum(k.ok), 0)::bigint AS ok,", "coalesce(max(k.ok), 0)::bigint AS ok,",
    ),
    Promise(
        "P-19", "A retry does again exactly what had failed.",
        "ledger/plans.py", "FAILED",
        _LEDGER + "test_finishing.py::test_only_the_failures_are_done_again_and_move_to_the_successes",
        "a retry takes what was skipped in place of what had failed",
        "kind BETWEEN 'fail' AND 'fail'", "kind BETWEEN 'skip' AND 'skip'",
    ),
    Promise(
        "P-20", "Once a lease has a new owner, the old one's writes have no effect.",
        "ledger/checkpoints.py", "CHECKPOINT, the fence",
        _LEDGER + "test_checkpoints.py::test_an_old_fence_writes_nothing",
        "a checkpoint is taken from anybody",
        " AND epoch = %(epoch)s AND claim_id = %(claim)s AND state = 'leased' AND seq = %(seq)s",
        " AND state = 'leased' AND seq = %(seq)s",
    ),
    Promise(
        "P-21", "Work whose owner died can be claimed when the lease is over, whatever the broker holds.",
        "ledger/rows.py", "FREE",
        _LEDGER + "test_claims.py::test_an_expired_lease_is_taken_over_under_a_new_fence",
        "an expired lease is held for ever",
        "OR (x.state = 'leased' AND x.lease_until <= clock_timestamp()))", "OR false)",
    ),
    Promise(
        "P-22", "Messages are hints: without any a task ends as well.",
        "workers/tasks/polling.py", "Polling.turn",
        "tests/workers/test_slices.py::test_polling_comes_back_at_once_soon_or_jittered",
        "nobody looks for work by himself",
        "return jittered(self._seconds, self._random)", 'return float("inf")',
    ),
    Promise(
        "P-23", "When faults stop, each task ends, or says by name why not.",
        "ledger/dispatch.py", "_drained",
        _LEDGER + "test_dispatch.py::test_a_fatal_error_fails_the_drained_task_with_its_code",
        "a task fails without a reason",
        'return Ending(task_id, before, after, task["fatal_code"], task["fatal_message"])',
        "return Ending(task_id, before, after)",
    ),
    Promise(
        "P-24", "Paused is shown when nobody holds a lease of the task any more, not before.",
        "ledger/voiding.py", "LIVE",
        _LEDGER + "test_dispatch.py::test_every_kind_of_lease_keeps_a_task_pausing",
        "the leases of units do not count",
        "OR EXISTS (SELECT FROM unit WHERE {_LIVE} AND state = 'leased') AS live", "AS live",
    ),
    Promise(
        "P-25", "What a deleted task leaves open at the store is recorded, shown and swept.",
        "ledger/uploads.py", "LEAK",
        _LEDGER + "test_uploads.py::test_what_a_deleted_task_leaves_open_is_swept_by_the_next_task_of_that_bucket",
        "uploads of a deleted task count as closed",
        "UPDATE upload SET state = 'leaked'", "UPDATE upload SET state = 'closed'",
    ),
    Promise(
        "P-26", "An upload that is gone on with holds parts of one version only.",
        "workers/transfer/multipart.py", "LargeCopy._resumed",
        "tests/trust/test_gaps.py::test_an_upload_of_another_version_is_not_gone_on_with",
        "parts of two versions become one object",
        "same = (row.src_etag, row.src_size, row.part_size) == (subject.etag, subject.size, plan.part_size)",
        "same = True",
    ),
    Promise(
        "P-27", "A task moves along the arrows of its table only.",
        "engine/states.py", "TRANSITIONS",
        _UNIT + "engine/test_states.py::test_every_event_in_every_status_does_what_the_table_says",
        "a task that has succeeded can be started",
        "(_S.SUCCEEDED, _E.DELETED): _S.SUCCEEDED,",
        "(_S.SUCCEEDED, _E.DELETED): _S.SUCCEEDED,\n        (_S.SUCCEEDED, _E.STARTED): _S.WAITING,",
    ),
    Promise(
        "P-28", "The end of a run is told once.",
        "ledger/finishing.py", "Finishing._end",
        _LEDGER + "test_finishing.py::test_ending_twice_tells_once",
        "a run that has ended is ended again",
        'if run["phase"] == "ended":', "if False:",
    ),
    Promise(
        "P-29", "A repeated request with the same Idempotency-Key makes nothing a second time.",
        "ledger/idempotency.py", "claim",
        "tests/api/test_task_calls.py::test_the_same_idempotency_key_creates_one_task",
        "a used key is taken for a new one",
        "DO NOTHING RETURNING 1", "DO UPDATE SET body_sha256 = excluded.body_sha256 RETURNING 1",
    ),
    Promise(
        "P-30", "A transaction whose answer was lost can be sent again without a second effect.",
        "ledger/checkpoints.py", "_explained",
        _LEDGER + "test_checkpoints.py::test_the_same_checkpoint_twice_counts_once",
        "a repeated checkpoint is an error",
        'if row["seq"] == seq + 1 and row["landed"]:', "if False:",
    ),
    Promise(
        "P-31", "No wall clock of a worker decides whether a lease holds.",
        "workers/tasks/clock.py", "SystemClock.monotonic",
        "tests/trust/test_gaps.py::test_a_step_of_the_wall_clock_moves_no_lease",
        "leases are counted on the wall clock",
        "return time.monotonic()", "return time.time()",
    ),
    Promise(
        "P-32", "A task stays below its bandwidth limit, also when Redis forgets.",
        "workers/broker/bucket.lua", "a missing bucket is an empty one",
        "tests/workers/test_bucket.py::test_a_flush_every_300_ms_never_lifts_the_limit",
        "a forgotten bucket is full",
        "or now + tau)", "or now)",
    ),
    Promise(
        "P-33", "Object data in memory stays below a fixed sum, whatever is copied.",
        "workers/transfer/budget.py", "ByteBudget.take",
        _TRANSFER + "test_fairness.py::test_who_holds_least_gets_bytes_first_and_nobody_holds_all",
        "whoever comes first takes what is not there",
        "if wanted > self.total - self.held:", "if False:",
    ),
    Promise(
        "P-34", "A store that asks for less is asked less; retries have a budget.",
        "engine/retry.py", "RetryBudget.spend",
        _UNIT + "engine/test_retry.py::test_a_tenth_of_the_requests_and_ten_more_may_be_retried",
        "retries have no budget",
        "if _total(self._retries, second) + 1 > allowed:", "if False:",
    ),
    Promise(
        "P-35", "While the database takes no writes nothing counts as done and nothing goes on.",
        "workers/transfer/units.py", "UnitWork.run, the journal beside the work",
        _TRANSFER + "test_review.py::test_a_journal_that_breaks_ends_the_work_under_it",
        "copying goes on while its outcomes cannot be written",
        "self._all(left), flusher)", "self._all(left))",
    ),
    Promise(
        "P-36", "An upload that was asked for and never answered is found and aborted.",
        "workers/transfer/creating.py", "_created",
        _TRANSFER + "test_review.py::test_an_upload_begun_twice_leaves_none_open",
        "uploads of lost answers are left",
        "if next(tries) > 1:", "if False:",
    ),
    Promise(
        "P-37", "Nothing of the destination is deleted: there is no such option, and no code that would.",
        "workers/transfer/copying.py", "(no call of `delete` outside the probes)",
        "tests/trust/test_gaps.py::test_nothing_but_a_probe_is_deleted_at_the_destination",
        "a key is deleted before it is written",
        "key = destination_key(self._context.facts.spec.destination.save_prefix, entry.key)",
        "key = destination_key(self._context.facts.spec.destination.save_prefix, entry.key)\n"
        "        await self._context.destination(lambda: self._context.pair.destination.delete(key))",
    ),
    Promise(
        "P-38", "No secret stands in a log, an answer, a message or a plain row.",
        "workers/tasks/log.py", "JsonLines.format",
        "tests/workers/test_log.py::test_no_spelling_of_a_held_secret_is_written",
        "log lines are written as they come",
        "return self._secrets.blot(json.dumps(line, default=repr))", "return json.dumps(line, default=repr)",
    ),
    Promise(
        "P-39", "Another project's ids answer like ids that do not exist.",
        "ledger/tasks.py", "_SHOW",
        "tests/api/test_task_calls.py::test_another_projects_task_is_as_unknown_as_none",
        "a task is shown to any project",
        "WHERE t.project_id = :project_id AND t.id = :id", "WHERE (t.project_id = :project_id OR true) AND t.id = :id",
    ),
    Promise(
        "P-40", "No connection is opened to an address that may not be dialled.",
        "connectors/wire/dialling.py", "Dialler._resolve",
        _UNIT + "connectors/test_addresses.py::test_a_private_host_gets_no_connection",
        "any address may be dialled",
        "if not self._target.route.private_ok and not all(map(is_public, addresses)):", "if False:",
    ),
    Promise(
        "P-41", "A change and its audit row are one transaction.",
        "api/tasks/creation.py", "the creation of a task",
        "tests/api/test_task_calls.py::test_creation_leaves_run_audit_and_wake_in_one_transaction",
        "a creation leaves no audit row",
        'await audit.record(connection, self.actor, Entry("createTask", str(task.id), detail))', "pass",
    ),
)  # fmt: skip
