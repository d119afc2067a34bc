"""How answers are read: error table, redirects, XML, listings, headers."""

import hashlib

import crcmod
import pytest
from fastcrc import crc64
from hypothesis import example, given
from hypothesis import strategies as st

from connectors import errors as kinds
from connectors.errors import Rejected
from connectors.objects import Availability, Encryption, Properties, StorageClass, WriteOptions
from connectors.s3 import listing
from connectors.s3.dates import http_date_ms, iso_ms
from connectors.s3.dialects import AWS, OBS, S3, Addressing, Signature
from connectors.s3.errors import classify, complaint, refused
from connectors.s3.headers import object_head, write_headers
from connectors.s3.listing import RawPage, parse_page
from connectors.s3.place import Place, locate
from connectors.s3.redirects import redirected
from connectors.s3.xml import BrokenXml, Document, decode_key, decode_keys
from connectors.wire import Target, WireAnswer
from connectors.wire.encoding import encode_key, encode_value
from engine.failures import Meaning, Operation

PLACE = Place(
    Target("https", "s3.us-east-1.amazonaws.com", 443),
    "bkt",
    "us-east-1",
    AWS,
    Signature.V4,
    Addressing.VIRTUAL,
)


def _error(status: int, body: str = "", **headers: str) -> WireAnswer:
    return WireAnswer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, body.encode()
    )


@pytest.mark.parametrize(
    ("operation", "status", "code", "kind", "meaning"),
    [
        (Operation.READ, 404, "NoSuchKey", kinds.NotFound, Meaning.NO_KEY),
        (Operation.HEAD, 404, "", kinds.NotFound, Meaning.NO_KEY),
        (Operation.LIST, 404, "", kinds.Fatal, Meaning.NO_BUCKET),
        (Operation.PUT_PART, 404, "", kinds.NotFound, Meaning.NO_UPLOAD),
        (Operation.READ, 412, "PreconditionFailed", kinds.Changed, Meaning.CHANGED),
        (Operation.PUT, 412, "", kinds.PreconditionFailed, Meaning.PRECONDITION),
        (Operation.READ, 416, "InvalidRange", kinds.Changed, Meaning.CHANGED),
        (Operation.READ, 403, "InvalidObjectState", kinds.Archived, Meaning.ARCHIVED),
        (Operation.READ, 403, "AccessDenied", kinds.Denied, Meaning.ACCESS_DENIED),
        (Operation.LIST, 403, "AccessDenied", kinds.Fatal, Meaning.ACCESS_DENIED),
        (Operation.READ, 403, "SignatureDoesNotMatch", kinds.Fatal, Meaning.BAD_CREDENTIALS),
        (Operation.PUT, 401, "", kinds.Fatal, Meaning.BAD_CREDENTIALS),
        (Operation.PUT, 503, "", kinds.Throttled, Meaning.THROTTLED),
        (Operation.PUT, 504, "", kinds.Unavailable, Meaning.UNAVAILABLE),
        (Operation.PUT, 409, "OperationAborted", kinds.Unavailable, Meaning.CONFLICT),
        (Operation.PUT, 409, "FileAlreadyExists", kinds.Rejected, Meaning.CONFLICT),
        (Operation.PUT, 400, "KeyTooLongError", kinds.Rejected, Meaning.BAD_KEY),
        (Operation.LIST, 400, "Anything", kinds.Fatal, Meaning.REJECTED),
        (Operation.COMPLETE_UPLOAD, 200, "InternalError", kinds.Unavailable, Meaning.UNAVAILABLE),
        (Operation.COMPLETE_UPLOAD, 200, "Strange", kinds.Unavailable, Meaning.UNAVAILABLE),
    ],
)
def test_an_error_has_its_class(
    operation: Operation, status: int, code: str, kind: type[kinds.StoreError], meaning: Meaning
) -> None:
    assert classify(operation, status, code) == (kind, meaning)


def test_every_operation_and_status_has_a_class() -> None:
    for operation in Operation:
        for status in range(300, 600):
            kind, _ = classify(operation, status, "")
            assert issubclass(kind, kinds.StoreError)


