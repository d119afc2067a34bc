"""Whether the destination bucket encrypts by itself what nobody asked it to (oms-behaviour 3.2, 3.3)."""

from connectors.capabilities import DefaultEncryption
from connectors.errors import ObjectError, Transient
from connectors.objects import Encryption
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
    async with context.encrypting:
        if context.default_encryption is None:
            try:
                context.default_encryption = await context.destination(store.default_encryption)
            except (ObjectError, Transient):
                context.default_encryption = Encryption.NONE
    plain = {Encryption.NONE, Encryption.AES256} if store.traits.always_encrypts else {Encryption.NONE}
    return context.default_encryption not in plain
