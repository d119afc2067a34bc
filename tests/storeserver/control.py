"""What tests do to a store past its protocol, for the in-process class and the admin pages alike."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any
from urllib.parse import quote

from tests.storeserver import mutation
from tests.storeserver.body import Body, Reader, Sink, content_crc64
from tests.storeserver.config import BucketFlags, StoreConfig, account, denials
from tests.storeserver.flavors import S3, VENDORS
from tests.storeserver.model import Properties, Version
from tests.storeserver.objects import content_etag
from tests.storeserver.service import Service, no_such_key

_SETTABLE = {
    "latency_ms", "conditional_writes", "verify_content_md5", "crc64", "min_part_size", "restore_seconds",
    "token_seconds", "dialect", "strict_region", "anonymous", "request_log", "policies", "keys", "region",
}  # fmt: skip


def quoted(key: bytes) -> str:
    """A key as the admin pages write it."""
    return quote(key, safe="/-_.~")


def find(service: Service, bucket: str, key: bytes) -> Version:
    """The newest version of an object; raises S3Error."""
    version = service.bucket(bucket).newest(key)
    if version is None:
        raise no_such_key(key)
    return version


def put(service: Service, bucket: str, key: bytes, data: bytes, **properties: Any) -> Version:
    """Store an object. Properties: `headers`, `metadata`, `storage_class` (S3 names), `encryption`,
    `kms_key_id`, `tags`, and `modified` (seconds) and `etag` to lie about."""
    sink = Sink(service.storage.files, len(data), sha256=False)
    sink.feed(data)
    return put_body(service, bucket, key, sink.finish(), **properties)


def put_body(service: Service, bucket: str, key: bytes, body: Body, **properties: Any) -> Version:
    """The same for a body that has been received."""
    target = service.bucket(bucket)
    modified = properties.pop("modified", None)
    flavor = VENDORS.get(service.config.dialect, S3)
    etag = properties.pop("etag", None) or content_etag(service, flavor, body)
    crc = content_crc64(service.storage.files, body) if service.config.crc64 else ""
    at = service.now() if modified is None else modified
    version = Version(key, body, etag, at, Properties(**properties), service.version_id(target), crc64=crc)
    service.storage.put(target, version)
    return version


def get(service: Service, bucket: str, key: bytes) -> bytes:
    """The contents of an object; raises S3Error."""
    version = find(service, bucket, key)
    reader = Reader(service.storage.files, version.body, 0, version.size)
    try:
        return reader.read(0, version.size)
    finally:
        reader.close()


def delete(service: Service, bucket: str, key: bytes) -> Version | None:
    """Remove the newest version of an object for good."""
    version = service.bucket(bucket).newest(key)
    return version and service.storage.drop(service.bucket(bucket), key, version.version_id)


def keys(service: Service, bucket: str) -> list[bytes]:
    """All visible keys in byte order."""
    return [v.key for v in service.bucket(bucket).seek(b"")]


def uploads(service: Service, bucket: str) -> list[dict[str, Any]]:
    """The open uploads with their parts' sizes by number."""
    return [
        {
            "key": quoted(u.key),
            "upload_id": u.upload_id,
            "initiated": u.initiated,
            "parts": {str(n): part.body.size for n, part in sorted(u.parts.items())},
        }
        for u in service.bucket(bucket).uploads.values()
    ]


def info(version: Version) -> dict[str, Any]:
    """What is known of a version."""
    p = version.properties
    return {
        "key": quoted(version.key), "size": version.size, "etag": version.etag, "modified": version.modified,
        "headers": p.headers, "metadata": p.metadata, "storage_class": p.storage_class,
        "encryption": p.encryption, "kms_key_id": p.kms_key_id, "version_id": version.version_id,
        "upload_id": version.upload_id, "crc64": version.crc64, "tags": p.tags,
    }  # fmt: skip


def set_mtime(service: Service, bucket: str, key: bytes, at: float) -> None:
    """Change when an object was last modified."""
    version = find(service, bucket, key)
    version.modified = at
    service.storage.note_state(service.bucket(bucket), version)


def mutate(service: Service, bucket: str, key: bytes) -> Version:
    """Give an object other contents of the same size."""
    changed = mutation.mutate(service, bucket, key)
    if changed is None:
        raise no_such_key(key)
    return changed


def restore(service: Service, bucket: str, key: bytes) -> None:
    """Make an archived object readable for a day, at once."""
    version = find(service, bucket, key)
    version.restore_ready = service.now()
    version.restore_until = version.restore_ready + 86400
    service.storage.note_state(service.bucket(bucket), version)


def set_bucket(service: Service, name: str, **flags: Any) -> None:
    """Create a bucket if it is missing, and change flags of it."""
    bucket = service.storage.buckets.get(name)
    if bucket is None:
        service.storage.create_bucket(name, service.now(), BucketFlags(**flags))
    elif flags:
        service.storage.set_flags(name, replace(bucket.flags, **flags))


def set_settings(service: Service, **values: Any) -> None:
    """Change the server's manners while it runs; raises ValueError for what cannot be changed."""
    fixed = values.keys() - (_SETTABLE & {f.name for f in fields(StoreConfig)})
    if fixed:
        raise ValueError(f"cannot be changed: {', '.join(sorted(fixed))}")
    for name, value in values.items():
        match name:
            case "policies":
                value = {ak: denials(one) for ak, one in value.items()}
            case "keys":
                value = {ak: account(one) for ak, one in value.items()}
            case "latency_ms":
                service.latency = value / 1000
            case "request_log":
                service.recorder.log_requests = value
            case _:
                pass
        setattr(service.config, name, value)
