"""Calls about buckets: does it exist, where, and which there are."""

from xml.etree.ElementTree import Element

from connectors.errors import StoreError
from connectors.objects import BucketInfo
from connectors.s3.channel import Ask, Channel
from connectors.s3.errors import broken
from connectors.s3.xml import BrokenXml, Document
from engine.failures import Operation


async def check_bucket(channel: Channel) -> None:
    """See `BucketChecker.check_bucket`. A bodiless refusal costs one listing request for its code."""
    listing = Ask(Operation.CHECK_BUCKET, "GET", query=(("max-keys", "1"),))
    if not channel.dialect.head_bucket:
        await channel.call(listing)
        return
    try:
        await channel.call(Ask(Operation.CHECK_BUCKET, "HEAD"))
    except StoreError as error:
        if error.code or error.status not in {301, 307, 400, 403}:
            raise
        await channel.call(listing)


async def is_file_system(channel: Channel) -> bool:
    """See `FileSystemTeller.is_file_system`."""
    answer = await channel.call(Ask(Operation.CHECK_BUCKET, "HEAD"))
    return answer.header(f"{channel.dialect.prefix}fs-file-interface").lower() == "enabled"


async def find_region(channel: Channel) -> str:
    """See `RegionFinder.find_region`: the location call, whose empty answer is the vendor's first region."""
    answer = await channel.call(Ask(Operation.FIND_REGION, "GET", query=(("location", None),)))
    for root in ("LocationConstraint", "CreateBucketConfiguration", "Location"):
        try:
            document = Document(answer.document, root)
        except BrokenXml:
            continue
        return document.text("LocationConstraint") or document.text("Location") or document.own_text()
    raise broken(Operation.FIND_REGION, answer, "the answer names no location")


async def list_buckets(channel: Channel) -> tuple[BucketInfo, ...]:
    """See `BucketLister.list_buckets`; a list in pages is read to its end."""
    operation, found, marker = Operation.LIST_BUCKETS, list[BucketInfo](), ""
    while True:
        query = channel.dialect.buckets_query + ((("marker", marker),) if marker else ())
        answer = await channel.call(Ask(operation, "GET", query=query, service=True))
        try:
            document = Document(answer.document, "ListAllMyBucketsResult")
        except BrokenXml as error:
            raise broken(operation, answer, str(error)[:200]) from error
        found += _buckets(document)
        if document.text("IsTruncated") != "true":
            return tuple(found)
        following = document.text("NextMarker")
        if following <= marker:
            raise broken(operation, answer, "the list of buckets does not advance")
        marker = following


def _buckets(document: Document) -> list[BucketInfo]:
    return [
        BucketInfo(document.text("Name", element), _region(document, element))
        for bucket_list in document.all("Buckets")
        for element in bucket_list
    ]


def _region(document: Document, element: Element) -> str:
    names = ("BucketRegion", "Region", "Location")
    return next((text for name in names if (text := document.text(name, element))), "")
