"""Reads the region or host that a store names when it was asked in the wrong place. Nothing is followed blindly."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

from connectors.s3.errors import Complaint
from connectors.s3.place import Place
from connectors.wire import WireAnswer

_REGION = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")
_MOVED = frozenset({301, 302, 307, 308})
_MISPLACED = frozenset(
    {
        "PermanentRedirect",
        "TemporaryRedirect",
        "Redirect",
        "AuthorizationHeaderMalformed",
        "InvalidRegionName",
    }
)


def redirected(place: Place, answer: WireAnswer, told: Complaint) -> Place | None:
    """The place that the answer names instead of `place`, None when it names no other that may be used.

    Another host must be the vendor's own (same parent domain), on the same scheme and port (reliability.md 5.1).
    """
    known = answer.status in _MOVED or told.code in _MISPLACED or told.misplaced
    if not known and not _header_names_region(answer, told):
        return None
    moved = place
    if _REGION.fullmatch(told.region) and told.region != place.region:
        moved = _in_region(place, told.region)
    host = _host(place, told.endpoint or answer.header("location"))
    if host:
        moved = replace(moved, target=replace(moved.target, host=host), region=_region_of(host, moved))
    return None if moved == place else moved


def _header_names_region(answer: WireAnswer, told: Complaint) -> bool:
    # A bodiless 400 (HEAD) with the bucket's region is AuthorizationHeaderMalformed without its text.
    return answer.status == 400 and not answer.body and bool(told.region)


def _in_region(place: Place, region: str) -> Place:
    host = place.target.host
    if place.region and f".{place.region}." in host:
        host = host.replace(f".{place.region}.", f".{region}.")
    return replace(place, region=region, target=replace(place.target, host=host))


def _region_of(host: str, place: Place) -> str:
    found = re.search(place.dialect.host_region, host) if place.dialect.host_region else None
    return found[1] if found else place.region


def _host(place: Place, told: str) -> str:
    """The service host out of an `<Endpoint>` or `Location`, "" when it is none or not the vendor's."""
    if not told:
        return ""
    parts = urlsplit(told if "//" in told else f"//{told}")
    host = (parts.hostname or "").removeprefix(f"{place.bucket}.")
    if parts.scheme not in {"", place.target.scheme} or parts.username is not None:
        return ""
    return host if host != place.target.host and _related(host, place.target.host) else ""


def _related(host: str, known: str) -> bool:
    parent = known.split(".")[-2:]
    return len(parent) == 2 and not parent[-1].isdigit() and host.split(".")[-2:] == parent
