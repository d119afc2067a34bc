"""How an object is to be stored at the destination, and what of it cannot come along (oms-behaviour 3.4, 3.6)."""

from functools import lru_cache

from connectors.capabilities import TagReader
from connectors.errors import ObjectError
from connectors.objects import ObjectHead, Properties, StorageClass, Tags, WriteOptions
from engine.classes import destination_class
from engine.spec import CloudType, StoragePolicy
from workers.transfer.context import TaskContext
from workers.transfer.subjects import Subject


async def write_options(context: TaskContext, subject: Subject, head: ObjectHead) -> WriteOptions:
    """What travels with the object, its class, its encryption. Tags cost a request where there are any, else none.

    Some stores tell the class in a listing or HEAD, and not when the object is read.
    """
    spec, told = context.facts.spec, head.properties
    word = head.info.storage_class or subject.storage_class
    kept = _kept(spec.storage_policy, spec.source.cloud_type, word)
    if not spec.enable_metadata_migration:
        plain = Properties(content_type=told.content_type, content_encoding=told.content_encoding)
        return WriteOptions(plain, kept, spec.enable_kms)
    tags, left = await _tags(context, subject, head) if head.tag_count else ((), "")
    return WriteOptions(told, kept, spec.enable_kms, tags, left)


@lru_cache(maxsize=256)
def _kept(policy: StoragePolicy, cloud_type: CloudType, word: str) -> StorageClass:
    return StorageClass(destination_class(policy, cloud_type, word))


async def _tags(context: TaskContext, subject: Subject, head: ObjectHead) -> tuple[Tags, str]:
    """The object's tags, or why they stay behind."""
    source = context.pair.source
    if not isinstance(source, TagReader):
        return (), ""
    if not context.pair.destination.traits.tags:
        return (), f"{head.tag_count} tags left behind: the destination has none"
    try:
        return await context.source(lambda: source.tags(subject.listed.key)), ""
    except ObjectError as error:
        return (), f"{head.tag_count} tags left behind: {error.status} {error.code}"
