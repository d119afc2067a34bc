"""Words and statuses of the error codes (OMS 6.2)."""

import pytest

from engine import codes

# First and last number of each run of codes.
RUNS = {
    "OMS": [
        (1, 2),
        (54, 54),
        (63, 63),
        (65, 68),
        (70, 70),
        (77, 78),
        (83, 87),
        (92, 95),
        (151, 153),
        (155, 161),
        (167, 170),
        (182, 183),
        (205, 206),
        (303, 308),
        (1002, 1023),
        (1026, 1028),
        (1030, 1033),
        (1035, 1041),
        (1046, 1048),
        (2001, 2002),
        (2004, 2004),
        (2051, 2052),
        (9999, 9999),
    ],
    "S3M": [
        (71, 71),
        (80, 80),
        (82, 82),
        (88, 88),
        (91, 96),
        (163, 163),
        (171, 172),
        (301, 301),
        (309, 312),
        (1034, 1034),
        (1042, 1045),
    ],
    "TRF": [(1, 4), (12, 31), (51, 65), (151, 161), (201, 202), (401, 401)],
}
ALL = [
    f"{family}.{number:04}"
    for family, runs in RUNS.items()
    for first, last in runs
    for number in range(first, last + 1)
]


@pytest.mark.parametrize("code", ALL)
def test_every_code_has_words_and_a_status(code):
    words = codes.message(code)
    assert 5 < len(words) <= 1024
    assert words == words.strip()
    assert "  " not in words
    assert codes.http_status(code) in {200, 400, 401, 403, 404, 405, 413, 503}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("OMS.0066", "Failed to pause the task. The task is not in progress. Check the task status."),
        ("OMS.0085", "The time segments are overlapped. Ensure that time segments do not overlap."),
        ("OMS.2052", "Rollup algorithm parameters: Period: 1 hour, Statistic: Sum"),
        ("S3M.0080", "The bucket region must be the same as the OMS endpoint region."),
        ("TRF.0004", "Some objects failed to be migrated."),
        ("TRF.0057", "Invalid AK or SK. Enter the correct AK and SK and try again."),
        (
            "TRF.0064",
            "The migration task is completed, but the object data in the destination bucket is unencrypted.",
        ),
    ],
)
def test_the_words_are_those_of_the_reference(code, words):
    assert codes.message(code) == words


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("OMS.0001", 400),
        ("OMS.0063", 400),
        ("OMS.0068", 401),
        ("OMS.9999", 401),
        ("OMS.2001", 403),
        ("OMS.0205", 403),
        ("OMS.1009", 404),
        ("OMS.2002", 404),
        ("S3M.0172", 413),
        ("OMS.2004", 503),
        ("TRF.0004", 200),
    ],
)
def test_statuses(code, status):
    assert codes.http_status(code) == status


def test_an_action_on_an_unknown_task_is_400():
    assert codes.http_status("OMS.1009", action=True) == 400
    assert codes.http_status("OMS.2002", action=True) == 404


@pytest.mark.parametrize("ask", [codes.message, codes.http_status])
def test_an_unknown_code_is_an_error(ask):
    assert not codes.known("OMS.4711")
    with pytest.raises(KeyError):
        ask("OMS.4711")
