"""The privacy agreement, where the operator asks for one (oms-behaviour 8.2)."""

from pathlib import Path

from cli.embedded.postgres import Postgres
from tests.api.service import Account, Service, running_service, task_body, write_key_file
from tests.servers import copied_database


def test_without_the_switch_nobody_has_to_agree(api: Service, ann: Account) -> None:
    assert api.call(ann, "POST", "/tasks", task_body()).status == 200


def test_with_the_switch_a_project_agrees_before_it_creates(
    postgres_server: Postgres, tmp_path: Path
) -> None:
    with (
        copied_database(postgres_server) as url,
        running_service(
            url, write_key_file(tmp_path / "master.key"), OMS_REQUIRE_PRIVACY_AGREEMENT="true"
        ) as service,
    ):
        ann, bob = service.account(), service.account()
        assert service.call(bob, "POST", "/privacy-agreements").status == 200
        refused = service.call(ann, "POST", "/tasks", task_body())
        assert (refused.status, refused.code) == (400, "OMS.0092")
        assert service.call(ann, "GET", "/tasks").json["count"] == 0
        answer = service.call(ann, "POST", "/privacy-agreements")
        assert (answer.status, answer.body) == (200, b"")
        assert service.call(ann, "POST", "/tasks", task_body()).status == 200
