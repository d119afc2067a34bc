"""What the Terraform provider does with a migration task, call by call (oms-behaviour 11)."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

# The provider looks every 3 to 5 seconds; here a tenth of that.
INTERVAL = 0.3


class Gone(Exception):
    """The resource does not exist: 404, or 400 with OMS.1009."""


class Refused(Exception):
    """The service said no."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


class Provider:
    """Sends what the provider sends, with a token."""

    def __init__(self, address: str, project_id: str, token: str) -> None:
        self._root = f"{address}/v2/{project_id}"
        self._token = token

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The decoded answer; numbers as the provider's language reads them, in floating point."""
        asked = urllib.request.Request(
            self._root + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Auth-Token": self._token, "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            problem = json.loads(error.read())
            if error.code == 404 or (error.code == 400 and problem["error_code"] == "OMS.1009"):
                raise Gone from error
            raise Refused(problem["error_code"], problem["error_msg"]) from error
        return json.loads(content, parse_int=float) if content else None


def wait(
    ask: Callable[[], float],
    pending: set[int],
    target: set[int],
    seconds: float = 60,
    interval: float = INTERVAL,
) -> int:
    """The provider's state waiter: any state in neither set is an error."""
    deadline = time.monotonic() + seconds
    while True:
        state = ask()
        assert state == int(state)
        if state in target:
            return int(state)
        assert state in pending, f"unexpected state {state}, wanted {target}"
        assert time.monotonic() < deadline, f"still {state}"
        time.sleep(interval)


class MigrationTask:
    """`huaweicloud_oms_migration_task`."""

    def __init__(self, provider: Provider, wanted: Mapping[str, Any]) -> None:
        self._provider = provider
        self._wanted = dict(wanted)
        self.id = ""

    def create(self) -> None:
        """POST, then wait until it runs; with `start_task` false it is stopped again."""
        created = self._provider.request("POST", "/tasks", self._body())
        # A float64 holds every id exactly.
        self.id = str(int(created["id"]))
        wait(self._status, {0, 1}, {2, 5})
        if not self._wanted["start_task"]:
            self.stop()

    def plan(self) -> dict[str, Any]:
        """What differs between the file and what is read back; empty when nothing has to be done."""
        shown = self._provider.request("GET", f"/tasks/{self.id}")
        read = {
            "type": shown["task_type"],
            "description": shown["description"],
            "enable_kms": shown["enable_kms"],
            "enable_restore": shown["enable_restore"],
            "enable_metadata_migration": shown["enable_metadata_migration"],
            "enable_failed_object_recording": shown["enable_failed_object_recording"],
            "enable_requester_pays": shown["enable_requester_pays"],
            "migrate_since": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(shown["migrate_since"])),
            "bandwidth_policy": [
                {"start": one["start"], "end": one["end"], "max_bandwidth": one["max_bandwidth"] / (1 << 20)}
                for one in shown["bandwidth_policy"]
            ],
            "source": {name: shown["src_node"][name] for name in ("bucket", "region", "object_key")}
            | {"data_source": shown["src_node"]["cloud_type"]},
            "destination": {name: shown["dst_node"][name] for name in ("bucket", "region", "save_prefix")},
        }
        return {
            name: (self._wanted[name], value) for name, value in read.items() if self._wanted[name] != value
        }

    def update(self, **changes: Any) -> None:
        """New limits by PUT; `start_task` by start or stop."""
        self._wanted |= changes
        if "bandwidth_policy" in changes:
            path = f"/tasks/{self.id}/bandwidth-policy"
            self._provider.request("PUT", path, {"bandwidth_policy": self._limits()})
        if "start_task" in changes:
            self.start() if changes["start_task"] else self.stop()

    def start(self) -> None:
        """POST start with all keys again; the next look is neither 3 nor 4."""
        source, destination = self._wanted["keys"]
        keys = {"src_ak": source[0], "src_sk": source[1], "dst_ak": destination[0], "dst_sk": destination[1]}
        self._provider.request("POST", f"/tasks/{self.id}/start", {**keys, "migrate_failed_object": False})
        assert self._status() not in (3, 4)
        wait(self._status, {0, 1}, {2, 5})

    def stop(self) -> None:
        """POST stop; a task that is not in progress is as good as stopped."""
        try:
            self._provider.request("POST", f"/tasks/{self.id}/stop")
        except Refused as refused:
            if refused.code != "OMS.0066":
                raise
            return
        assert self._status() in (7, 3)
        wait(self._status, {0, 7}, {3})

    def destroy(self) -> None:
        """Stopped first where it runs, then DELETE until it is gone."""
        status = self._status()
        if status == 2:
            self.stop()
        elif status == 7:
            wait(self._status, {7}, {3, 4, 5})
        self._delete()
        try:
            self._status()
        except Gone:
            return
        raise AssertionError("it is still there")

    def _delete(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                self._provider.request("DELETE", f"/tasks/{self.id}")
            except Gone:
                return
            except Refused as refused:
                if refused.code != "OMS.0063" or time.monotonic() > deadline:
                    raise
                time.sleep(INTERVAL)
            else:
                return

    def _status(self) -> float:
        return float(self._provider.request("GET", f"/tasks/{self.id}")["status"])

    def _limits(self) -> list[dict[str, Any]]:
        return [
            {**window, "max_bandwidth": float(window["max_bandwidth"] * (1 << 20))}
            for window in self._wanted["bandwidth_policy"]
        ]

    def _body(self) -> dict[str, Any]:
        wanted, (source, destination) = self._wanted, self._wanted["keys"]
        since = time.strptime(wanted["migrate_since"], "%Y-%m-%d %H:%M:%S")
        flags = ("enable_kms", "enable_restore", "enable_failed_object_recording", "enable_metadata_migration",
                 "enable_requester_pays")  # fmt: skip
        import calendar

        optional = {
            "description": wanted["description"],
            "migrate_since": calendar.timegm(since),
            "bandwidth_policy": self._limits(),
            "smn_config": wanted.get("smn_config"),
        }
        there = wanted["destination"]
        return {
            "task_type": wanted["type"],
            "src_node": {
                "ak": source[0],
                "sk": source[1],
                "bucket": wanted["source"]["bucket"],
                "region": wanted["source"]["region"],
                "cloud_type": wanted["source"]["data_source"],
                "object_key": wanted["source"]["object_key"] or [""],
            },
            "dst_node": {"ak": destination[0], "sk": destination[1], **{k: v for k, v in there.items() if v}},
            **{flag: wanted[flag] for flag in flags},
            **{name: value for name, value in optional.items() if value},
        }
