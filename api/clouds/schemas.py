"""Answers of the calls about clouds and regions (OMS 5.6, 5.7)."""

from enum import StrEnum

from pydantic import BaseModel


class End(StrEnum):
    """Which end of a migration (table 5-208)."""

    SOURCE = "src"
    DESTINATION = "dst"


class RegionInfo(BaseModel):
    """One region (table 5-216)."""

    cloud_type: str
    value: str
    description: str


class CloudRegions(BaseModel):
    """A cloud with its regions (table 5-215)."""

    service_name: str
    region_list: list[RegionInfo]
