"""Where a bucket is and whose keys open it, as values."""

from dataclasses import dataclass, field, replace

from connectors.s3.dialects import Addressing, Dialect, Signature
from connectors.wire import Target
from connectors.wire.encoding import encode_key


@dataclass(frozen=True, slots=True)
class Account:
    """Keys of one account; the secrets are hidden from repr."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where and how a bucket is reached. `target` names the service host, without the bucket."""

    target: Target
    bucket: str
    region: str
    dialect: Dialect
    signature: Signature
    addressing: Addressing
    requester_pays: bool = False


def locate(place: Place, key: bytes | None, *, service: bool = False) -> tuple[Target, str, str]:
    """The host to ask, the encoded path there, and the resource as V2 signs it."""
    if service:
        return _service(place), "/", "/"
    encoded = "" if key is None else encode_key(key)
    resource = _path(f"/{place.bucket}/{encoded}", place.dialect)
    if place.addressing is Addressing.PATH:
        return place.target, resource, resource
    path = _path(f"/{encoded}", place.dialect)
    if place.addressing is Addressing.DOMAIN:
        return place.target, path, resource
    return replace(place.target, host=f"{place.bucket}.{place.target.host}"), path, resource


def _service(place: Place) -> Target:
    own = place.dialect.service_host
    return (
        replace(place.target, host=own)
        if own and place.target.host.endswith(place.dialect.hosts)
        else place.target
    )


def _path(path: str, dialect: Dialect) -> str:
    return path.replace("//", "/%2F") if dialect.folds_slashes else path
