"""Opens the store that a task names; the only module that knows all clouds."""

import re
from collections.abc import Mapping
from hashlib import blake2b

from connectors.azure import opening as azure
from connectors.bos.store import BosStore
from connectors.capabilities import BrowsableStore, BucketLister, DestinationStore, SourceStore
from connectors.cdn_source import CdnSource
from connectors.endpoints import Endpoint, EndpointError, Endpoints
from connectors.google.accounts import read_account
from connectors.google.store import GoogleStore
from connectors.hosts import signed_region
from connectors.locations import Credentials, Location
from connectors.obs.store import ObsStore
from connectors.qingstor.store import QingStore
from connectors.s3.channel import Channel
from connectors.s3.dialects import Addressing, Dialect, Signature
from connectors.s3.place import Account, Place
from connectors.s3.store import S3Store
from connectors.url import UrlStore
from connectors.wire import Wire
from engine.cdn import CdnAccess
from engine.failures import Side
from engine.spec import CdnNode

_S3_CLOUDS = frozenset(
    {
        "AWS",
        "HuaweiCloud",
        "HEC",
        "Aliyun",
        "Tencent",
        "KingsoftCloud",
        "Baidu",
        "QingCloud",
        "Qiniu",
        "UCloud",
    }
)
# The dialect whose credentials are a service account's key file.
_KEY_FILES = "google"
_STORES: Mapping[str, type[S3Store]] = {"obs": ObsStore, "bos": BosStore, "qingstor": QingStore}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_HOST_LABELS = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class UnsupportedCloud(Exception):
    """No connector speaks to this cloud."""


def open_store(
    location: Location, credentials: Credentials, wire: Wire, endpoints: Endpoints
) -> DestinationStore:
    """The store at `location`, usable as source and as destination; no request is sent.

    Raises UnsupportedCloud, EndpointError (no host for the region) or ValueError (empty keys, a bucket name that no
    host or path can hold; its KeyFileError for a key file that cannot be used).
    """
    return _open(location, credentials, wire, endpoints)


def open_urls(wire: Wire, endpoints: Endpoints) -> SourceStore:
    """Any URL whose host may be dialled; no request is sent."""
    return UrlStore(wire, endpoints)


def through_cdn(
    bucket: SourceStore, cdn: CdnNode, access: tuple[str, Credentials], wire: Wire, endpoints: Endpoints
) -> SourceStore:
    """A bucket whose bytes come through its CDN; `access`: the bucket's name and its keys.

    Raises ValueError for a domain that is none.
    """
    name, keys = access
    signing = CdnAccess(
        origin=f"{cdn.protocol}://{cdn.domain}",
        kind=cdn.authentication,
        key=keys.cdn_key.get_secret_value(),
        access_key=keys.access_key,
        secret_key=keys.secret_key.get_secret_value(),
        bucket=name,
    )
    return CdnSource(bucket, signing, wire, endpoints)


def browse_store(
    location: Location, credentials: Credentials, wire: Wire, endpoints: Endpoints
) -> BrowsableStore:
    """The store at `location` for people to look into; no request is sent. Raises as `open_store`."""
    return _open(location, credentials, wire, endpoints)


def open_account(
    cloud_type: str, region: str, credentials: Credentials, wire: Wire, endpoints: Endpoints
) -> BucketLister:
    """The account behind the keys, asked at the host of `region`; no request is sent. Raises as `open_store`."""
    if cloud_type == azure.CLOUD:
        return azure.open_service(region, credentials, wire, endpoints)
    endpoint = _endpoint(cloud_type, region, endpoints)
    signed = signed_region(cloud_type, region)
    place = Place(endpoint.target, "", signed, endpoint.dialect, endpoint.signature, endpoint.addressing)
    return _store(place, credentials, wire, endpoints, Side.SOURCE)


def _open(location: Location, credentials: Credentials, wire: Wire, endpoints: Endpoints) -> S3Store:
    if location.cloud_type == azure.CLOUD:
        return azure.open_container(location.region, location.bucket, credentials, wire, endpoints)
    endpoint = _endpoint(location.cloud_type, location.region, endpoints)
    return _store(_place(location, endpoint), credentials, wire, endpoints, location.side)


def _endpoint(cloud_type: str, region: str, endpoints: Endpoints) -> Endpoint:
    if cloud_type not in _S3_CLOUDS and cloud_type != "Google":
        raise UnsupportedCloud(cloud_type)
    endpoint = endpoints.find(cloud_type, region)
    if endpoint.dialect.signature is Signature.SHARED_KEY:
        raise EndpointError(f"the dialect {endpoint.dialect.name} is for the cloud Azure only")
    if cloud_type == "Google" and endpoint.dialect.name != _KEY_FILES:
        raise EndpointError("a host of Google's needs the dialect google")
    return endpoint


def _store(place: Place, credentials: Credentials, wire: Wire, endpoints: Endpoints, side: Side) -> S3Store:
    if place.dialect.name == _KEY_FILES:
        account = read_account(credentials.secret_key.get_secret_value())
        return GoogleStore.opened(wire, place, account, _name(place, credentials), side, endpoints)
    channel = Channel(wire, place, _account(credentials), _name(place, credentials))
    return _STORES.get(place.dialect.name, S3Store)(channel)


def _account(credentials: Credentials) -> Account:
    secret = credentials.secret_key.get_secret_value()
    # Empty keys must never reach a signer: elsewhere they would mean "the host's own" (reliability.md 5.1).
    if not credentials.access_key.strip() or not secret.strip():
        raise ValueError("access key and secret key must not be empty")
    return Account(credentials.access_key, secret, credentials.token.get_secret_value())


def _place(location: Location, endpoint: Endpoint) -> Place:
    addressing = endpoint.addressing
    if addressing is Addressing.VIRTUAL and "." in location.bucket and endpoint.scheme == "https":
        # A wildcard certificate covers one label only.
        addressing = Addressing.PATH
    names = _HOST_LABELS if addressing is Addressing.VIRTUAL else _BUCKET
    bucket = _bucket(location, endpoint.dialect)
    if not names.fullmatch(bucket):
        raise ValueError("this is no bucket name")
    return Place(
        target=endpoint.target,
        bucket=bucket,
        region=signed_region(location.cloud_type, location.region),
        dialect=endpoint.dialect,
        signature=endpoint.signature,
        addressing=addressing,
        requester_pays=location.requester_pays,
    )


def _bucket(location: Location, dialect: Dialect) -> str:
    ending = f"-{location.app_id}"
    if not (dialect.app_id_in_bucket and location.app_id) or location.bucket.endswith(ending):
        return location.bucket
    return location.bucket + ending


def _name(place: Place, credentials: Credentials) -> str:
    account = blake2b(credentials.access_key.encode(), digest_size=6).hexdigest()
    return f"{place.target.authority}/{place.bucket}@{account}"


__all__ = [
    "EndpointError",
    "UnsupportedCloud",
    "browse_store",
    "open_account",
    "open_store",
    "open_urls",
    "through_cdn",
]
