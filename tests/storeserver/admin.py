"""The pages below `/-/`: tests in other processes look at a server and steer it, without a signature.

Keys stand percent-encoded in queries and answers. GET counters, requests, bandwidth,
in-flight, faults, buckets, keys?bucket, uploads?bucket, get?bucket&key, info?bucket&key. POST counters/reset,
faults (one or a list), put?bucket&key[&properties], delete?bucket&key, mtime?bucket&key&at,
mutate?bucket&key, restore?bucket&key, bucket (name and flags), settings, close-idle. DELETE faults[?id].
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from tests.storeserver import control
from tests.storeserver.message import Request, Response, S3Error
from tests.storeserver.objects import body_bytes
from tests.storeserver.service import Service, no_such_key

_Page = Callable[[Service, Request], Any]


def _text(request: Request, name: str) -> str:
    if name not in request.query:
        raise S3Error(400, "InvalidArgument", f"{name} is missing")
    return request.query[name].decode()


def _place(request: Request) -> tuple[str, bytes]:
    if "key" not in request.query:
        raise S3Error(400, "InvalidArgument", "key is missing")
    return _text(request, "bucket"), request.query["key"]


def _json(request: Request) -> Any:
    return orjson.loads(body_bytes(request))


def _reset(service: Service, request: Request) -> None:
    service.recorder.reset()


def _add_faults(service: Service, request: Request) -> list[int]:
    what = _json(request)
    return [service.faults.add(**one).id for one in (what if isinstance(what, list) else [what])]


def _remove_faults(service: Service, request: Request) -> None:
    if "id" in request.query:
        service.faults.remove(int(_text(request, "id")))
    else:
        service.faults.clear()


def _put(service: Service, request: Request) -> dict[str, Any]:
    bucket, key = _place(request)
    properties = orjson.loads(request.query.get("properties", b"{}"))
    assert request.body is not None
    return control.info(control.put_body(service, bucket, key, request.body, **properties))


def _delete(service: Service, request: Request) -> None:
    bucket, key = _place(request)
    if control.delete(service, bucket, key) is None:
        raise no_such_key(key)


def _get(service: Service, request: Request) -> Response:
    return Response(200, [("Content-Type", "binary/octet-stream")], control.get(service, *_place(request)))


def _set_mtime(service: Service, request: Request) -> None:
    control.set_mtime(service, *_place(request), float(_text(request, "at")))


def _info(service: Service, request: Request) -> dict[str, Any]:
    return control.info(control.find(service, *_place(request)))


def _mutate(service: Service, request: Request) -> dict[str, Any]:
    return control.info(control.mutate(service, *_place(request)))


def _restore(service: Service, request: Request) -> None:
    control.restore(service, *_place(request))


def _bucket(service: Service, request: Request) -> None:
    flags = _json(request)
    control.set_bucket(service, flags.pop("name"), **flags)


def _settings(service: Service, request: Request) -> None:
    control.set_settings(service, **_json(request))


_PAGES: dict[tuple[str, str], _Page] = {
    ("GET", "counters"): lambda s, r: s.recorder.counters().to_json(),
    ("GET", "requests"): lambda s, r: s.recorder.requests(),
    ("GET", "bandwidth"): lambda s, r: s.recorder.bandwidth(),
    ("GET", "in-flight"): lambda s, r: {"now": s.recorder.in_flight, "most": s.recorder.most_in_flight},
    ("GET", "faults"): lambda s, r: s.faults.all(),
    ("GET", "buckets"): lambda s, r: sorted(s.storage.buckets),
    ("GET", "keys"): lambda s, r: [control.quoted(k) for k in control.keys(s, _text(r, "bucket"))],
    ("GET", "uploads"): lambda s, r: control.uploads(s, _text(r, "bucket")),
    ("GET", "get"): _get,
    ("GET", "info"): _info,
    ("POST", "counters/reset"): _reset,
    ("POST", "faults"): _add_faults,
    ("DELETE", "faults"): _remove_faults,
    ("POST", "put"): _put,
    ("POST", "delete"): _delete,
    ("POST", "mtime"): _set_mtime,
    ("POST", "mutate"): _mutate,
    ("POST", "restore"): _restore,
    ("POST", "bucket"): _bucket,
    ("POST", "close-idle"): lambda s, r: s.close_idle(),
    ("POST", "settings"): _settings,
}


def respond(service: Service, request: Request) -> Response:
    """The answer of a page; raises S3Error for an unknown page or wrong arguments."""
    page = _PAGES.get((request.method, request.path[3:].decode("latin-1")))
    if page is None:
        raise S3Error(404, "NoSuchPage", "There is no such page.")
    try:
        result = page(service, request)
    except (ValueError, TypeError, KeyError) as wrong:
        raise S3Error(400, "InvalidArgument", str(wrong)) from wrong
    if isinstance(result, Response):
        return result
    return Response(200, [("Content-Type", "application/json")], orjson.dumps(result))
