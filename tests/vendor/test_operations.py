"""All 35 operations of the vendor's SDK against a running engine, by access key and by token."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.vendor.clients import OPERATIONS, Vendor
from tests.vendor.conftest import World
from tests.vendor.scenarios import SCENARIOS


def test_the_scenarios_are_all_operations_there_are() -> None:
    counted = Counter(name for operations in SCENARIOS.values() for name in operations)
    assert set(counted) == OPERATIONS
    assert len(counted) == 35
    assert set(counted.values()) == {1}


@pytest.mark.check(91, 96)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: str(scenario.__name__))
def test_every_operation_succeeds_and_loses_no_field(
    vendor: Vendor, world: World, scenario: Callable[[Vendor, World], None]
) -> None:
    scenario(vendor, world)
    assert vendor.called == SCENARIOS[scenario]
