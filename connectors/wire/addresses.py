"""Which addresses may be dialled (reliability.md 5.1): everything that is not plain global unicast is refused."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_DENIED_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
# Inside 2000::/3: Teredo and protocol blocks, documentation, and 6to4, which carries an IPv4 address.
_DENIED_V6 = tuple(IPv6Network(block) for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))


def is_public(address: str) -> bool:
    """True for a plain global unicast address.

    NAT64, IPv4-mapped and IPv4-translated forms lie outside 2000::/3 and so are refused with the rest.
    """
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    match parsed:
        case IPv4Address():
            return not any(parsed in block for block in _DENIED_V4)
        case IPv6Address():
            return parsed in _GLOBAL_V6 and not any(parsed in block for block in _DENIED_V6)


@lru_cache(maxsize=4096)
def is_literal(host: str) -> bool:
    """True when `host` is an address and not a name."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
