"""What a channel learns: the store's clock, and whose certificate it trusts."""

import asyncio
import datetime
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.errors import Fatal, StoreError
from connectors.objects import ANY, WriteOptions
from connectors.s3.channel import Channel
from connectors.s3.dialects import OBS, S3, Addressing, Dialect, Signature
from connectors.s3.place import Account, Place
from connectors.s3.store import S3Store
from connectors.wire import Counters, Route, Target, Wire, WireFailure, WireRequest
from engine.failures import Meaning
from tests.conformance.harness import block
from tests.storeserver import StoreConfig, StoreServer

KEYS = Account("test-access-key", "test-secret-key")
FORMS = [(S3, Signature.V4), (S3, Signature.V2), (OBS, Signature.OBS)]


@pytest.fixture
async def server() -> AsyncIterator[StoreServer]:
    server = await StoreServer.start(StoreConfig(buckets=["bkt"]))
    yield server
    await server.stop()


def _place(server: StoreServer, form: tuple[Dialect, Signature]) -> Place:
    dialect, signature = form
    target = Target("http", "127.0.0.1", server.port, Route(private_ok=True))
    return Place(target, "bkt", "us-east-1", dialect, signature, Addressing.PATH)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[1])
@pytest.mark.parametrize("hours", [-3, 3])
async def test_the_stores_clock_is_learned_once(
    form: tuple[Dialect, Signature], hours: int, server: StoreServer
) -> None:
    meter = Counters()
    async with Wire(meter) as wire:
        channel = Channel(wire, _place(server, form), KEYS, "s", lambda: time.time() + hours * 3600)
        store = S3Store(channel)
        for key in (b"one", b"two", b"three"):
            await store.put(key, block(b"x"), WriteOptions(), ANY)
    assert meter.requests("put") == 4


async def test_requests_in_the_air_learn_the_region_together(server: StoreServer) -> None:
    server.settings(strict_region=True, region="eu-central-9")
    meter = Counters()
    async with Wire(meter) as wire:
        store = S3Store(Channel(wire, _place(server, FORMS[0]), KEYS, "s"))
        await asyncio.gather(*(store.put(b"%d" % n, block(b"x"), WriteOptions(), ANY) for n in range(20)))
        assert meter.requests("put") == 40
        await store.head(b"1")
    assert meter.requests("head") == 1


async def test_requests_in_the_air_learn_the_clock_together(server: StoreServer) -> None:
    meter = Counters()
    async with Wire(meter) as wire:
        channel = Channel(wire, _place(server, FORMS[0]), KEYS, "s", lambda: time.time() - 7200)
        store = S3Store(channel)
        await asyncio.gather(*(store.put(b"%d" % n, block(b"x"), WriteOptions(), ANY) for n in range(20)))
    assert meter.requests("put") == 40


@pytest.mark.parametrize("size", [100, 9 << 20])
async def test_a_refusal_before_the_body_is_read_is_told(size: int, server: StoreServer) -> None:
    async with Wire() as wire:
        wrong = Account("test-access-key", "not-the-secret")
        store = S3Store(Channel(wire, _place(server, FORMS[0]), wrong, "s"))
        with pytest.raises(StoreError) as caught:
            await store.put(b"key", block(bytes(size)), WriteOptions(), ANY)
    assert caught.value.meaning is Meaning.BAD_CREDENTIALS


async def test_a_skewed_head_explains_itself(server: StoreServer) -> None:
    meter = Counters()
    async with Wire(meter) as wire:
        right = S3Store(Channel(wire, _place(server, FORMS[0]), KEYS, "s"))
        await right.put(b"key", block(b"x"), WriteOptions(), ANY)
        skewed = Channel(wire, _place(server, FORMS[0]), KEYS, "s", lambda: time.time() - 7200)
        assert (await S3Store(skewed).head(b"key")).info.size == 1
    assert meter.requests("head") <= 4


async def test_a_clock_that_stays_wrong_is_fatal(server: StoreServer) -> None:
    server.service.config.skew_seconds = -1
    async with Wire() as wire:
        with pytest.raises(Fatal) as caught:
            await S3Store(Channel(wire, _place(server, FORMS[0]), KEYS, "s")).list_page(b"", b"")
    assert caught.value.meaning is Meaning.CLOCK_SKEW


# --- TLS --------------------------------------------------------------------------------------------------


def _certificate(directory: Path, host: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "cert.pem", directory / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate_file, key_file


@pytest.mark.parametrize(
    ("host", "trusted", "verify", "good"),
    [
        ("store.test", True, True, True),
        ("store.test", False, True, False),
        ("other.test", True, True, False),
        ("127.0.0.1", True, True, False),
        ("other.test", False, False, True),
    ],
)
async def test_a_certificate_is_checked_with_its_name(
    tmp_path: Path, host: str, trusted: bool, verify: bool, good: bool
) -> None:
    certificate, key = _certificate(tmp_path, "store.test")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = listener.sockets[0].getsockname()[1]
    route = Route(("127.0.0.1", port), True, verify, str(certificate) if trusted else "")
    async with Wire() as wire:
        request = WireRequest("GET", Target("https", host, 443, route), "/", {})
        if good:
            assert (await wire.send(request)).body == b"ok"
        else:
            with pytest.raises(WireFailure) as caught:
                await wire.send(request)
            assert caught.value.meaning is Meaning.TLS
    listener.close()
