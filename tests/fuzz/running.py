"""Schemathesis against a running API: every phase, and what must never come back."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.api.service import Service, running_service, write_key_file
from tests.servers import copied_database, create_template, running_postgres
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.process import ServerProcess

PHASES = "examples,coverage,fuzzing,stateful"
# Rules between fields refuse requests that fit the schema: their codes are what the reference asks for.
LEFT_OUT = "positive_data_acceptance"
_COUNT = re.compile(r'oms_http_requests_total\{method="(\w+)",route="([^"]*)",status="(\d+)"\} ([0-9.e+]+)')

CONFIG = """\
[parameters]
"path.project_id" = "{project_id}"

[checks.not_a_server_error]
# 501 names a field whose cloud or feature this version does not have.
expected-statuses = ["2xx", "3xx", "4xx", "501"]

[checks.negative_data_rejection]
# 413: a wrong field in a body that is too large is not looked at.
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
"""


@dataclass(frozen=True, slots=True)
class Count:
    """How often a route answered a status."""

    method: str
    route: str
    status: int
    requests: int


@contextmanager
def fuzzed_service(root: Path) -> Iterator[Service]:
    """An API without quotas whose every cloud is one local store: nothing else is dialled."""
    with ExitStack() as stack:
        postgres = stack.enter_context(running_postgres())
        store = stack.enter_context(ServerProcess(StoreConfig(keys={"AK": Account("SK")}, buckets=["from"])))
        create_template(postgres)
        url = stack.enter_context(copied_database(postgres))
        endpoints = root / "endpoints.yaml"
        endpoints.write_text(f"- {{cloud_type: '*', region: '*', endpoint: '{store.url}'}}\n")
        environment = {
            "OMS_ENDPOINTS": str(endpoints),
            "OMS_TASKS_PER_DAY": "9999999",
            "OMS_TASKS_WAITING": "9999999",
        }
        key_file = write_key_file(root / "master.key")
        yield stack.enter_context(running_service(url, key_file, **environment))


def fuzz(api: Service, root: Path, examples: int, *, authenticated: bool = True) -> tuple[int, str]:
    """One run over all operations; the exit status and what was printed."""
    who = api.account()
    config = root / "schemathesis.toml"
    config.write_text(CONFIG.format(project_id=who.project_id))
    left_out = LEFT_OUT if authenticated else f"{LEFT_OUT},ignored_auth"
    command = [
        Path(sys.executable).with_name("st"), "--config-file", config, "--no-color",
        "run", f"{api.address}/openapi.json", "--phases", PHASES, "--checks", "all", "--exclude-checks", left_out,
        "--max-examples", str(examples), "--no-shrink", "--continue-on-failure", "--warnings", "off",
        "--request-timeout", "30",
    ]  # fmt: skip
    if authenticated:
        command += ["--header", f"X-Auth-Token: {api.token(who)}"]
    done = subprocess.run(
        command, cwd=root, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def counts(api: Service) -> list[Count]:
    """What the API itself counted."""
    page = api.send("GET", "/metrics").body.decode()
    return [
        Count(method, route, int(status), int(float(n))) for method, route, status, n in _COUNT.findall(page)
    ]


def unauthenticated_successes(api: Service) -> list[Count]:
    """Good answers of operations that ask for credentials."""
    paths = api.send("GET", "/openapi.json").json["paths"]
    guarded = {
        (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if operation.get("security")
    }
    assert len(guarded) >= 39
    return [one for one in counts(api) if one.status < 400 and (one.method, one.route) in guarded]


def server_errors(api: Service) -> list[Count]:
    """Answers that say that the service broke."""
    return [one for one in counts(api) if one.status >= 500 and one.status != 501]
