"""Which host serves a cloud's region: the operator's OMS_ENDPOINTS file first, then the vendors' own names
(design 7).
"""

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from connectors.hosts import vendor_host
from connectors.s3.dialects import DIALECTS, Addressing, Dialect, Signature
from connectors.wire.request import Route, Target

ANY = "*"
_REGION = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_AWS_SUFFIXES = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu")
_OBS_SUFFIXES = (".myhuaweicloud.com", ".myhuaweicloud.eu")


class EndpointError(ValueError):
    """The endpoints file is wrong, or there is no host for a cloud and region."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """How a cloud's region is spoken to. `named` is True for what the operator wrote into the file."""

    cloud_type: str
    region: str
    scheme: str
    host: str
    port: int
    dialect: Dialect
    signature: Signature
    addressing: Addressing
    connect: tuple[str, int] | None = None
    verify_tls: bool = True
    ca_file: str = ""
    named: bool = False

    @property
    def target(self) -> Target:
        """The service host for the wire; only a named host may have a private address."""
        route = Route(
            connect=self.connect, private_ok=self.named, verify_tls=self.verify_tls, ca_file=self.ca_file
        )
        return Target(self.scheme, self.host, self.port, route)

    def serves(self, cloud_type: str, region: str) -> bool:
        """True when this line of the file is meant for the cloud and region."""
        return self.cloud_type in (ANY, cloud_type) and self.region in (ANY, region)


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The lines of the file in order; the first that serves wins."""

    lines: tuple[Endpoint, ...] = ()

    def find(self, cloud_type: str, region: str) -> Endpoint:
        """The endpoint of a cloud's region. Raises EndpointError when neither file nor vendor knows one."""
        for line in self.lines:
            if line.serves(cloud_type, region):
                return line
        return _vendor_endpoint(cloud_type, region)

    def home_regions(self, cloud_type: str, home: str) -> tuple[str, ...]:
        """Where to ask about a cloud's buckets when no region is given: each host of the file once.

        `home` stands for a line of every region, and is asked at the vendor's when the file has no line.
        """
        hosts: dict[tuple[str, int], str] = {}
        for line in self.lines:
            if line.cloud_type in (ANY, cloud_type):
                hosts.setdefault((line.host, line.port), home if line.region == ANY else line.region)
        return tuple(dict.fromkeys(hosts.values())) or (home,)

    def has_line(self, cloud_type: str, region: str) -> bool:
        """True when the file knows the cloud's region."""
        return any(line.serves(cloud_type, region) for line in self.lines)

    def target_at(self, cloud_type: str, scheme: str, host: str, port: int) -> Target:
        """A host that a request names, reached as the file's line for it says; without one, public only."""
        for line in self.lines:
            same_place = (line.host, line.port) == (host.lower(), port)
            if line.cloud_type in (ANY, cloud_type) and same_place:
                return replace(line.target, scheme=scheme, host=host, port=port)
        return Target(scheme, host, port)

    def names_host(self, cloud_type: str, host: str) -> bool:
        """True when the file allows `host` for a cloud type such as URLSource, CDN or SMN."""
        return any(line.cloud_type in (ANY, cloud_type) and line.host == host.lower() for line in self.lines)


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    cloud_type: Annotated[str, Field(min_length=1)]
    region: Annotated[str, Field(min_length=1)]
    endpoint: str
    dialect: str | None = None
    signature: str | None = None
    addressing: str | None = None
    connect: str | None = None
    verify_tls: bool = True
    ca_file: str = ""


_FILE = TypeAdapter(list[_Line])


def load_endpoints(file: Path | None) -> Endpoints:
    """The endpoints of a YAML file; none without a file. Raises EndpointError with the line at fault."""
    if file is None:
        return Endpoints()
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise EndpointError(f"endpoints file {file}: {error.strerror}") from error
    return parse_endpoints(text)


