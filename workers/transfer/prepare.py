"""Before the first object: are both ends there, and what the task names? Then the plan (oms-behaviour 3.4)."""

import asyncio

from connectors.capabilities import Walker
from connectors.errors import Denied, Fatal, NotFound, StoreError
from connectors.objects import ObjectHead
from engine.failures import Meaning
from engine.listfile import ListRefused, check_head
from engine.selection import Scope, scopes
from engine.spec import TaskType
from ledger.values import RunClaim
from workers.transfer.context import TaskContext
from workers.transfer.grouping import list_tasks
from workers.transfer.lists import ListFile
from workers.transfer.signals import LeaseLost, Stopped, TaskFailed
from workers.transfer.together import together
from workers.transfer.url_lists import check_first
from workers.transfer.walking import anything_walked

AT_ONCE = 16
WHOLE = Scope(b"", None, b"", exact=False)


async def prepare(context: TaskContext, claim: RunClaim) -> None:
    """Check both ends and save the plan. Raises TaskFailed, StoreError, LeaseLost, Stopped."""
    await context.destination(context.pair.destination.check_bucket)
    await context.source(context.pair.source.check_bucket)
    if context.facts.scanner and context.facts.spec.task_type is not TaskType.PREFIX:
        if not await list_tasks(context, claim):
            # Its group is to stop, or the lease is gone: given back it is nobody's in either case.
            raise Stopped
        return
    if context.control.failed_only:
        saved = await context.ledger.save_retry_plan(claim)
    else:
        saved = await context.ledger.save_plan(claim, await _plan(context))
    if not saved:
        raise LeaseLost


async def _plan(context: TaskContext) -> tuple[Scope, ...]:
    spec = context.facts.spec
    if spec.task_type in (TaskType.LIST, TaskType.URL_LIST):
        await _check_list(context)
        return (WHOLE,)
    if context.facts.group_id and not context.facts.scanner:
        # Its group's scanner has chosen what it covers; what is gone since is no error.
        return await context.ledger.pieces(context.facts.task_id)
    if context.facts.verifies and (pieces := await context.ledger.pieces(context.facts.verifies)):
        return pieces
    planned = scopes(spec)
    gate = asyncio.Semaphore(AT_ONCE)
    await together(_check_scope(context, scope, gate) for scope in planned)
    return planned


async def _check_scope(context: TaskContext, scope: Scope, gate: asyncio.Semaphore) -> None:
    """Something must be there, and may be looked at. A whole bucket may be empty: its end says so."""
    async with gate:
        try:
            found = await _anything(context, scope)
        except (NotFound, Denied) as error:
            raise TaskFailed("TRF.0024", str(error)) from error
        except Fatal as error:
            raise _not_listed(context, scope, error) from error
    if not found and scope.prefix:
        raise TaskFailed(_missing(context), f"nothing at {scope.prefix.decode(errors='replace')!r}")


async def _anything(context: TaskContext, scope: Scope) -> bool:
    store = context.pair.source
    if scope.exact:
        await context.source(lambda: store.head(scope.lo))
        return True
    if not store.traits.ordered and isinstance(store, Walker):
        return await anything_walked(context, store, scope.prefix)
    page = await context.source(lambda: store.list_page(scope.prefix, b"", 1))
    return bool(page.objects)


def _not_listed(context: TaskContext, scope: Scope, error: Fatal) -> Exception:
    if error.meaning is Meaning.ACCESS_DENIED and scope.prefix:
        return TaskFailed(_missing(context), str(error))
    return error


def _missing(context: TaskContext) -> str:
    """Missing names and folders, or prefixes that match nothing (OMS 6.2)."""
    return "TRF.0024" if context.facts.spec.task_type is TaskType.OBJECT else "TRF.0025"


async def _check_list(context: TaskContext) -> None:
    """The list's own form, and its first object (OMS 6.2 TRF.0013 to 0019, 0026)."""
    listed = ListFile(context)
    try:
        head = await listed.head()
        _check_form(head, strict=not context.facts.group_id)
        first = await listed.first()
    except ListRefused as refused:
        raise TaskFailed(refused.code, str(refused)) from refused
    except (NotFound, Denied) as error:
        raise TaskFailed("TRF.0013", str(error)) from error
    if first is None:
        raise TaskFailed("TRF.0017")
    if context.facts.spec.task_type is TaskType.URL_LIST:
        check_first(first)
        return
    for key in dict.fromkeys((first.key, first.raw)):
        try:
            await context.source(lambda key=key: context.pair.source.head(key))  # type: ignore[misc]  # bound now
        except NotFound:
            continue
        except StoreError as error:
            raise TaskFailed("TRF.0026", str(error)) from error
        return
    raise TaskFailed("TRF.0026", f"{first.key!r} is not in the source bucket")


def _check_form(head: ObjectHead, *, strict: bool) -> None:
    properties = head.properties
    check_head(
        head.info.key.decode(),
        head.info.size,
        properties.content_type,
        properties.content_encoding,
        strict=strict,  # the lists of a group may be of any type (oms-behaviour 1.1)
    )
