"""Calls about buckets: may it be listed, where is it, and which there are."""

from connectors.google.channel import GoogleChannel, JsonAsk
from connectors.objects import BucketInfo
from connectors.s3.errors import broken
from connectors.s3.json_answers import Answer, parsed
from connectors.wire.encoding import Query
from engine.failures import Operation


async def check_bucket(channel: GoogleChannel) -> None:
    """See `BucketChecker.check_bucket`. Asked by listing: who may read all objects may not look at the bucket."""
    query: Query = (("fields", "kind"), ("maxResults", "1"))
    await channel.call(JsonAsk(Operation.CHECK_BUCKET, "GET", query=query, path="/o"))


async def find_region(channel: GoogleChannel) -> str:
    """See `RegionFinder.find_region`; in the small letters of the list of regions."""
    operation = Operation.FIND_REGION
    answer = await channel.call(JsonAsk(operation, "GET", query=(("fields", "location"),)))
    try:
        return parsed(operation, answer).text("location").lower()
    except ValueError as error:
        raise broken(operation, answer, str(error)[:200]) from error


async def list_buckets(channel: GoogleChannel) -> tuple[BucketInfo, ...]:
    """See `BucketLister.list_buckets`: those of the account's own project, read to their end."""
    operation, found, token, seen = Operation.LIST_BUCKETS, list[BucketInfo](), "", set[str]()
    while True:
        query: Query = (("project", channel.project),)
        if token:
            query = (("pageToken", token), *query)
        answer = await channel.call(JsonAsk(operation, "GET", query=query, service=True))
        page = parsed(operation, answer)
        try:
            found += map(_bucket, page.all("items"))
            token = page.text("nextPageToken")
            complete = page.text("kind") == "storage#buckets"
        except ValueError as error:
            raise broken(operation, answer, str(error)[:200]) from error
        if not complete or token in seen:
            raise broken(operation, answer, "the list of buckets does not advance")
        if not token:
            return tuple(found)
        seen.add(token)


def _bucket(entry: Answer) -> BucketInfo:
    return BucketInfo(entry.text("name"), entry.text("location").lower())
