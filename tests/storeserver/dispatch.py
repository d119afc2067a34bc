"""From a request's head to its answer: routing, faults, access, the operation, error documents."""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable

from tests.storeserver import (
    admin,
    azure,
    buckets,
    google_answers,
    json_answers,
    multipart,
    objects,
    qingstor_answers,
    vendor_auth,
    xml,
)
from tests.storeserver.auth import authenticate
from tests.storeserver.body import Files, Sink
from tests.storeserver.faults import Fault
from tests.storeserver.message import Request, Response, S3Error
from tests.storeserver.model import SyntheticBucket
from tests.storeserver.routing import check_allowed, route
from tests.storeserver.service import Service, no_such_key

_log = logging.getLogger("storeserver")
_Operation = Callable[[Service, Request], Response]

_OPERATIONS: dict[str, _Operation] = {
    "list_buckets": buckets.list_buckets,
    "head_bucket": buckets.head,
    "create_bucket": buckets.create,
    "delete_bucket": buckets.delete,
    "location": buckets.location,
    "get_versioning": buckets.get_versioning,
    "put_versioning": buckets.put_versioning,
    "get_encryption": buckets.get_encryption,
    "get_payer": buckets.get_payer,
    "list": buckets.list_page,
    "get": objects.read,
    "head": objects.read,
    "put": objects.write,
    "copy": objects.copy,
    "delete": objects.delete,
    "restore": objects.restore,
    "get_tags": objects.read_tags,
    "initiate": multipart.initiate,
    "upload_part": multipart.upload_part,
    "list_parts": multipart.list_parts,
    "list_uploads": multipart.list_uploads,
    "complete": multipart.complete,
    "abort": multipart.abort,
}
_JSON = {"bos": json_answers, "qingstor": qingstor_answers}
_STORES_BODY = frozenset({"put", "upload_part"})
_CHANGES = _STORES_BODY | {"copy", "delete", "initiate", "complete", "abort", "restore", "delete_bucket"}
_FRAMING = {"content-length", "transfer-encoding"}
_ADMIN_PATH = b"/-/"


class _Drain(Sink):
    """Takes a body that nobody wants."""

    __slots__ = ()

    def feed(self, chunk: bytes) -> None:
        self.size += len(chunk)


