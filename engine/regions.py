"""The regions of each cloud, as the data-center call lists them (OMS 5.7.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A region: the name that requests use, and what people call it."""

    value: str
    description: str


@dataclass(frozen=True, slots=True)
class Regions:
    """All clouds in the order of the list."""

    clouds: Mapping[str, Sequence[Region]]

    def description(self, cloud_type: str, value: str) -> str | None:
        """What people call a region; None for one that the cloud does not have."""
        found = (region.description for region in self.clouds.get(cloud_type, ()) if region.value == value)
        return next(found, None)

    def home(self, cloud_type: str, own: str | None) -> str:
        """Where to ask about all buckets of a cloud: its first region, or our own where the cloud is ours."""
        known = [region.value for region in self.clouds.get(cloud_type, ())]
        return own if own in known else next(iter(known), "")


# Names that Amazon's location call still gives for its two oldest regions.
_OLD_NAMES: Mapping[str, Mapping[str, str]] = {"AWS": {"": "us-east-1", "US": "us-east-1", "EU": "eu-west-1"}}


def region_name(cloud_type: str, told: str, asked: str) -> str:
    """The region that a location answer means; `asked` is where the question was put, for stores that do not say."""
    if cloud_type == "Aliyun":
        # The location call gives the name of the host, the task takes the name of the region.
        told = told.removeprefix("oss-")
    return _OLD_NAMES.get(cloud_type, {}).get(told) or told or asked
