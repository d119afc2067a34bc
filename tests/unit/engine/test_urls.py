"""URLs that somebody else wrote, taken apart (reliability.md 5.1)."""

import pytest

from engine.urls import Url, address_of, forbidden_name, next_hop, parse_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a.example", Url("http", "a.example", 80, "/")),
        ("https://A.Example:8443/x%20y?q=%2F#part", Url("https", "a.example", 8443, "/x%20y?q=%2F")),
        ("http://a.example./a/../b//c", Url("http", "a.example", 80, "/a/../b//c")),
        ("http://2130706433/", Url("http", "127.0.0.1", 80, "/")),
        ("http://[2A00:1450::0:1]:81/", Url("http", "2a00:1450::1", 81, "/")),
        ("http://a_b.example/|", Url("http", "a_b.example", 80, "/%7C")),
    ],
)
def test_a_url_is_taken_apart(text: str, url: Url) -> None:
    assert parse_url(text) == url
    assert parse_url(url.text) == url


@pytest.mark.parametrize("text", ["", "x", "http://", "http://a b/", "http://u@a/", "http://a:0/", "http://a:x/",
                                  "http://-a/", "http://a%2f/", "http://ä/", "http://1.2.3.4.5/", "http://09/",
                                  "http://[::1]x/", "http://[fe80::1%25lo]/", "ftp://a/"])  # fmt: skip
def test_anything_unusual_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_url(text)


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("127.1", "127.0.0.1"), ("0x7f.0.0x1", "127.0.0.1"), ("0177.1", "127.0.0.1"),
     ("1.2.772", "1.2.3.4"), ("16909060", "1.2.3.4"), ("::FFFF:1.2.3.4", "::ffff:1.2.3.4"), ("0x", "0.0.0.0"),
     ("a.example", None), ("1.2.3.4a", None), ("10.example", None)],
)  # fmt: skip
def test_an_address_is_known_in_every_spelling(host: str, address: str | None) -> None:
    found = address_of(host)
    assert (found is None) == (address is None)
    if address is not None:
        # Both spellings of a mapped address are in use.
        assert found in (address, "::ffff:102:304")


@pytest.mark.parametrize(
    "host", ["256.1.1.1", "1.2.3.256", "1.2.65536", "4294967296", "1.2.3.4.5", "08", "a.b.1"]
)
def test_what_looks_like_an_address_and_is_none_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        address_of(host)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b", "http://a.example:80/b"),
        ("b?x", "http://a.example:80/dir/b?x"),
        ("//b.example/c", "http://b.example:80/c"),
        ("https://b.example/a/../c", "https://b.example:443/a/../c"),
    ],
)
def test_a_redirect_leads_on(location: str, target: str) -> None:
    assert next_hop(parse_url("http://a.example/dir/a"), location).text == target


@pytest.mark.parametrize(
    "location", ["http://a.example/", "", "ftp://a.example/", "https://u@a.example/", "/a b"]
)
def test_a_redirect_out_of_https_or_to_nowhere_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        next_hop(parse_url("https://a.example/"), location)


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("http://a.example/", False),
        ("http://localhost.example/", False),
        ("http://8.8.8.8:8080/", False),
        ("https://a.example:8443/", False),
        ("http://a.localhost/", True),
        ("http://host/", True),
        ("http://a.internal/", True),
        ("http://a.example:22/", True),
        ("http://a.example:6379/", True),
    ],
)
def test_inner_names_and_foreign_ports_are_forbidden(text: str, forbidden: bool) -> None:
    assert forbidden_name(parse_url(text)) is forbidden
