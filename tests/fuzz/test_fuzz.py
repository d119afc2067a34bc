"""A few thousand generated requests; `make fuzz` sends more."""

from pathlib import Path

import pytest

from tests.fuzz.running import counts, fuzz, fuzzed_service, server_errors, unauthenticated_successes


@pytest.mark.slow
@pytest.mark.check(92)
def test_generated_requests_break_nothing_and_answers_fit_their_description(tmp_path: Path) -> None:
    with fuzzed_service(tmp_path) as api:
        status, printed = fuzz(api, tmp_path, 2)
        assert status == 0, printed
        assert server_errors(api) == []
        total = sum(one.requests for one in counts(api))
        print(f"{total} requests")
        assert total >= 2000


@pytest.mark.slow
def test_generated_requests_without_credentials_get_nothing(tmp_path: Path) -> None:
    with fuzzed_service(tmp_path) as api:
        fuzz(api, tmp_path, 1, authenticated=False)
        assert unauthenticated_successes(api) == []
        assert server_errors(api) == []
        assert sum(one.requests for one in counts(api) if one.status == 401) > 200
