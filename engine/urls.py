"""URLs that somebody else wrote: taken apart strictly, and which hosts and ports are refused by name alone."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]+")
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9._-]{0,253}[a-z0-9_])?")
_NETLOC: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:@]+)(:[0-9]*)?")
_NUMBER: Final = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PORTS: Final = {"http": 80, "https": 443}
# All that a path or query may hold; anything else is written as %XX, and a percent sign stays as it is.
_LEGAL: Final = "/?:@!$&'()*+,;=-._~%[]"

# Names of the machine itself, of its network, and of what clouds and clusters answer inside only.
_INNER: Final = (
    "localhost",
    "localdomain",
    "local",
    "internal",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "svc",
    "cluster.local",
    "instance-data",
    "metadata",
    "onion",
)
# Services that speak something else than HTTP and may take a request for commands.
_FOREIGN_PORTS: Final = frozenset(
    {1433, 1521, 2049, 2375, 2376, 2379, 2380, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6000, 6379, 6380, 6443,
     6667, 7001, 8500, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 26379, 27017, 50070}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Url:
    """`host` is lower case, an address in its usual spelling and without brackets; `target` is path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def text(self) -> str:
        """The URL again."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.target}"


def parse_url(text: str) -> Url:
    """The URL; what its path holds stays encoded as it is. Raises ValueError for anything unusual."""
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("a URL is printable ASCII without blanks")
    parts = urlsplit(text)
    if parts.scheme not in _PORTS or not _NETLOC.fullmatch(parts.netloc) or not parts.hostname:
        raise ValueError("a URL is http://HOST/... or https://HOST/... without a user name")
    port = parts.port if parts.port is not None else _PORTS[parts.scheme]
    if not port:
        raise ValueError("no such port")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, _host(parts.hostname.lower()), port, quote(target, safe=_LEGAL))


def next_hop(url: Url, location: str) -> Url:
    """Where a redirect leads. Raises ValueError: it is no URL, or leaves https."""
    if not _PRINTABLE.fullmatch(location):
        raise ValueError("a redirect without a place")
    # A whole URL keeps its path as it is; joining would fold dot segments.
    found = parse_url(
        location if urlsplit(location).netloc and "://" in location else urljoin(url.text, location)
    )
    if url.scheme == "https" and found.scheme != "https":
        raise ValueError("a redirect from https to http")
    return found


def forbidden_name(url: Url) -> bool:
    """Whether the host's name or the port is refused before any address is looked up (reliability.md 5.1)."""
    if address_of(url.host) is None:
        inner = "." not in url.host or any(
            url.host == name or url.host.endswith(f".{name}") for name in _INNER
        )
        if inner:
            return True
    return (url.port < 1024 and url.port not in _PORTS.values()) or url.port in _FOREIGN_PORTS


def address_of(host: str) -> str | None:
    """The usual spelling of an address that `host` is, as resolvers read it: also 127.1, 0x7f.1, 0177.0.0.1 and
    2130706433. None for a name. Raises ValueError for what looks like an address and is none.
    """
    if ":" in host:
        return str(IPv6Address(host))
    labels = host.split(".")
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    if len(labels) > 4 or not all(_NUMBER.fullmatch(label) for label in labels):
        raise ValueError("no IPv4 address")
    *first, last = map(_number, labels)
    if any(number > 255 for number in first) or last >= 256 ** (4 - len(first)):
        raise ValueError("no IPv4 address")
    high = sum(number << (24 - 8 * place) for place, number in enumerate(first))
    return str(IPv4Address(high | last))


def _number(label: str) -> int:
    if label.startswith("0x"):
        return int(label[2:] or "0", 16)
    return int(label, 8 if label.startswith("0") else 10)


def _host(host: str) -> str:
    named = host.removesuffix(".")
    if "%" in named or not (":" in named or _HOST.fullmatch(named)):
        raise ValueError("no host name")
    return address_of(named) or named
