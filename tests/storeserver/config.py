"""What a store server is told: its accounts, buckets, manners and limits."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

KIB = 1024


@dataclass(slots=True)
class Account:
    """One access key; a key with a token is a temporary one and needs it in each request."""

    secret: str
    token: str | None = None


@dataclass(slots=True)
class BucketFlags:
    """How one bucket behaves; all of it survives a restart."""

    versioning: str = ""  # "", "Enabled" or "Suspended"
    requester_pays: bool = False
    file_system: bool = False  # a parallel file system of OBS: names are paths
    encryption: str = ""  # "", "AES256" or "aws:kms": the default encryption
    kms_key_id: str = ""
    storage_class: str = "STANDARD"
    conditional_writes: bool | None = None  # None: as the server says
    region: str = ""  # "": as the server says


@dataclass(slots=True)
class Synthetic:
    """A bucket without stored data: `count` objects whose keys are `pattern % number`."""

    count: int
    size: int = 0
    pattern: str = "obj-%08d"


@dataclass(slots=True)
class Denial:
    """What a key may not do: an operation class, in a bucket ("" = any), below a prefix."""

    op: str
    bucket: str = ""
    prefix: str = ""


@dataclass(slots=True)
class StoreConfig:
    """Everything a server is started with. `root` None keeps all data in memory."""

    root: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    dialect: str = "both"  # s3, obs or both; or a vendor of flavors.py
    keys: dict[str, Account] = field(default_factory=lambda: {"test-access-key": Account("test-secret-key")})
    buckets: list[str] = field(default_factory=list)
    bucket_flags: dict[str, BucketFlags] = field(default_factory=dict)
    synthetic: dict[str, Synthetic] = field(default_factory=dict)
    filled: dict[str, Synthetic] = field(default_factory=dict)  # real objects, put at the start
    policies: dict[str, list[Denial]] = field(default_factory=dict)
    base_domain: str = ""  # "{region}" in it stands for any region
    domains: dict[str, str] = field(default_factory=dict)  # hosts that are bound to a bucket
    app_id: str = ""  # with it, names of buckets must end with a hyphen and this
    region: str = "us-east-1"
    strict_region: bool = False
    anonymous: bool = False
    conditional_writes: bool = True
    verify_content_md5: bool = True
    crc64: bool = False
    min_part_size: int = 100 * KIB
    max_part_size: int = 5 * 1024 * 1024 * KIB
    max_put_size: int = 5 * 1024 * 1024 * KIB
    max_key_bytes: int = 1024
    max_meta_bytes: int = 2 * KIB
    restore_seconds: float = 0.5
    token_seconds: int = 3599  # how long a bearer token holds
    skew_seconds: float = 900
    latency_ms: float = 0
    request_log: bool = False
    counted_prefixes: tuple[str, ...] = ("oms/",)
    faults: list[dict[str, Any]] = field(default_factory=list)


def account(value: Any) -> Account:
    """An account from its secret, from JSON, or as it is."""
    if isinstance(value, Account):
        return value
    return Account(value) if isinstance(value, str) else Account(**value)


def denials(value: Any) -> list[Denial]:
    """A policy `{"deny": [{"op": "list|read", "bucket": ..., "prefix": ...}]}`, or denials as they are."""
    if isinstance(value, list):
        return value
    return [
        Denial(op, rule.get("bucket", ""), rule.get("prefix", ""))
        for rule in value.get("deny", [])
        for op in rule.get("op", "").split("|")
    ]


def from_json(text: str) -> StoreConfig:
    """Read a configuration file; raises ValueError for a name that is not known."""
    values: dict[str, Any] = json.loads(text)
    unknown = values.keys() - {f.name for f in fields(StoreConfig)}
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    if "root" in values and values["root"] is not None:
        values["root"] = Path(values["root"])
    if "keys" in values:
        values["keys"] = {ak: account(v) for ak, v in values["keys"].items()}
    if "bucket_flags" in values:
        values["bucket_flags"] = {name: BucketFlags(**v) for name, v in values["bucket_flags"].items()}
    if "synthetic" in values:
        values["synthetic"] = {name: Synthetic(**v) for name, v in values["synthetic"].items()}
    if "filled" in values:
        values["filled"] = {name: Synthetic(**v) for name, v in values["filled"].items()}
    if "policies" in values:
        values["policies"] = {ak: denials(v) for ak, v in values["policies"].items()}
    if "counted_prefixes" in values:
        values["counted_prefixes"] = tuple(values["counted_prefixes"])
    return StoreConfig(**values)


def to_json(config: StoreConfig) -> str:
    """The configuration in the form that `from_json` reads."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if hasattr(value, "__dataclass_fields__"):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [plain(v) for v in value]
        return value

    values = plain(config)
    values["policies"] = {ak: {"deny": plain(rules)} for ak, rules in config.policies.items()}
    return json.dumps(values)
