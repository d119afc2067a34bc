"""What is asked of the wire and what it answers. Targets are raw: encoded once, by the caller, and never touched."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.objects import Pace
from engine.values import value

XML_MAX = 8 << 20


@value(frozen=True, slots=True)
class Limits:
    """Bounds of one exchange, in seconds and bytes.

    An exchange may last `grace` + its bytes / `floor_rate`, so a peer that drips bytes cannot hold it for ever. A
    large body has that deadline for each piece, and time spent in `pace` does not count. An answer body over
    `body_max` is refused.
    """

    connect: float = 10.0
    idle: float = 30.0
    grace: float = 30.0
    floor_rate: int = 8 << 10
    body_max: int = XML_MAX

    def total(self, sent: int, received: int) -> float:
        """Seconds that an exchange of so many body bytes may take."""
        return self.grace + (sent + received) / self.floor_rate


@dataclass(frozen=True, slots=True)
class Route:
    """How a host is reached: what is dialled instead of it, whether private addresses may be, and whose TLS
    is trusted.
    """

    connect: tuple[str, int] | None = None
    private_ok: bool = False
    verify_tls: bool = True
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A host as the Host header and TLS name it. Compares by value: equal targets share connections."""

    scheme: str
    host: str
    port: int
    route: Route = field(default_factory=Route)

    @property
    def authority(self) -> str:
        """The Host header: the port is left out when it is the scheme's own."""
        own = 443 if self.scheme == "https" else 80
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == own else f"{host}:{self.port}"


@value(frozen=True, slots=True)
class WireRequest:
    """One request. `raw_target` is the encoded path and query; `headers` are complete but for Content-Length.

    `expected` is the length that the answer's body must have when its framing does not tell where it ends.
    """

    method: str
    target: Target
    raw_target: str
    headers: Mapping[str, str]
    body: bytes | bytearray | memoryview = b""
    limits: Limits = field(default_factory=Limits)
    pace: Pace | None = None
    expected: int | None = None
    store: str = ""
    operation: str = ""


@value(frozen=True, slots=True)
class WireAnswer:
    """A complete answer. Header names are lower case; the first of equal names counts.

    `framed` is False when only the end of the connection ended the body: then the caller has to know that it is whole.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    framed: bool = True

    @property
    def document(self) -> bytes:
        """The body of an answer that is text."""
        return bytes(self.body)

    def header(self, name: str) -> str:
        """The value of a header by its lower-case name, "" when absent."""
        return self.headers.get(name, "")
