"""Ends that somebody wants to be told of: written with the end itself, sent later, each at least once."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from psycopg.types.json import Jsonb

from engine.notices import Notice, Trigger
from engine.records import RecordKind, record_folder
from ledger.notifications import Kind, Told, Wish, wish_of
from ledger.pool import Connection, Pool, execute, fetch_one

TOPIC = "notice"
# A notifier that dies leaves its messages to the others after this time.
CLAIM_SECONDS = 60
MOST = 20

_WISH = """
SELECT config, project_id FROM notification WHERE kind = %(kind)s AND owner = %(owner)s FOR UPDATE"""
# The result of an earlier end is not the result of this one.
_EVENT = "UPDATE notification SET event = %(key)s, result = NULL WHERE kind = %(kind)s AND owner = %(owner)s"
_POST = """
INSERT INTO outbox (dedupe_key, topic, payload) VALUES (%(key)s, %(topic)s, %(payload)s)
ON CONFLICT (dedupe_key) DO NOTHING"""
_FIGURES = """
SELECT coalesce(extract(epoch FROM min(coalesce(t.first_started_at, t.created_at))) * 1000, 0)::bigint AS started_ms,
       coalesce(max(t.running_ms), 0)::bigint AS longest_ms,
       coalesce(extract(epoch FROM max(t.ended_at) - min(t.first_started_at)) * 1000, 0)::bigint AS span_ms,
       coalesce(sum(r.base_ok_bytes + c.ok_bytes), 0)::bigint AS moved,
       coalesce(bool_or(o.kinds ? 'ok'), false) AS ok, coalesce(bool_or(o.kinds ? 'skip'), false) AS skip,
       coalesce(bool_or(o.kinds ? 'fail'), false) AS fail
  FROM task t JOIN run r ON r.task_id = t.id AND r.run_no = t.run_no
  CROSS JOIN LATERAL (SELECT coalesce(sum(ok_bytes), 0)::bigint AS ok_bytes FROM counter k
                       WHERE k.task_id = t.id AND k.run_no = t.run_no) c
  CROSS JOIN LATERAL (SELECT coalesce(jsonb_agg(DISTINCT kind), '[]') AS kinds FROM record
                       WHERE task_id = t.id AND run_no = t.run_no AND state = 'written') o
 WHERE """
_OF = {Kind.TASK: "t.id = %(owner)s::bigint", Kind.GROUP: "t.group_id = %(owner)s::uuid"}

_CLAIM = """
UPDATE outbox SET attempts = attempts + 1, not_before = clock_timestamp() + make_interval(secs => %(lease)s)
 WHERE id IN (SELECT id FROM outbox WHERE sent_at IS NULL AND topic = %(topic)s AND not_before <= clock_timestamp()
              ORDER BY not_before, id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
RETURNING id, dedupe_key, payload, attempts"""
_TARGET = "SELECT project_id, target FROM topic WHERE urn = %(urn)s"
_DONE = "UPDATE outbox SET sent_at = clock_timestamp() WHERE id = %(id)s AND sent_at IS NULL"
_AGAIN = """
UPDATE outbox SET not_before = clock_timestamp() + make_interval(secs => %(seconds)s)
 WHERE id = %(id)s AND sent_at IS NULL"""
_RESULT = """
UPDATE notification SET result = %(result)s WHERE kind = %(kind)s AND owner = %(owner)s AND event = %(key)s"""


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is ours to send for a minute. `key` is the same at every try."""

    id: int
    key: str
    kind: Kind
    owner: str
    project_id: str
    wish: Wish
    notice: Notice
    attempts: int


@dataclass(frozen=True, slots=True)
class Target:
    """Where a topic's messages go, and whose topic it is."""

    project_id: str
    address: str


async def notify_ended(
    connection: Connection, kind: Kind, owner: str, trigger: Trigger, key: str | None = None
) -> None:
    """Leaves a message about an end if somebody wants it, in the transaction of the end itself.

    `key` names this end among all of its owner; without one the caller vouches for calling once an end.
    """
    names: dict[str, Any] = {"kind": kind.value, "owner": owner}
    row = await fetch_one(connection, _WISH, names)
    if row is None:
        return
    key = f"notice:{key or f'{kind}:{owner}:{uuid4().hex}'}"
    await execute(connection, _EVENT, {**names, "key": key})
    wish = wish_of(row["config"])
    if trigger.value not in wish.triggers:
        return
    notice = await _notice(connection, kind, owner, trigger, wish)
    payload = {**names, "project_id": row["project_id"], "wish": asdict(wish), "notice": asdict(notice)}
    await execute(connection, _POST, {"key": key, "topic": TOPIC, "payload": Jsonb(payload)})


class Notices:
    """The messages to send, over one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim(self) -> Sequence[Due]:
        """Messages that nobody else sends for a minute."""
        rows = await self._pool.fetch_all(_CLAIM, {"lease": CLAIM_SECONDS, "topic": TOPIC, "most": MOST})
        return [_due(row) for row in rows]

    async def target(self, urn: str) -> Target | None:
        """Where a topic's messages go; None for one that is not registered."""
        row = await self._pool.fetch_one(_TARGET, {"urn": urn})
        return None if row is None else Target(row["project_id"], row["target"])

    async def settle(self, due: Due, told: Told, *, again_seconds: float | None) -> None:
        """Writes down how it went; None: that was the last try."""

        async def work(connection: Connection) -> None:
            if again_seconds is None:
                await execute(connection, _DONE, {"id": due.id})
            else:
                await execute(connection, _AGAIN, {"id": due.id, "seconds": again_seconds})
            await execute(
                connection,
                _RESULT,
                {"result": Jsonb(asdict(told)), "kind": due.kind.value, "owner": due.owner, "key": due.key},
            )

        await self._pool.in_transaction(work)


async def _notice(connection: Connection, kind: Kind, owner: str, trigger: Trigger, wish: Wish) -> Notice:
    row = await fetch_one(connection, _FIGURES + _OF[kind], {"owner": owner})
    assert row is not None
    paths = {
        name: _folder(kind, owner, wish.name, record) if row[name] else ""
        for name, record in (
            ("ok", RecordKind.SUCCESS),
            ("skip", RecordKind.SKIP),
            ("fail", RecordKind.FAILED),
        )
    }
    return Notice(
        kind=kind.value,
        trigger=trigger,
        name=wish.name,
        started_ms=row["started_ms"],
        running_ms=row["longest_ms"] if kind is Kind.TASK else row["span_ms"],
        moved=row["moved"],
        source_bucket=wish.source_bucket,
        destination_bucket=wish.destination_bucket,
        list_bucket=wish.list_bucket,
        list_key=wish.list_key,
        success_path=paths["ok"],
        skip_path=paths["skip"],
        failed_path=paths["fail"],
    )


def _folder(kind: Kind, owner: str, name: str, record: RecordKind) -> str:
    if kind is Kind.GROUP:
        return f"oms/task_group/{owner}/{record}_object_lists/"
    return record_folder(name, record)


def _due(row: Mapping[str, Any]) -> Due:
    payload = row["payload"]
    notice = {**payload["notice"], "trigger": Trigger(payload["notice"]["trigger"])}
    return Due(
        id=row["id"],
        key=row["dedupe_key"],
        kind=Kind(payload["kind"]),
        owner=payload["owner"],
        project_id=payload["project_id"],
        wish=wish_of(payload["wish"]),
        notice=Notice(**notice),
        attempts=row["attempts"],
    )