def parse_endpoints(text: str) -> Endpoints:
    """The endpoints of a YAML text. Raises EndpointError."""
    try:
        lines = _FILE.validate_python(yaml.safe_load(text) or [])
    except yaml.YAMLError as error:
        raise EndpointError(f"endpoints file is not YAML: {error}") from error
    except ValidationError as error:
        raise EndpointError(f"endpoints file: {_first_fault(error)}") from error
    return Endpoints(tuple(_endpoint(number, line) for number, line in enumerate(lines, 1)))


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = " ".join(str(part + 1) if isinstance(part, int) else part for part in fault["loc"])
    return f"entry {where}: {fault['msg']}"


def _endpoint(number: int, line: _Line) -> Endpoint:
    try:
        return _read_line(line)
    except ValueError as error:
        raise EndpointError(f"endpoints file: entry {number}: {error}") from error


def _read_line(line: _Line) -> Endpoint:
    parts = _read_url(line.endpoint)
    host = (parts.hostname or "").lower()
    dialect = _dialect(line.dialect, host)
    signature = Signature(line.signature) if line.signature else dialect.signature
    if signature not in dialect.signatures:
        raise ValueError(f"dialect {dialect.name} has no signature {signature}")
    if line.ca_file and not Path(line.ca_file).is_file():
        raise ValueError(f"ca_file {line.ca_file} is no file")
    return Endpoint(
        cloud_type=line.cloud_type,
        region=line.region,
        scheme=parts.scheme,
        host=host,
        port=parts.port or (443 if parts.scheme == "https" else 80),
        dialect=dialect,
        signature=signature,
        addressing=Addressing(line.addressing) if line.addressing else _addressing(dialect, host),
        connect=_read_connect(line.connect),
        verify_tls=line.verify_tls,
        ca_file=line.ca_file,
        named=True,
    )


def _read_url(text: str) -> SplitResult:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("endpoint must be http://HOST[:PORT] or https://HOST[:PORT]")
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("endpoint holds more than scheme, host and port")
    return parts


def _dialect(name: str | None, host: str) -> Dialect:
    if name is not None:
        if name not in DIALECTS:
            raise ValueError(f"no dialect {name}; there are {', '.join(sorted(DIALECTS))}")
        return DIALECTS[name]
    if host.endswith(_AWS_SUFFIXES):
        return DIALECTS["aws"]
    if host.endswith(_OBS_SUFFIXES):
        return DIALECTS["obs"]
    # Some vendors speak S3 on hosts of their own beside the native ones.
    theirs = (one for one in DIALECTS.values() if one.hosts and host.endswith(one.hosts))
    named = next(theirs, DIALECTS["s3"])
    return DIALECTS["s3"] if host.startswith("s3.") and not named.gateway else named


def _addressing(dialect: Dialect, host: str) -> Addressing:
    try:
        ip_address(host)
    except ValueError:
        return dialect.addressing
    return Addressing.PATH


def _read_connect(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError("connect must be HOST:PORT")
    return host.strip("[]"), int(port)


def _vendor_endpoint(cloud_type: str, region: str) -> Endpoint:
    named = vendor_host(cloud_type, region)
    if named is not None:
        return _public(cloud_type, region, named[0], DIALECTS[named[1]])
    # The region becomes part of a host name, so nothing but a plain label may stand there.
    if not _REGION.fullmatch(region):
        raise EndpointError("this is no region name")
    match cloud_type:
        case "AWS":
            host, dialect = f"s3.{region}.{_aws_domain(region)}", DIALECTS["aws"]
        case "HuaweiCloud" | "HEC":
            host, dialect = f"obs.{region}.{_obs_domain(region)}", DIALECTS["obs"]
        case _:
            raise EndpointError(f"no endpoint is known for {cloud_type}")
    return _public(cloud_type, region, host, dialect)


def _public(cloud_type: str, region: str, host: str, dialect: Dialect) -> Endpoint:
    return Endpoint(cloud_type, region, "https", host, 443, dialect, dialect.signature, dialect.addressing)


def _aws_domain(region: str) -> str:
    if region.startswith("cn-"):
        return "amazonaws.com.cn"
    return "amazonaws.eu" if region.startswith("eusc-") else "amazonaws.com"


def _obs_domain(region: str) -> str:
    return "myhuaweicloud.eu" if region == "eu-west-101" else "myhuaweicloud.com"
