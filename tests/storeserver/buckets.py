"""Operations on buckets."""

from __future__ import annotations

import re

from tests.storeserver import xml
from tests.storeserver.config import BucketFlags
from tests.storeserver.listing import list_objects
from tests.storeserver.message import Request, Response, S3Error, shown_time
from tests.storeserver.model import Bucket
from tests.storeserver.objects import body_bytes
from tests.storeserver.service import Service

_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"
_NAME = re.compile(r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")


def list_buckets(service: Service, request: Request) -> Response:
    """GET on the service."""
    found = sorted(service.storage.buckets.values(), key=lambda b: b.name)
    paging = b""
    if request.flavor.name == "oss":
        found, paging = _page(request, found)
    owner = b"<Owner>%b%b</Owner>" % (
        xml.element("ID", "storeserver"),
        xml.element("DisplayName", "storeserver"),
    )
    entries = b"".join(_bucket_element(service, request, bucket) for bucket in found)
    return xml.answer(request, "ListAllMyBucketsResult", owner, b"<Buckets>%b</Buckets>" % entries, paging)


def _page(request: Request, found: list[Bucket]) -> tuple[list[Bucket], bytes]:
    """OSS shows 100 buckets at a time unless it is asked for more, up to 1,000."""
    query = request.query
    limit = min(int(query.get("max-keys", b"100")), 1000)
    left = [bucket for bucket in found if bucket.name > query.get("marker", b"").decode()]
    if len(left) <= limit:
        return left, xml.element("IsTruncated", "false")
    shown = left[:limit]
    return shown, xml.element("IsTruncated", "true") + xml.element("NextMarker", shown[-1].name)


def _bucket_element(service: Service, request: Request, bucket: Bucket) -> bytes:
    children = [
        xml.element("Name", bucket.name),
        xml.element("CreationDate", shown_time(request, bucket.created)),
    ]
    if request.obs:
        children.append(xml.element("Location", service.region(bucket)))
        children.append(xml.element("BucketType", "OBJECT"))
    elif request.flavor.name == "oss":
        children += _of_oss(service.region(bucket))
    elif request.flavor.namespace == b"":
        children.append(xml.element("Location", service.region(bucket)))
    else:
        children.append(xml.element("BucketRegion", service.region(bucket)))
    return b"<Bucket>%b</Bucket>" % b"".join(children)


def _of_oss(region: str) -> list[bytes]:
    return [
        xml.element("Location", f"oss-{region}"),
        xml.element("ExtranetEndpoint", f"oss-{region}.aliyuncs.com"),
        xml.element("IntranetEndpoint", f"oss-{region}-internal.aliyuncs.com"),
        xml.element("StorageClass", "Standard"),
        xml.element("Region", region),
    ]


def head(service: Service, request: Request) -> Response:
    """HEAD of a bucket, with its region in both dialects."""
    bucket = service.bucket(request.bucket)
    region = service.region(bucket)
    headers = [("x-amz-bucket-region", region), ("x-obs-bucket-location", region)]
    if request.obs:
        headers.append(("x-obs-storage-class", request.flavor.class_name(bucket.flags.storage_class)))
        headers.append(("x-obs-version", "3.0"))
        if bucket.flags.file_system:
            headers.append(("x-obs-fs-file-interface", "Enabled"))
    return Response(200, headers, head_only=True)


def location(service: Service, request: Request) -> Response:
    """GET ?location."""
    region = service.region(service.bucket(request.bucket))
    if request.obs:
        return xml.answer(request, "Location", region.encode())
    if request.flavor.name == "oss":
        region = f"oss-{region}"
    return xml.answer(request, "LocationConstraint", b"" if region == "us-east-1" else region.encode())


def create(service: Service, request: Request) -> Response:
    """PUT of a bucket."""
    if not _NAME.match(request.bucket):
        raise S3Error(400, "InvalidBucketName", "The specified bucket is not valid.")
    if request.bucket in service.storage.buckets:
        raise S3Error(409, "BucketAlreadyOwnedByYou", "Your previous request to create the bucket succeeded.")
    flags = BucketFlags()
    if body := body_bytes(request):
        root = xml.parse(body)
        asked = root.findtext("LocationConstraint") or root.findtext("Location") or ""
        flags.region = asked.strip()
    service.storage.create_bucket(request.bucket, service.now(), flags)
    return Response(200, [("Location", "/" + request.bucket)])


def delete(service: Service, request: Request) -> Response:
    """DELETE of a bucket, which must be empty."""
    bucket = service.bucket(request.bucket)
    if bucket.versions or next(bucket.seek(b""), None) is not None:
        raise S3Error(409, "BucketNotEmpty", "The bucket you tried to delete is not empty")
    service.storage.delete_bucket(bucket.name)
    return Response(204)


def get_versioning(service: Service, request: Request) -> Response:
    """GET ?versioning."""
    status = service.bucket(request.bucket).flags.versioning
    return xml.answer(request, "VersioningConfiguration", xml.element("Status", status) if status else b"")


def put_versioning(service: Service, request: Request) -> Response:
    """PUT ?versioning."""
    bucket = service.bucket(request.bucket)
    status = xml.parse(body_bytes(request)).findtext("Status") or ""
    if status not in ("Enabled", "Suspended"):
        raise S3Error(400, "MalformedXML", "Status must be Enabled or Suspended.")
    bucket.flags.versioning = status
    service.storage.set_flags(bucket.name, bucket.flags)
    return Response(200)


def get_encryption(service: Service, request: Request) -> Response:
    """GET ?encryption: what is done to objects that do not ask for anything."""
    flags = service.bucket(request.bucket).flags
    if not flags.encryption:
        code = "NoSuchEncryptionConfiguration" if request.obs else _NO_ENCRYPTION
        raise S3Error(404, code, "The server side encryption configuration was not found")
    kms = flags.encryption == "aws:kms"
    rule = xml.element("SSEAlgorithm", "kms" if kms and request.obs else flags.encryption)
    if flags.kms_key_id:
        rule += xml.element("KMSMasterKeyID", flags.kms_key_id)
    wrapped = (
        b"<Rule><ApplyServerSideEncryptionByDefault>%b</ApplyServerSideEncryptionByDefault></Rule>" % rule
    )
    return xml.answer(request, "ServerSideEncryptionConfiguration", wrapped)


def get_payer(service: Service, request: Request) -> Response:
    """GET ?requestPayment."""
    pays = service.bucket(request.bucket).flags.requester_pays
    payer = xml.element("Payer", "Requester" if pays else "BucketOwner")
    return xml.answer(request, "RequestPaymentConfiguration", payer)


def list_page(service: Service, request: Request) -> Response:
    """GET of a bucket: a page of its objects."""
    return list_objects(request, service.bucket(request.bucket))
