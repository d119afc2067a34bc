"""OBS as source and destination on the vendor's hosts: the S3 connector with the `obs` dialect.

Bucket calls go through the wire like all others and not through esdk-obs: the SDK never checks the host name of a
certificate, resolves names past the address rules and the operator's `connect`, repeats requests and follows
redirects by itself (clouds.md A2, B0 row 2). It is the oracle of the signing test instead.
"""

from connectors.s3.channel import Ask
from connectors.s3.store import S3Store
from engine.failures import Operation


class ObsStore(S3Store):
    """A bucket of Huawei OBS; see `connectors.capabilities` for what each call promises."""

    async def find_region(self) -> str:
        """See `RegionFinder`. HEAD of the bucket names it and needs no right beyond reaching the bucket."""
        answer = await self._channel.call(Ask(Operation.FIND_REGION, "HEAD"))
        return answer.header("x-obs-bucket-location") or await super().find_region()
