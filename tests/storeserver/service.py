"""The state of a running store that all operations share."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable

from tests.storeserver.body import Body, Sink
from tests.storeserver.config import BucketFlags, StoreConfig, Synthetic
from tests.storeserver.counters import Recorder
from tests.storeserver.faults import Faults
from tests.storeserver.message import Request, S3Error
from tests.storeserver.model import Bucket, Properties, SyntheticBucket, Version
from tests.storeserver.storage import Storage


class Service:
    """Configuration, data, fault script and counts of one server."""

    def __init__(self, config: StoreConfig) -> None:
        self.config = config
        self.storage = Storage(config.root)
        self.faults = Faults()
        self.recorder = Recorder(config.counted_prefixes, log=config.request_log)
        self.latency = config.latency_ms / 1000
        self.close_idle: Callable[[], int] = lambda: 0  # set by what owns the connections
        self.blocks: dict[tuple[str, bytes], dict[str, Body]] = {}  # what is not committed, on Azure
        self._request_ids = itertools.count(1)
        for name in config.buckets:
            if name not in self.storage.buckets:
                self.storage.create_bucket(name, self.now(), config.bucket_flags.get(name, BucketFlags()))
        for name, flags in config.bucket_flags.items():
            if name not in self.storage.buckets:
                raise ValueError(f"flags for a bucket that does not exist: {name}")
            self.storage.set_flags(name, flags)
        for name, rule in config.synthetic.items():
            self.storage.buckets[name] = SyntheticBucket(name, rule)
        for name, rule in config.filled.items():
            self._fill(self.storage.buckets[name], rule)
        for fault in config.faults:
            self.faults.add(**fault)

    def _fill(self, bucket: Bucket, rule: Synthetic) -> None:
        sink = Sink(self.storage.files, rule.size, sha256=False)
        sink.feed(b"\0" * rule.size)
        body, now = sink.finish(), self.now()
        for number in range(rule.count):
            key = (rule.pattern % number).encode()
            self.storage.put(bucket, Version(key, body, body.md5, now, Properties(), ""))

    @staticmethod
    def now() -> float:
        """Seconds since the epoch, in whole milliseconds."""
        return round(time.time(), 3)

    def request_id(self) -> str:
        """An id for an answer."""
        return f"{next(self._request_ids):016X}"

    def bucket(self, name: str) -> Bucket:
        """A bucket by name; raises NoSuchBucket."""
        found = self.storage.buckets.get(name)
        if found is None:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist", BucketName=name)
        return found

    def object(self, request: Request) -> Version:
        """The object version that a request names; raises NoSuchKey or NoSuchVersion."""
        bucket = self.bucket(request.bucket)
        wanted = request.query.get("versionId")
        if wanted is not None:
            found = bucket.version(request.key, wanted.decode("latin-1"))
            if found is None:
                raise S3Error(404, "NoSuchVersion", "The specified version does not exist.")
            if found.delete_marker:
                raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed here.")
            return found
        found = bucket.newest(request.key)
        if found is None:
            raise no_such_key(request.key)
        return found

    def version_id(self, bucket: Bucket) -> str:
        """The id of a version that is about to be written."""
        return uuid.uuid4().hex if bucket.flags.versioning == "Enabled" else ""

    def conditional_writes(self, bucket: Bucket) -> bool:
        """Whether If-Match and If-None-Match on writes are heeded."""
        own = bucket.flags.conditional_writes
        return self.config.conditional_writes if own is None else own

    def region(self, bucket: Bucket) -> str:
        """Where a bucket is said to be."""
        return bucket.flags.region or self.config.region


def no_such_key(key: bytes) -> S3Error:
    """The refusal for an object that is not there."""
    return S3Error(404, "NoSuchKey", "The specified key does not exist.", Key=key)


def version_headers(request: Request, bucket: Bucket, version: Version) -> list[tuple[str, str]]:
    """The version id header, on buckets that have versions."""
    if not bucket.flags.versioning:
        return []
    return [(request.prefix + "version-id", version.version_id or "null")]