def test_an_error_body_is_read() -> None:
    answer = _error(503, "<Error><Code>SlowDown</Code><Message>a &amp; b</Message></Error>", retry_after="9")
    error = refused(Operation.PUT, answer, complaint(answer))
    assert (error.code, error.message, error.retry_after) == ("SlowDown", "a & b", 9.0)


def test_a_bodiless_error_is_read_from_its_header() -> None:
    told = complaint(_error(403, x_obs_error_code="FrozenUserId"), "x-obs-")
    assert told.code == "FrozenUserId"


def test_a_region_is_learned_with_its_host() -> None:
    answer = _error(301, "<Error><Code>PermanentRedirect</Code></Error>", x_amz_bucket_region="eu-west-3")
    moved = redirected(PLACE, answer, complaint(answer))
    assert moved is not None
    assert (moved.region, moved.target.host) == ("eu-west-3", "s3.eu-west-3.amazonaws.com")


@pytest.mark.parametrize(
    ("told", "host"),
    [
        ("bkt.s3-eu-west-3.amazonaws.com", "s3-eu-west-3.amazonaws.com"),
        ("evil.example.com", None),
        ("amazonaws.com.evil.com", None),
        ("169.254.169.254", None),
        ("localhost", None),
    ],
)
def test_only_the_vendors_own_host_is_followed(told: str, host: str | None) -> None:
    answer = _error(307, f"<Error><Code>TemporaryRedirect</Code><Endpoint>{told}</Endpoint></Error>")
    moved = redirected(PLACE, answer, complaint(answer))
    assert (moved.target.host if moved else None) == host


@pytest.mark.parametrize(
    "location", ["http://bkt.s3.eu-west-3.amazonaws.com/", "https://u@s3.x.amazonaws.com/"]
)
def test_a_redirect_never_leaves_tls_or_carries_users(location: str) -> None:
    assert redirected(PLACE, _error(307, location=location), complaint(_error(307))) is None


def test_an_address_has_no_relatives() -> None:
    from dataclasses import replace

    place = replace(PLACE, target=Target("http", "10.0.0.1", 80))
    answer = _error(307, "<Error><Endpoint>9.9.0.1</Endpoint></Error>")
    assert redirected(place, answer, complaint(answer)) is None


def test_a_bucket_stands_before_the_host_or_in_the_path() -> None:
    from dataclasses import replace

    assert [str(part) for part in locate(PLACE, b"a/../b")[1:]] == ["/a/../b", "/bkt/a/../b"]
    assert locate(PLACE, b"x")[0].host == "bkt.s3.us-east-1.amazonaws.com"
    path = replace(PLACE, addressing=Addressing.PATH)
    assert locate(path, b"//k")[1] == "/bkt///k"


PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?>{doctype}<{root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "{encoding}<IsTruncated>{truncated}</IsTruncated>{contents}</{root}>"
)


def _page(contents: str = "", **fields: str) -> bytes:
    values = {"root": "ListBucketResult", "truncated": "false", "encoding": "", "doctype": ""} | fields
    return PAGE.format(contents=contents, **values).encode()


ENTRY = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;e&quot;</ETag>"
    "<Size>{size}</Size><StorageClass>{word}</StorageClass>{more}</Contents>"
)


def _entry(key: str = "k", size: str = "7", word: str = "STANDARD", more: str = "") -> str:
    return ENTRY.format(key=key, size=size, word=word, more=more)


def test_an_entry_is_read() -> None:
    (info,) = parse_page(_page(_entry("a%2Bb")), S3).objects
    assert (info.key, info.size, info.etag, info.storage_class) == (b"a%2Bb", 7, "e", "STANDARD")
    assert info.modified_ms == 1767323045678


def test_keys_are_decoded_only_when_the_page_says_so() -> None:
    encoded = _page(_entry("a%2Bb+c%2F%252F%0A"), encoding="<EncodingType>url</EncodingType>")
    assert parse_page(encoded, S3).objects[0].key == b"a+b c/%2F\n"
    assert parse_page(_page(_entry("a%2Bb+c")), S3).objects[0].key == b"a%2Bb+c"