class Dispatcher:
    """Turns requests into answers on one service. `sink` takes bodies."""

    sink: type[Sink] = Sink

    def __init__(self, service: Service) -> None:
        self.service = service
        self._memory = Files(None)

    def open(self, request: Request, expected: int) -> None:
        """Judge the head: fills in operation, fault, refusal and the sink for `expected` body bytes."""
        route(request, self.service.config)
        if request.path.startswith(_ADMIN_PATH) and not request.virtual:
            request.op = "admin"
            request.sink = Sink(self.service.storage.files, expected, sha256=False)
            return
        self.service.recorder.begin()
        request.fault = self.service.faults.pick(request)
        try:
            self._admit(request)
        except S3Error as refusal:
            request.refusal = refusal
            request.sink = _Drain(self._memory, 0, sha256=False)
            return
        files = self.service.storage.files if request.op in _STORES_BODY else self._memory
        request.sink = self.sink(files, expected, sha256=bool(request.content_sha256))

    def _admit(self, request: Request) -> None:
        fault = request.fault
        if fault is not None and fault.status:
            raise _scripted(fault)
        if request.op == "token":
            return
        config = self.service.config
        if request.obs and config.dialect == "s3":
            raise S3Error(400, "InvalidArgument", "x-obs- headers are not understood here.")
        self._check_place(request)
        verify = vendor_auth.verify if request.flavor.name in vendor_auth.SCHEMES else authenticate
        request.access_key = verify(request, config)
        if len(request.key) > config.max_key_bytes:
            raise S3Error(400, "KeyTooLongError", "Your key is too long")
        check_allowed(request, config)
        if request.op in _STORES_BODY and not _FRAMING & request.headers.keys():
            raise S3Error(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        bucket = self.service.storage.buckets.get(request.bucket)
        if isinstance(bucket, SyntheticBucket) and request.op in _CHANGES:
            raise S3Error(405, "MethodNotAllowed", "A synthetic bucket does not change.")
        if bucket is None or not bucket.flags.requester_pays:
            return
        if request.flavor.name == "google":
            google_answers.check_payer(request)
        elif request.own("request-payer") != "requester":
            code = "RequestPayerDenied" if request.obs else "AccessDenied"
            raise S3Error(403, code, "The requester must say that he pays.")

    def _check_place(self, request: Request) -> None:
        """Refuse what another region's host, or an account without its number, is asked for."""
        config, told = self.service.config, request.flavor.tells_endpoint
        wrong = config.strict_region and request.host_region not in ("", config.region)
        if wrong and told is not None:
            endpoint = config.base_domain.replace("{region}", config.region)
            raise S3Error(*told, "The bucket must be addressed at the specified endpoint.", Endpoint=endpoint)
        if (
            request.flavor.hides_leading_slash
            and request.key.startswith(b"/")
            and request.method in ("GET", "HEAD")
        ):
            raise no_such_key(request.key)
        if config.app_id and request.bucket and not request.bucket.endswith(f"-{config.app_id}"):
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist.")
        if request.op == "head_bucket" and not request.flavor.head_bucket:
            raise S3Error(
                405, "MethodNotAllowed", "The specified method is not allowed against this resource."
            )

    def respond(self, request: Request) -> Response:
        """Do the work after the body has come; never raises."""
        assert request.sink is not None
        body = request.body = request.sink.finish()
        try:
            if request.refusal is not None:
                raise request.refusal
            if request.op == "admin":
                return admin.respond(self.service, request)
            operation = _OPERATIONS.get(request.op)
            if request.flavor.json:
                operation = _JSON[request.flavor.name].OPERATIONS.get(request.op, operation)
            elif request.flavor.name == "azure":
                operation = azure.OPERATIONS.get(request.op)
            if request.flavor.name == "google":
                operation = google_answers.operation(request) or operation
            if operation is None:
                raise S3Error(501, "NotImplemented", "This operation is not offered here.")
            response = operation(self.service, request)
        except S3Error as error:
            self.service.storage.files.remove(body)
            return self._refuse(request, error)
        except Exception:  # noqa: BLE001 - logged, and answered with 500
            _log.exception("%s %r failed", request.method, request.path)
            self.service.storage.files.remove(body)
            return self._refuse(request, S3Error(500, "InternalError", "We encountered an internal error."))
        response.headers.append((request.prefix + "request-id", self.service.request_id()))
        return response

    def _refuse(self, request: Request, error: S3Error) -> Response:
        if request.flavor.name == "azure" and request.op != "admin":
            return azure.refuse(request, error, self.service.request_id())
        request_id = self.service.request_id()
        error.code = request.flavor.codes.get(error.code, error.code)
        headers = [(request.prefix + "request-id", request_id), *error.headers]
        if request.rest:
            return google_answers.refusal(request, error)
        if request.flavor.json and request.op != "admin" and request.method != "HEAD":
            headers.append(("Content-Type", "application/json"))
            document = _JSON[request.flavor.name].error_document(error, request_id)
            return Response(error.status, headers, document)
        if request.method == "HEAD":
            if request.flavor.name == "oss":
                document = xml.error_document(error, request.path, request_id)
                headers.append(("x-oss-err", base64.b64encode(document).decode()))
            return Response(error.status, headers, head_only=True)
        headers.append(("Content-Type", "application/xml"))
        return Response(error.status, headers, xml.error_document(error, request.path, request_id))


_CODES = {
    400: "InvalidRequest", 403: "AccessDenied", 404: "NoSuchKey", 409: "OperationAborted",
    412: "PreconditionFailed", 429: "TooManyRequests", 500: "InternalError", 503: "SlowDown",
}  # fmt: skip


def _scripted(fault: Fault) -> S3Error:
    code = fault.code or _CODES.get(fault.status, "InternalError")
    error = S3Error(fault.status, code, "As the fault script says.", **fault.elements)
    if fault.retry_after is not None:
        error.headers.append(("Retry-After", str(fault.retry_after)))
    return error
