"""Groups of a whole installation: buckets of one test, calls, and what a client waits for."""

from typing import Any

import pytest

from tests.e2e.site import AK, REGIONS, SK, Site, until

MIB = 1 << 20
TASK_OBJECTS = 30
SLOW = [{"start": "00:00", "end": "23:59", "max_bandwidth": MIB}]
KEYS = {"src_ak": AK, "src_sk": SK, "dst_ak": AK, "dst_sk": SK}


class Pair:
    """A source and a destination bucket of one test."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self.left, self.right = f"{name}-left", f"{name}-right"
        site.source.create_bucket(self.left)
        site.destination.create_bucket(self.right)

    def fill(self, prefixes: str, count: int, body: bytes) -> None:
        """`count` objects below each prefix."""
        for prefix in prefixes:
            for n in range(count):
                self.site.source.put(self.left, f"{prefix}/{n:03}".encode(), body)

    def request(self, prefixes: str, **more: Any) -> dict[str, Any]:
        """What the Terraform resource sends: every switch, upper-case type, the destination's cloud."""
        return {
            "task_type": "PREFIX",
            "src_node": {"cloud_type": "AWS", "region": REGIONS[0], "ak": AK, "sk": SK, "bucket": self.left,
                         "object_key": [f"{prefix}/" for prefix in prefixes]},
            "dst_node": {"cloud_type": "HEC", "region": REGIONS[1], "ak": AK, "sk": SK, "bucket": self.right},
            "enable_kms": False, "enable_restore": False, "enable_failed_object_recording": True,
            "enable_metadata_migration": False, "enable_requester_pays": False,
            "consistency_check": "size_last_modified", **more,
        }  # fmt: skip

    def deny(self, pattern: str) -> int:
        """Keys that cannot be read until the fault is removed."""
        denied = {"status": 403, "code": "AccessDenied"}
        return int(self.site.source.faults.add(op="get", bucket=self.left, key=pattern, **denied))

    def copied(self) -> int:
        """How many objects have arrived."""
        return sum(not key.startswith(b"oms/") for key in self.site.destination.keys(self.right))


def call(site: Site, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """A call below the project."""
    return site.engine.call(method, f"/taskgroups{path}", body)


def shown(site: Site, group: str) -> dict[str, Any]:
    """The group as the API shows it."""
    found: dict[str, Any] = call(site, "GET", f"/{group}")
    return found


def wait(site: Site, group: str, *statuses: int, seconds: float = 60) -> dict[str, Any]:
    """The group once it has one of these statuses."""
    return until(lambda: shown(site, group), lambda found: found["status"] in statuses, seconds)


def refused(site: Site, method: str, path: str, body: dict[str, Any] | None = None) -> str:
    """What a call that must not succeed says."""
    with pytest.raises(RuntimeError) as error:
        call(site, method, path, body)
    return str(error.value)


def assert_gone(site: Site, group: str) -> None:
    """The group shows 8 or 9 until it is 404."""

    def look() -> str:
        try:
            return str(shown(site, group)["status"])
        except RuntimeError as error:
            return str(error)

    last = until(look, lambda found: found not in ("8", "9"), 20)
    assert ": 404 " in last
    assert "OMS.1009" in last
