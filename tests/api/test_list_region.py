"""A list file must lie where the destination bucket lies (oms-behaviour 1.1, check 15)."""

import json
from pathlib import Path

import pytest

from tests.api.service import running_service
from tests.storeserver.config import Account as StoreAccount
from tests.storeserver.config import BucketFlags, StoreConfig
from tests.storeserver.process import ServerProcess


@pytest.mark.check(15)
@pytest.mark.parametrize(
    ("dialect", "region", "expected"),
    [("obs", "cn-north-4", 200), ("obs", "cn-south-1", "S3M.0082"), ("s3", "cn-south-1", 200)],
)
def test_a_list_in_another_region_is_refused_at_creation(
    api_database_url: str, key_file: Path, tmp_path: Path, dialect: str, region: str, expected: int | str
) -> None:
    """Regions of other stores than OBS say nothing: there the run judges."""
    config = StoreConfig(
        keys={"AKA": StoreAccount("SKA")},
        buckets=["lists"],
        bucket_flags={"lists": BucketFlags(region=region)},
    )
    with ServerProcess(config) as store:
        line = {
            "cloud_type": "HEC",
            "region": "*",
            "endpoint": store.url,
            "addressing": "path",
            "dialect": dialect,
        }
        endpoints = tmp_path / "endpoints.yaml"
        endpoints.write_text(json.dumps([line]))
        with running_service(api_database_url, key_file, OMS_ENDPOINTS=str(endpoints)) as service:
            body = {
                "task_type": "list",
                "src_node": {
                    "cloud_type": "AWS", "region": "us-east-1", "bucket": "photos", "ak": "a", "sk": "b",
                    "list_file": {"obs_bucket": "lists", "list_file_key": "objects.txt"},
                },
                "dst_node": {"region": "cn-north-4", "bucket": "vault", "ak": "AKA", "sk": "SKA"},
            }  # fmt: skip
            answer = service.call(service.account(), "POST", "/tasks", body)
            assert (answer.status if expected == 200 else answer.code) == expected
