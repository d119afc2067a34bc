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
    """See `BucketLister.list_buckets`."""
    answer = await channel.call(Ask(Operation.LIST_BUCKETS, "GET", service=True))
    try:
        document = Document(answer.document, "ListAllMyBucketsResult")
    except BrokenXml as error:
        raise broken(Operation.LIST_BUCKETS, answer, str(error)[:200]) from error
    return tuple(
        BucketInfo(
            name=document.text("Name", element),
            region=_region(document, element),
        )
        for bucket_list in document.all("Buckets")
        for element in bucket_list
    )


def _region(document: Document, element: Element) -> str:
    names = ("BucketRegion", "Region", "Location")
    return next((text for name in names if (text := document.text(name, element))), "")
