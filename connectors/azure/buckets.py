"""Calls about containers: does this one exist, and which there are."""

from connectors.objects import BucketInfo
from connectors.s3.channel import Ask, Channel
from connectors.s3.errors import broken
from connectors.s3.xml import BrokenXml, Document
from engine.failures import Operation


async def check_container(channel: Channel, operation: Operation = Operation.CHECK_BUCKET) -> None:
    """See `BucketChecker.check_bucket`. A page of one blob: a SAS for reading may not ask for properties."""
    query = (("restype", "container"), ("comp", "list"), ("maxresults", "1"))
    await channel.call(Ask(operation, "GET", query=query))


async def list_containers(channel: Channel) -> tuple[BucketInfo, ...]:
    """See `BucketLister.list_buckets`; read to its end. The data host does not tell regions."""
    operation, found, marker = Operation.LIST_BUCKETS, list[BucketInfo](), ""
    while True:
        query = (("comp", "list"), *((("marker", marker),) if marker else ()))
        answer = await channel.call(Ask(operation, "GET", query=query, service=True))
        try:
            document = Document(answer.document, "EnumerationResults")
        except BrokenXml as error:
            raise broken(operation, answer, str(error)[:200]) from error
        found += [
            BucketInfo(document.text("Name", one)) for listed in document.all("Containers") for one in listed
        ]
        following = document.text("NextMarker")
        if not following:
            return tuple(found)
        if following == marker:
            raise broken(operation, answer, "the list of containers does not advance")
        marker = following
