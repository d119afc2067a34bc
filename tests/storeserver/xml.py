"""Building and reading the vendors' XML; written as bytes, because keys are bytes."""

from __future__ import annotations

from xml.etree import ElementTree

from tests.storeserver.message import Request, Response, S3Error

_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n'


def escape(value: bytes) -> bytes:
    """Markup characters and CR escaped; other control characters go out raw, as real stores send them."""
    if b"&" in value:
        value = value.replace(b"&", b"&amp;")
    value = value.replace(b"<", b"&lt;").replace(b">", b"&gt;").replace(b'"', b"&quot;")
    return value.replace(b"\r", b"&#13;")


def element(name: str, value: str | bytes | int) -> bytes:
    """`<name>value</name>`, the value escaped."""
    raw = value if isinstance(value, bytes) else str(value).encode()
    return b"<%b>%b</%b>" % (name.encode(), escape(raw), name.encode())


def document(request: Request, root: str, *children: bytes) -> bytes:
    """A whole document in the request's dialect."""
    name = root.encode()
    return b"%b<%b%b>%b</%b>" % (_HEAD, name, request.flavor.namespace, b"".join(children), name)


def answer(request: Request, root: str, *children: bytes, status: int = 200) -> Response:
    """A document as an answer."""
    return Response(status, [("Content-Type", "application/xml")], document(request, root, *children))


def error_document(error: S3Error, resource: bytes, request_id: str) -> bytes:
    """The `<Error>` document of a refusal."""
    parts = [element("Code", error.code), element("Message", error.message)]
    parts += [element(name, value) for name, value in error.extra.items()]
    parts += [
        element("Resource", resource),
        element("RequestId", request_id),
        element("HostId", "storeserver"),
    ]
    return b"%b<Error>%b</Error>" % (_HEAD, b"".join(parts))


def parse(data: bytes) -> ElementTree.Element:
    """The root of a request's document without namespaces; raises MalformedXML."""
    try:
        root = ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError) as broken:
        raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed.") from broken
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root
