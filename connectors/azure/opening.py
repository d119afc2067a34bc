"""From a location and credentials to an Azure store: whose account, at which host."""

import re
from hashlib import blake2b

from connectors.azure.channel import AzureChannel
from connectors.azure.connection import Opening, opening_of
from connectors.azure.store import AzureStore
from connectors.endpoints import Endpoint, Endpoints
from connectors.locations import Credentials
from connectors.s3.dialects import DIALECTS, Addressing, Signature
from connectors.s3.place import Account, Place
from connectors.wire import Target, Wire

CLOUD = "Azure"
_CONTAINER = re.compile(r"\$?[a-z0-9](-?[a-z0-9]){0,62}")


def open_container(
    region: str, container: str, credentials: Credentials, wire: Wire, endpoints: Endpoints
) -> AzureStore:
    """The container; no request is sent. Raises EndpointError, BadConnectionString, or ValueError for its name."""
    if not _CONTAINER.fullmatch(container):
        raise ValueError("this is no container name")
    return _opened(region, container, credentials, wire, endpoints)


def open_service(region: str, credentials: Credentials, wire: Wire, endpoints: Endpoints) -> AzureStore:
    """The account itself, to be asked for its containers. Raises as `open_container`."""
    return _opened(region, "", credentials, wire, endpoints)


def _opened(
    region: str, container: str, credentials: Credentials, wire: Wire, endpoints: Endpoints
) -> AzureStore:
    opening = opening_of(credentials)
    target, base = _found(region, opening, endpoints)
    place = Place(target, container, region, DIALECTS["azure"], Signature.SHARED_KEY, Addressing.PATH)
    account = Account(opening.account, opening.key, opening.sas)
    digest = blake2b(opening.account.encode(), digest_size=6).hexdigest()
    name = f"{target.authority}/{container}@{digest}"
    return AzureStore(AzureChannel(wire, place, account, name, base))


def _found(region: str, opening: Opening, endpoints: Endpoints) -> tuple[Target, str]:
    """The account's host and the path before its containers: of the operator's line, else of the connection string.

    What a connection string names is dialled as a host that anybody named: public addresses only, unless a line of
    the file has the same host.
    """
    if endpoints.has_line(CLOUD, region) or (opening.endpoint is None and not opening.suffix):
        return _under(endpoints.find(CLOUD, region), opening.account)
    told = opening.endpoint
    if told is not None:
        return endpoints.target_at(CLOUD, told.scheme, told.host, told.port), told.base
    host, port = f"{opening.account}.blob.{opening.suffix}", 443 if opening.scheme == "https" else 80
    return endpoints.target_at(CLOUD, opening.scheme, host, port), ""


def _under(endpoint: Endpoint, account: str) -> tuple[Target, str]:
    target = endpoint.target
    if endpoint.addressing is Addressing.PATH:
        return target, f"/{account}"
    if endpoint.addressing is Addressing.DOMAIN:
        return target, ""
    return Target(target.scheme, f"{account}.{target.host}", target.port, target.route), ""
