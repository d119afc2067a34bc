"""What kind of bucket the destination is: one that encrypts by itself, a parallel file system (oms-behaviour 3)."""

from connectors.capabilities import DefaultEncryption, FileSystemTeller
from connectors.errors import Fatal, ObjectError, Transient
from connectors.objects import Encryption
from engine.failures import Meaning
from engine.spec import OverwriteMode
from workers.transfer.context import TaskContext

_BLIND = frozenset({OverwriteMode.FULL_OVERWRITE, OverwriteMode.NO_OVERWRITE})


async def encrypts_by_default(context: TaskContext) -> bool:
    """Whether existing objects are to be asked how they are encrypted. One request a task and process, if any.

    Where the store does not tell the bucket's rule, only what is written shows it.
    """
    spec, store = context.facts.spec, context.pair.destination
    if spec.enable_kms or spec.overwrite in _BLIND or not isinstance(store, DefaultEncryption):
        return False
    async with context.asking:
        if context.default_encryption is None:
            try:
                context.default_encryption = await context.destination(store.default_encryption)
            except (ObjectError, Transient):
                context.default_encryption = Encryption.NONE
    plain = {Encryption.NONE, Encryption.AES256} if store.traits.always_encrypts else {Encryption.NONE}
    return context.default_encryption not in plain


async def is_file_system(context: TaskContext) -> bool:
    """Whether the destination's names are paths. One request a task and process, to vendors that have such buckets."""
    store = context.pair.destination
    if not isinstance(store, FileSystemTeller):
        return False
    async with context.asking:
        if context.file_system is None:
            context.file_system = await _asked(context, store)
    return context.file_system


async def _asked(context: TaskContext, store: FileSystemTeller) -> bool:
    """Who may not look at the bucket itself takes it for one of objects."""
    try:
        return await context.destination(store.is_file_system)
    except Fatal as error:
        if error.meaning is not Meaning.ACCESS_DENIED:
            raise
        return False
