"""The check of a URL list (oms-behaviour 1.2, 8.2)."""

import itertools

import pytest

from tests.api.service import Account, Answer, Service
from tests.buckets.cdn_server import ACCESS_KEY, SECRET_KEY
from tests.storeserver import ServerProcess

GOOD = b"https://a.example/%E4%BD%A0?x=1\t%E4%BD%A0.txt\n"
_names = (f"list-{number}.txt" for number in itertools.count())


def check(
    api: Service,
    who: Account,
    shop: ServerProcess,
    content: bytes,
    key: str = "",
    headers: dict[str, str] | None = None,
) -> Answer:
    """The answer about a list of these bytes."""
    key = key or next(_names)
    shop.put("lists", key.encode(), content, headers=headers or {"content-type": "text/plain"})
    body = {
        "obs_bucket": "lists",
        "list_file_key": key,
        "ak": ACCESS_KEY,
        "sk": SECRET_KEY,
        "region": "my-region",
    }
    return api.call(who, "POST", "/objectstorage/buckets/url-source-list-file", body)


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.rstrip(b"\n"),
        b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\n\r\n" + GOOD,
        GOOD * 9_999 + b"http://a/\tk\n",
        # Only the first 10,000 lines are looked at.
        GOOD * 10_000 + b"no tab\n",
        b"http://a/" + b"x" * 65_524 + b"\tk",
    ],
    ids=["line", "without-line-end", "bom-and-crlf", "10000", "beyond", "longest"],
)
def test_a_good_list_is_answered_with_nothing(
    api: Service, ann: Account, shop: ServerProcess, content: bytes
) -> None:
    answer = check(api, ann, shop, content)
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"https://a.example/b\n", 1),
        (GOOD + b"\n" + GOOD + b"https://a.example/b c\n", 4),
        (GOOD * 9_999 + b"ftp://a/\tk", 10_000),
        (GOOD * 2 + b"https://a.example/b\t" + b"k" * 1025, 3),
        (GOOD + b"http://a/" + b"x" * 65_525 + b"\tk", 2),
        (GOOD * 3 + b"x" * 400_000, 4),
        (GOOD + b"https://a.example/\xff\tk", 2),
    ],
    ids=["no-key", "no-tab", "last", "long-key", "long-line", "endless-line", "not-utf-8"],
)
def test_a_bad_line_is_named_by_its_number(
    api: Service, ann: Account, shop: ServerProcess, content: bytes, line: int
) -> None:
    answer = check(api, ann, shop, content)
    assert (answer.status, answer.code) == (400, "OMS.0002")
    assert f"(line {line}: " in answer.json["error_msg"]


@pytest.mark.parametrize(
    ("content", "key", "headers"),
    [
        (b"", "", None),
        (b"\n\r\n", "", None),
        (GOOD, "list.csv", None),
        (GOOD, "", {"content-type": "application/octet-stream"}),
        (GOOD, "", {"content-type": "text/plain", "content-encoding": "gzip"}),
    ],
    ids=["empty", "blank", "csv", "type", "gzip"],
)
def test_a_list_of_another_form_is_refused(
    api: Service, ann: Account, shop: ServerProcess, content: bytes, key: str, headers: dict[str, str] | None
) -> None:
    answer = check(api, ann, shop, content, key, headers)
    assert (answer.status, answer.code) == (400, "OMS.0002")


def test_a_long_list_is_read_in_bounded_steps(api: Service, ann: Account, shop: ServerProcess) -> None:
    shop.reset_counters()
    assert check(api, ann, shop, GOOD * 60_000).status == 200
    read = [request for request in shop.requests() if request["op"] == "get"]
    assert len(read) == 1