@given(st.binary(min_size=1, max_size=40))
def test_any_key_survives_both_encodings(key: bytes) -> None:
    assert decode_key(encode_key(key), url_encoded=True) == key
    assert decode_key(encode_value(key).replace("%20", "+"), url_encoded=True) == key


@given(st.lists(st.text(st.sampled_from("ab/+%2FxÄ0"), max_size=8), min_size=1), st.booleans(), st.booleans())
def test_keys_are_decoded_together_as_they_are_one_by_one(
    texts: list[str], url_encoded: bool, plus: bool
) -> None:
    found = decode_keys([text.encode() for text in texts], url_encoded=url_encoded, plus_is_blank=plus)
    assert found == [decode_key(text, url_encoded=url_encoded, plus_is_blank=plus) for text in texts]


_ODD = st.text(st.sampled_from("ab/+%2F &;<>\"'\t\n\x1fÄ\U0001f600\ufffd\ufffe\uffff"), max_size=5)
_OWNER = "<Owner><ID>i</ID><DisplayName>d</DisplayName></Owner>"
_ENTRIES = st.lists(
    st.builds(
        "{junk}<Contents><Key>{key}</Key><LastModified>{at}</LastModified><ETag>{etag}</ETag><Size>{size}</Size>"
        "{before}<StorageClass>{word}</StorageClass>{after}</Contents>".format,
        junk=st.sampled_from(["", "", "", "\n", "<!-- x -->", "<Other/>"]),
        key=_ODD,
        at=st.sampled_from(["2026-01-02T03:04:05.678Z", "2026-01-02T03:04:05", "never"]),
        etag=st.sampled_from(["e", '"e"', "&quot;e-2&quot;", "", "W/&quot;e&quot;", "é"]),
        size=st.sampled_from(["0", "7", "-1", "x", ""]),
        word=st.sampled_from(["STANDARD", "GLACIER", "", "&amp;"]),
        before=st.sampled_from(["", _OWNER, "<Type>Normal</Type>", "<RestoreStatus/>"]),
        after=st.sampled_from(["", _OWNER, "<Owner></Owner>"]),
    ),
    max_size=4,
)


@given(_ENTRIES, st.sampled_from(["", "<EncodingType>url</EncodingType>"]))
@example([_entry("\ufffd")], "")
@example([_entry("\ufffe")], "")
@example([_entry("\uffff")], "")
@example([_entry("a%2Bb+"), _entry("Ä")], "<EncodingType>url</EncodingType>")
def test_plain_entries_are_read_as_any_others(entries: list[str], encoding: str) -> None:
    body = _page("".join(entries), encoding=encoding)

    def read() -> RawPage | None:
        try:
            return parse_page(body, S3)
        except ValueError:
            return None

    found = read()
    with pytest.MonkeyPatch.context() as slowly:
        slowly.setattr(listing, "_plain", lambda text: None)
        assert read() == found


@pytest.mark.parametrize(
    ("word", "more", "availability"),
    [
        ("STANDARD", "", Availability.READABLE),
        ("GLACIER_IR", "", Availability.READABLE),
        ("GLACIER", "", Availability.ARCHIVED),
        ("DEEP_ARCHIVE", "", Availability.ARCHIVED),
        (
            "GLACIER",
            "<RestoreStatus><IsRestoreInProgress>true</IsRestoreInProgress></RestoreStatus>",
            Availability.RESTORING,
        ),
        (
            "GLACIER",
            (
                "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2026-02-01T00:00:00Z"
                "</RestoreExpiryDate></RestoreStatus>"
            ),
            Availability.READABLE,
        ),
    ],
)
def test_a_listing_tells_what_can_be_read(word: str, more: str, availability: Availability) -> None:
    assert parse_page(_page(_entry(word=word, more=more)), AWS).objects[0].availability is availability


