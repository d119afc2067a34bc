"""One running engine for all vendor tests, with stores, a webhook, a CDN and a mail server around it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials

from tests.e2e.site import AK, REGIONS, SK, Site
from tests.running import Engine
from tests.storeserver.config import Account, StoreConfig
from tests.storeserver.process import ServerProcess
from tests.vendor.clients import Vendor, by_token
from tests.vendor.hooks import Hook, content_network, mail_server, webhook

OBJECTS = {f"logs/{n:03d}.txt": b"%05d" % n * 200 for n in range(60)}


@dataclass
class World:
    """An installation and what a client of it knows."""

    site: Site
    address: str
    project_id: str
    access_key: str
    secret_key: str
    token: str
    hook: Hook
    content_domain: str
    mails: list[str]
    topics: dict[str, str]
    known: dict[str, str]

    def signed(self) -> Vendor:
        """The SDK by access key."""
        return Vendor(self.address, BasicCredentials(self.access_key, self.secret_key, self.project_id))

    def with_token(self) -> Vendor:
        """The SDK by token."""
        return Vendor(self.address, by_token(self.token, self.project_id))

    def admin(self, *words: str) -> str:
        """`oms admin` on this installation; what it prints."""
        command = [
            Path(sys.executable).with_name("oms"),
            "admin",
            "--data-dir",
            self.site.root / "data",
            *words,
        ]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """`oms up` with two workers; bucket `from` holds some objects, `slow` takes long."""
    root = tmp_path_factory.mktemp("vendor")
    keys = {AK: Account(SK)}
    with ExitStack() as stack:
        left = stack.enter_context(ServerProcess(StoreConfig(keys=keys, buckets=["from"], latency_ms=20)))
        right = stack.enter_context(ServerProcess(StoreConfig(keys=keys, buckets=["into"])))
        for key, body in OBJECTS.items():
            left.put("from", key.encode(), body)
        left.put("from", b"big/one.bin", b"b" * (24 << 20))
        hook = stack.enter_context(webhook())
        served = {f"/{key}": (body, hashlib.md5(body).hexdigest()) for key, body in OBJECTS.items()}
        domain = stack.enter_context(content_network(served))
        mail_port, mails = stack.enter_context(mail_server())
        endpoints = root / "endpoints.yaml"
        endpoints.write_text(
            f"- {{cloud_type: AWS, region: '*', endpoint: '{left.url}'}}\n"
            f"- {{cloud_type: HuaweiCloud, region: '*', endpoint: '{left.url}'}}\n"
            f"- {{cloud_type: HEC, region: '*', endpoint: '{right.url}'}}\n"
            f"- {{cloud_type: CDN, region: '*', endpoint: 'http://{domain}'}}\n"
            f"- {{cloud_type: URLSource, region: '*', endpoint: 'http://{domain}'}}\n"
            f"- {{cloud_type: SMN, region: '*', endpoint: '{hook.url}'}}\n"
        )
        environment = {
            "OMS_SMTP_URL": f"smtp://127.0.0.1:{mail_port}",
            "OMS_SMTP_FROM": "oms@example.org",
            "OMS_REGION": REGIONS[1],
            "OMS_COMPAT_MIGRATE_SINCE_RESPONSE": "seconds",
        }
        engine = stack.enter_context(Engine(root / "data", endpoints, environment=environment))
        known = json.loads((root / "data" / "credentials.json").read_text())
        site = Site(root, left, right, engine)
        made = World(
            site, f"http://{engine._host}", known["project_id"], known["access_key"], known["secret_key"],
            engine._token, hook, domain, mails, {}, known,
        )  # fmt: skip
        targets = {"web": hook.url + "/oms", "mail": "mailto:ops@example.org", "away": "http://127.0.0.2:9/"}
        for name, target in targets.items():
            made.topics[name] = made.admin("topics", "add", name, target, "--region", REGIONS[1])
        yield made


@pytest.fixture(params=["signed", "token"])
def vendor(request: pytest.FixtureRequest, world: World) -> Vendor:
    """The SDK, proving itself one way and the other."""
    return world.signed() if request.param == "signed" else world.with_token()
