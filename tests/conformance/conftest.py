"""Runs every promise on every connector and prints the matrix at the end."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import uvloop

from connectors.capabilities import DestinationStore
from connectors.endpoints import parse_endpoints
from connectors.memory import MemoryStore
from connectors.url import UrlStore
from connectors.wire import Counters, Wire
from tests.conformance.azure import AZURE, AZURITE, ON_AZURE, azure_servers
from tests.conformance.google import EMULATOR, GOOGLE, google_servers
from tests.conformance.harness import Harness, moto_server, on_store_server, rclone_server, store_server
from tests.conformance.vendors import VENDORS, vendor_servers
from tests.storeserver import ServerProcess
from tests.website import Site, running_site

ON_STORE_SERVER = (
    "AWS path V4",
    "AWS virtual V4",
    "AWS dialect aws",
    "HEC path V2",
    "HEC virtual OBS",
    "HuaweiCloud path OBS",
)
CONNECTORS = (
    "memory",
    *ON_STORE_SERVER,
    *VENDORS,
    *AZURE,
    GOOGLE,
    "AWS moto",
    "AWS rclone",
    AZURITE,
    EMULATOR,
)
# Sources with promises of their own, see `test_url_source.py` and `test_url_reads.py`.
READ_ONLY = ("URL source",)

_KINDS = ("connector", "faulty", "common", *ON_AZURE)


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The loop of production."""
    policy: asyncio.AbstractEventLoopPolicy = uvloop.EventLoopPolicy()
    return policy


@pytest.fixture(scope="session")
def harnesses() -> Iterator[dict[str, Harness]]:
    """All servers, started once; one that does not start is an error of every test."""
    with ExitStack() as stack:
        found = [
            Harness("memory", "", lambda name: None),
            *on_store_server(stack.enter_context(store_server())),
            *stack.enter_context(vendor_servers()),
            *stack.enter_context(azure_servers()),
            *stack.enter_context(google_servers()),
            stack.enter_context(moto_server()),
            stack.enter_context(rclone_server()),
        ]
        yield {harness.name: harness for harness in found}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`connector` goes over all of them, `faulty` over those whose server follows fault scripts, `common` over
    those whose server also speaks to the SDKs of Amazon and Huawei.
    """
    if "connector" in metafunc.fixturenames:
        metafunc.parametrize("connector", CONNECTORS)
    if "faulty" in metafunc.fixturenames:
        metafunc.parametrize("faulty", (*ON_STORE_SERVER, *VENDORS, *AZURE, GOOGLE))
    if "common" in metafunc.fixturenames:
        metafunc.parametrize("common", ON_STORE_SERVER)
    for fixture, names in ON_AZURE.items():
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, names)


@pytest.fixture
def harness(request: pytest.FixtureRequest, harnesses: dict[str, Harness]) -> Harness:
    """The connector under test; its known gaps become strict xfails."""
    parameters = request.node.callspec.params
    name = next(parameters[kind] for kind in _KINDS if kind in parameters)
    found = harnesses[name]
    check = request.node.originalname
    others = [str(value) for key, value in parameters.items() if key not in _KINDS]
    for parameter in (*others, ""):
        reason = found.gaps.get((check, parameter))
        if reason is not None:
            request.applymarker(pytest.mark.xfail(strict=True, reason=reason))
            break
    request.node.user_properties += [("connector", name), ("check", check)]
    return found


@pytest.fixture
def meter() -> Counters:
    """What the test's wire counts."""
    return Counters()


@pytest.fixture
async def wire(meter: Counters) -> AsyncIterator[Wire]:
    """A wire for one test."""
    async with Wire(meter) as wire:
        yield wire


@pytest.fixture
def bucket(harness: Harness) -> Iterator[str]:
    """A fresh bucket; the server's faults and settings are put back afterwards."""
    yield harness.fresh_bucket()
    if harness.control is not None:
        harness.control.faults.clear()
        harness.control.settings(policies={}, strict_region=False)


@pytest.fixture
def store(harness: Harness, wire: Wire, bucket: str) -> DestinationStore:
    """The connector under test on an empty bucket."""
    return harness.open(wire, bucket)


@pytest.fixture
def server(harness: Harness) -> ServerProcess:
    """The store server behind a `faulty` connector."""
    assert harness.control is not None
    return harness.control


@pytest.fixture(scope="session")
def started_site() -> Iterator[Site]:
    """The site of all tests of URLs."""
    with running_site() as found:
        yield found


@pytest.fixture
def site(request: pytest.FixtureRequest, started_site: Site) -> Site:
    """It is empty when the test begins, which has its place in the table of promises."""
    request.node.user_properties += [("connector", *READ_ONLY), ("check", request.node.originalname)]
    started_site.pages.clear()
    started_site.visits.clear()
    started_site.most_at_once = 0
    return started_site


@pytest.fixture
async def urls(site: Site, meter: Counters) -> AsyncIterator[UrlStore]:
    """The connector of URLs; the operator has named the site."""
    named = parse_endpoints(f"- {{cloud_type: URLSource, region: '*', endpoint: '{site.url}'}}")
    async with Wire(meter) as wire:
        yield UrlStore(wire, named)


@pytest.fixture
def is_memory(store: DestinationStore) -> bool:
    """True for the reference store, which has no HTTP."""
    return isinstance(store, MemoryStore)


_SIGNS = {"passed": "ok", "xfailed": "gap", "failed": "FAIL", "error": "ERROR", "xpassed": "FAIL"}
_RANK = ("ERROR", "FAIL", "gap", "ok")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The matrix connector x check; a check with several cases shows its worst."""
    table: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    reasons: dict[str, None] = {}
    for outcome, sign in _SIGNS.items():
        for report in terminalreporter.stats.get(outcome, []):
            told = dict(getattr(report, "user_properties", []))
            if "check" in told and (report.when == "call" or sign == "ERROR"):
                table[told["check"]][told["connector"]].add(sign)
                if sign == "gap":
                    reasons[f"{told['connector']}: {told['check']}: {getattr(report, 'wasxfail', '')}"] = None
    if table:
        _print_table(terminalreporter, table, list(reasons))


def _print_table(reporter: Any, table: dict[str, defaultdict[str, set[str]]], reasons: list[str]) -> None:
    reporter.section("conformance: check x connector")
    names = [name for name in (*CONNECTORS, *READ_ONLY) if any(name in row for row in table.values())]
    for number, name in enumerate(names, 1):
        reporter.write_line(f"  {number} = {name}")
    width = max(map(len, table))
    reporter.write_line(" " * width + "".join(f"{number:>7}" for number in range(1, len(names) + 1)))
    for check, row in sorted(table.items()):
        cells = (next((sign for sign in _RANK if sign in row.get(name, ())), "-") for name in names)
        reporter.write_line(check.ljust(width) + "".join(f"{cell:>7}" for cell in cells))
    for reason in reasons:
        reporter.write_line(f"  gap  {reason}")