GOOD = _page(_entry())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"ListBucketResult",
        GOOD[:-1],
        GOOD[: len(GOOD) // 2],
        GOOD + b"<x/>",
        GOOD.decode().encode("utf-16"),
        GOOD.replace(b"UTF-8", b"UTF-16"),
        GOOD.replace(b"UTF-8", b"latin-1"),
        _page(_entry(), root="Error"),
        _page(_entry(), truncated="perhaps"),
        _page(_entry(), truncated=""),
        _page(_entry(), doctype='<!DOCTYPE x [<!ENTITY a "b">]>'),
        _page(_entry("&a;")),
        _page(_entry("\x01")),
        _page(_entry("&#1;")),
        _page(_entry(size="-1")),
        _page(_entry(size="")),
        _page(_entry(size="x")),
        _page("<Contents><Key>k</Key></Contents>"),
        b"<html><body>503</body></html>",
    ],
)
def test_a_page_that_is_not_whole_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_page(body, S3)


def test_a_document_without_a_namespace_is_read() -> None:
    assert Document(b"<R><A>x</A></R>", "R").text("A") == "x"
    with pytest.raises(BrokenXml):
        Document(b"<S/>", "R")


def test_headers_of_an_object_are_read() -> None:
    answer = _error(
        200,
        etag='W/"e"',
        last_modified="Fri, 02 Jan 2026 03:04:05 GMT",
        x_amz_storage_class="GLACIER",
        x_amz_restore='ongoing-request="false", expiry-date="x"',
        x_amz_server_side_encryption="aws:kms:dsse",
        x_amz_meta_name="v%41lue",
        content_type="a/b",
    )
    head = object_head(b"k", 5, answer, AWS)
    assert (head.info.etag, head.info.modified_ms) == ("e", 1767323045000)
    assert head.info.availability is Availability.READABLE
    assert head.encryption is Encryption.KMS
    assert head.properties == Properties(content_type="a/b", metadata=(("name", "v%41lue"),))


def test_metadata_is_written_as_a_header_can_carry_it() -> None:
    options = WriteOptions(
        Properties(metadata=(("Plain", "100%41% ~"), ("u", "é中"), ("n", "a\nb"))),
        StorageClass.ARCHIVE,
        kms=True,
    )
    headers = dict(write_headers(options, OBS, Operation.PUT))
    assert headers == {
        "x-obs-meta-plain": "100%41% ~",
        "x-obs-meta-u": "%C3%A9%E4%B8%AD",
        "x-obs-meta-n": "a%0Ab",
        "x-obs-storage-class": "COLD",
        "x-obs-server-side-encryption": "kms",
    }


@pytest.mark.parametrize("name", ["a b", "a\r\nb", "ü", "", "a_b", "a:b"])
def test_a_metadata_name_out_of_its_alphabet_is_rejected(name: str) -> None:
    with pytest.raises(Rejected):
        write_headers(WriteOptions(Properties(metadata=((name, "x"),))), S3, Operation.PUT)


def test_dates_are_read() -> None:
    assert http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT") == 784111777000
    assert (http_date_ms(""), http_date_ms("nonsense")) == (0, 0)
    assert iso_ms("2026-01-02T03:04:05Z") == iso_ms("2026-01-02T03:04:05") == 1767323045000
    with pytest.raises(ValueError):
        iso_ms("yesterday")


@given(st.binary(max_size=2000))
def test_crc64_is_crc_64_xz(data: bytes) -> None:
    oracle = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF, rev=True)
    assert crc64.xz(data) == oracle(data)


def test_the_check_value_of_crc64_is_right() -> None:
    assert crc64.xz(b"123456789") == 0x995DC9BBDF1939FA
    assert hashlib.md5(b"").hexdigest() == "d41d8cd98f00b204e9800998ecf8427e"


@pytest.mark.parametrize("written", ["k\ufffd", "k&#xFFFD;", "k&#65533;x"])
def test_a_key_that_xml_could_not_hold_is_no_key(written: str) -> None:
    entry = f"<Contents><Key>{written}</Key><LastModified>2026-01-02T03:04:05Z</LastModified><Size>1</Size></Contents>"
    page = f"<ListBucketResult>%s<IsTruncated>true</IsTruncated>{entry}</ListBucketResult>"
    with pytest.raises(ValueError, match="cannot write"):
        parse_page((page % "").encode(), S3)
    # An encoded listing holds every character.
    assert parse_page((page % "<EncodingType>url</EncodingType>").encode(), S3).objects
