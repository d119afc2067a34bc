"""What the Terraform resource of a group does."""

import time
from typing import Any

from tests.e2e.site import Site
from tests.groups.installation import KEYS, call, shown


class Resource:
    """What the Terraform resource of a group does, with its polling sets (oms-behaviour 11).

    It looks ten times as often as the resource, and sees whatever that could see.
    """

    DELAY, INTERVAL = 0.5, 0.3

    def __init__(self, site: Site) -> None:
        self.site = site
        self.group = ""

    def create(self, request: dict[str, Any]) -> None:
        """POST, then wait for the group to be at work or done."""
        self.group = call(self.site, "POST", "", request)["group_id"]
        self._until(pending={0, 1}, target={2, 6})

    def act(self, action: str) -> None:
        """start, stop or retry, and the wait that belongs to it."""
        call(self.site, "PUT", f"/{self.group}/{action}", None if action == "stop" else KEYS)
        if action == "stop":
            self._until(pending={7}, target={3, 6})
        else:
            self._until(pending={0, 1}, target={2, 6})

    def destroy(self) -> None:
        """To a state that can be deleted, then DELETE (again while OMS.0063), then until 404."""
        status = shown(self.site, self.group)["status"]
        if status == 1:
            self._until(pending={1}, target={2, 6})
            status = shown(self.site, self.group)["status"]
        if status == 2:
            self.act("stop")
        while True:
            try:
                call(self.site, "DELETE", f"/{self.group}")
                break
            except RuntimeError as error:
                if "OMS.0063" not in str(error):
                    raise
            time.sleep(1)
        self._until(pending={8, 9}, target={404})

    def _until(self, *, pending: set[int], target: set[int]) -> None:
        time.sleep(self.DELAY)
        for _ in range(200):
            status = self._status()
            if status in target:
                return
            assert status in pending, status
            time.sleep(self.INTERVAL)
        raise TimeoutError(self.group)

    def _status(self) -> int:
        try:
            return int(shown(self.site, self.group)["status"])
        except RuntimeError as error:
            if ": 404 " in str(error):
                return 404
            raise
