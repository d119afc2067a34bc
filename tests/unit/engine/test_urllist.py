"""What a line of a URL list must look like (oms-behaviour 1.2)."""

import pytest

from engine.listfile import Line, parse_lines
from engine.spec import ConsistencyCheck, OverwriteMode
from engine.urllist import (
    FORMAT_ERROR,
    KEY_TOO_LONG,
    UrlLine,
    UrlLineRefused,
    length_problem,
    parse_url_line,
    read_url_line,
    superseded,
)


def parsed(text: str | bytes) -> UrlLine:
    (line,) = parse_lines([text.encode() if isinstance(text, str) else text])
    return parse_url_line(line)


@pytest.mark.parametrize(
    ("line", "url", "key"),
    [
        ("https://a.example/b\tc", "https://a.example/b", "c"),
        (
            "http://a.example:8080/b%20c?d=e\tdir/%E4%BD%A0.txt",
            "http://a.example:8080/b%20c?d=e",
            "dir/你.txt",
        ),
        ("http://[::1]/x\ta+b%2B", "http://[::1]/x", "a+b+"),
        ("http://a.example\t你", "http://a.example", "你"),
        ("HTTP://A.example/\t100%", "HTTP://A.example/", "100%"),
        ("http://a/\t" + "k" * 1024, "http://a/", "k" * 1024),
    ],
)
def test_a_line_is_a_url_a_tab_and_a_key(line: str, url: str, key: str) -> None:
    assert parsed(line) == UrlLine(1, url, key.encode())


@pytest.mark.parametrize(
    "line",
    [
        "https://a.example/b",
        "https://a.example/b c",
        "https://a.example/b\t",
        "\tkey",
        "https://a.example/b\tc\td",
        "ftp://a.example/b\tc",
        "a.example/b\tc",
        "https:///b\tc",
        "https://user:pw@a.example/b\tc",
        "https://a.example/ä\tc",
        "https://a.example/b c\tc",
        "https://a.example:port/b\tc",
        "https://a.example:0/b\tc",
        "https://a.example:99999/b\tc",
        "https://[::1/b\tc",
        b"https://a.example/b\t\xff",
        "https://a.example/b\t%FF",
    ],
)
def test_anything_else_is_refused_with_its_line(line: str | bytes) -> None:
    with pytest.raises(UrlLineRefused) as refused:
        parsed(line)
    assert (refused.value.code, refused.value.line) == (FORMAT_ERROR, 1)
    assert refused.value.reason


def test_a_long_key_has_a_word_of_its_own() -> None:
    with pytest.raises(UrlLineRefused) as refused:
        parsed("http://a/\t" + "%41" * 1025)
    assert refused.value.code == KEY_TOO_LONG


@pytest.mark.parametrize(
    ("raw", "key", "url", "code"),
    [
        (b"http://a/x\tb%20c", b"b c", "http://a/x", ""),
        (b"http://a/x\t" + b"k" * 1025, b"k" * 1025, "http://a/x", KEY_TOO_LONG),
        (b"http://a/x", b"http://a/x", "", FORMAT_ERROR),
        (b"nothing\t%41", b"nothing\t%41", "", FORMAT_ERROR),
    ],
)
def test_every_line_is_counted_under_a_key(raw: bytes, key: bytes, url: str, code: str) -> None:
    found = read_url_line(Line(7, raw, raw))
    assert (found.number, found.key, found.url, found.code) == (7, key, url, code)


def test_only_the_last_of_lines_that_all_overwrite_has_an_effect() -> None:
    assert [superseded(OverwriteMode.FULL_OVERWRITE, place, 3) for place in range(3)] == [True, True, False]
    others = [mode for mode in OverwriteMode if mode is not OverwriteMode.FULL_OVERWRITE]
    assert not any(superseded(mode, place, 3) for mode in others for place in range(3))


@pytest.mark.parametrize("check", ConsistencyCheck)
def test_only_no_check_takes_an_unknown_length(check: ConsistencyCheck) -> None:
    assert length_problem(0, check) is None
    assert (length_problem(-1, check) is None) is (check is ConsistencyCheck.NO_CHECK)
