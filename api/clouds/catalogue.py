"""The list of clouds and their regions that is shipped with the service (OMS 5.7.1)."""

from importlib.resources import files
from typing import Any

import orjson

from engine.regions import Region, Regions


def load_regions() -> Regions:
    """The shipped list."""
    listed: list[dict[str, Any]] = orjson.loads(files("api.clouds").joinpath("regions.json").read_bytes())
    return Regions(
        {
            cloud["service_name"]: tuple(
                Region(region["value"], region["description"]) for region in cloud["region_list"]
            )
            for cloud in listed
        }
    )
