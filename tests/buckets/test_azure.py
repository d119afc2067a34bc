"""What lies in an Azure account, looked at through the API with a connection string or a key."""

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.embedded.postgres import Postgres
from tests.api.service import Account, Service, running_service, write_key_file
from tests.servers import copied_database
from tests.storeserver import Account as Key
from tests.storeserver import ServerProcess, StoreConfig

NAME, KEY = "shopaccount", b64encode(b"key of the shop").decode()
BY_STRING = {"connection_string": f"AccountName={NAME};AccountKey={KEY};EndpointSuffix=core.windows.net"}
BY_KEY = {"ak": NAME, "sk": KEY}


@pytest.fixture(scope="module")
def api(postgres_server: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An API whose operator has put Azure on a server of this machine."""
    folder = tmp_path_factory.mktemp("azure")
    file: Path = folder / "endpoints.yaml"
    config = StoreConfig(keys={NAME: Key(KEY)}, buckets=["box", "other"], dialect="azure")
    with ServerProcess(config) as server, copied_database(postgres_server) as url:
        for key in ("a.txt", "b/1.txt", "b/c/2.txt", "ü/😀"):
            server.put("box", key.encode(), key.encode() * 300)
        line = f'- {{cloud_type: Azure, region: "*", endpoint: "{server.url}", dialect: azure}}\n'
        file.write_text(line)
        key_file = write_key_file(folder / "master.key")
        with running_service(url, key_file, OMS_ENDPOINTS=str(file)) as service:
            yield service


@pytest.fixture
def ask(api: Service) -> Any:
    """A call about buckets by a user of the service."""
    ann: Account = api.account()

    def call(path: str, **body: Any) -> Any:
        return api.call(ann, "POST", f"/objectstorage/buckets{path}", {"cloud_type": "Azure", **body})

    return call


PAGE = {"bucket_name": "box", "data_center": "westeurope", "page_size": 100, "behind_filename": ""}


@pytest.mark.parametrize("keys", [BY_STRING, BY_KEY], ids=["connection string", "key"])
def test_containers_and_their_levels_are_listed(ask: Any, keys: dict[str, str]) -> None:
    assert ask("", **keys).json == ["box", "other"]
    page = ask("/objects", **keys, **PAGE, file_path="").json
    assert [one["name"] for one in page["records"]] == ["a.txt", "b/", "ü/"]
    below = ask("/objects", **keys, **PAGE, file_path="b/").json
    assert [one["name"] for one in below["records"]] == ["b/1.txt", "b/c/"]


def test_a_prefix_is_found_and_a_container_has_a_region(ask: Any) -> None:
    asked = {**BY_STRING, "bucket_name": "box", "data_center": "westeurope"}
    assert ask("/prefix", **asked, file_name="b/c").json == {"exist": True}
    assert ask("/prefix", **asked, file_name="x").json == {"exist": False}
    told = ask("/regions", **BY_STRING, bucket_name="box")
    assert (told.status, told.json["support"]) == (200, True)
    assert ask("/regions", **BY_STRING, bucket_name="nowhere").status == 400


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"connection_string": "x"}, "OMS.0001"),
        ({"connection_string": ""}, "OMS.1004"),
        ({}, "OMS.1004"),
        ({"ak": NAME, "sk": "no-base64!"}, "OMS.0151"),
        ({"ak": NAME, "sk": b64encode(b"another").decode()}, "OMS.0153"),
    ],
)
def test_what_opens_no_account_is_refused(ask: Any, keys: dict[str, str], code: str) -> None:
    answer = ask("", **keys)
    assert (answer.status, answer.code) == (400, code), answer
