"""Object lists (oms-behaviour 1.1; checks 1-6, 8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.listfile import MAX_BYTES, Line, ListRefused, check_head, parse_lines

BOM = b"\xef\xbb\xbf"


def keys(*chunks):
    return [line.key for line in parse_lines(chunks)]


@pytest.mark.check(1)
def test_one_line_without_a_newline_is_one_object():
    assert list(parse_lines([b"test.txt"])) == [Line(1, b"test.txt", b"test.txt")]


@pytest.mark.check(2)
def test_percent_encoding_is_decoded_and_plus_stays():
    assert keys(b"%E4%B8%AD%E6%96%87.txt\na+b%20c%2Fd\n") == ["中文.txt".encode(), b"a+b c/d"]


@pytest.mark.parametrize("raw", [b"100%", b"a%2", b"a%zz%20", b"%20%", b"a%%20"])
def test_a_line_with_a_malformed_percent_is_taken_as_it_stands(raw):
    assert keys(raw) == [raw]


def test_the_raw_line_is_kept_beside_the_key():
    assert list(parse_lines([b"a%20b"])) == [Line(1, b"a%20b", b"a b")]


@pytest.mark.check(8)
def test_blanks_belong_to_the_key():
    assert keys(b" a \n \n") == [b" a ", b" "]


def test_blank_lines_and_carriage_returns_are_no_keys():
    found = list(parse_lines([b"\r\n\na\r\n\r\nb\r\r\n\n"]))
    assert found == [Line(3, b"a", b"a"), Line(5, b"b\r", b"b\r")]


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert keys(BOM + b"a\n" + BOM + b"b") == [b"a", BOM + b"b"]
    assert keys(BOM) == keys() == keys(b"") == []


def test_a_folder_marker_is_an_object():
    assert keys(b"a/\n") == [b"a/"]


@given(st.lists(st.binary(max_size=6)), st.data())
def test_it_does_not_matter_how_the_file_is_cut(lines, data):
    whole = b"\n".join(lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    chunks = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert list(parse_lines(chunks)) == list(parse_lines([whole]))


@pytest.mark.check(5)
@pytest.mark.parametrize("letter", ["a", "é", "😀"])
def test_65535_characters_are_a_line_and_one_more_is_not(letter):
    assert keys((letter * 65_535 + "\r\n").encode()) == [(letter * 65_535).encode()]
    with pytest.raises(ListRefused) as refused:
        keys(b"a\n", (letter * 65_536).encode())
    assert (refused.value.code, refused.value.line) == ("TRF.0018", 2)


def test_a_line_without_end_is_refused_before_it_fills_the_memory():
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield b"x" * 65_536

    with pytest.raises(ListRefused) as refused:
        list(parse_lines(endless()))
    assert refused.value.code == "TRF.0018"
    assert read < 10


@pytest.mark.check(3, 4)
@pytest.mark.parametrize(
    ("key", "size", "content_type", "encoding", "code"),
    [
        ("l.txt", 1, "text/plain", "", None),
        ("dir/l.txt", MAX_BYTES, "text/plain", "", None),
        ("l.csv", 1, "text/plain", "", "TRF.0014"),
        ("l.TXT", 1, "text/plain", "", "TRF.0014"),
        ("l.txt", MAX_BYTES + 1, "text/plain", "", "TRF.0014"),
        ("l.txt", 1, "application/octet-stream", "", "TRF.0019"),
        ("l.txt", 1, "", "", "TRF.0019"),
        ("l.txt", 1, "text/plain", "gzip", "TRF.0019"),
        ("l.txt", 0, "text/plain", "", "TRF.0017"),
    ],
)
def test_the_head_of_a_list(key, size, content_type, encoding, code):
    if code is None:
        check_head(key, size, content_type, encoding, strict=True)
        return
    with pytest.raises(ListRefused) as refused:
        check_head(key, size, content_type, encoding, strict=True)
    assert refused.value.code == code


def test_a_lax_check_leaves_the_type_alone():
    check_head("l.txt", 1, "binary/octet-stream", "gzip", strict=False)
    with pytest.raises(ListRefused):
        check_head("l.csv", 1, "text/plain", "", strict=False)


def test_the_size_limit_can_be_set():
    with pytest.raises(ListRefused) as refused:
        check_head("l.txt", 101, "text/plain", "", strict=True, max_bytes=100)
    assert refused.value.code == "TRF.0014"
