"""How an object is to be stored at the destination (oms-behaviour 3.4, 3.6)."""

from connectors.objects import ObjectHead, Properties, StorageClass, WriteOptions
from engine.classes import destination_class
from workers.transfer.context import TaskContext
from workers.transfer.subjects import Subject


def write_options(context: TaskContext, subject: Subject, head: ObjectHead) -> WriteOptions:
    """How the object is to be stored: what travels with it, its class, its encryption (oms-behaviour 3.4, 3.6).

    Some stores tell the class in a listing or HEAD, and not when the object is read.
    """
    spec, told = context.facts.spec, head.properties
    properties = (
        told
        if spec.enable_metadata_migration
        else Properties(content_type=told.content_type, content_encoding=told.content_encoding)
    )
    kept = destination_class(
        spec.storage_policy, spec.source.cloud_type, head.info.storage_class or subject.storage_class
    )
    return WriteOptions(properties, StorageClass(kept), spec.enable_kms)
