"""Lists and reads both stores with a client of its own and compares every byte; shares nothing with the engine."""

import hashlib
import http.client
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import local
from urllib.parse import quote, unquote_plus, urlencode

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

THREADS = 4
BLOCK = 1 << 20
S3 = "{http://s3.amazonaws.com/doc/2006-03-01/}"


@dataclass(frozen=True)
class Bucket:
    """One bucket of a path-style S3 server on plain HTTP."""

    host: str
    name: str
    access_key: str
    secret_key: str
    region: str


@dataclass(frozen=True)
class Comparison:
    """`failed` names every key that is missing, too much or different."""

    verified: int
    failed: tuple[bytes, ...]


class Client:
    """Signs with botocore's bare signer and sends raw paths, one connection a thread."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._threads = local()

    def keys(self) -> Iterator[bytes]:
        """Every key, as the server lists it."""
        query = {"list-type": "2", "encoding-type": "url", "max-keys": "1000"}
        while True:
            root = ET.fromstring(self._get(f"/{self._bucket.name}", query).read())
            for found in root.iter(f"{S3}Key"):
                yield unquote_plus(found.text or "", encoding="latin-1").encode("latin-1")
            if root.findtext(f"{S3}IsTruncated") != "true":
                return
            query["continuation-token"] = root.findtext(f"{S3}NextContinuationToken") or ""

    def digest(self, key: bytes) -> str:
        """The SHA-256 of an object, read to its end."""
        answer = self._get(f"/{self._bucket.name}/{quote(key, safe='/-_.~')}", {})
        found = hashlib.sha256()
        while block := answer.read(BLOCK):
            found.update(block)
        return found.hexdigest()

    def _get(self, path: str, query: dict[str, str]) -> http.client.HTTPResponse:
        bucket = self._bucket
        target = path + (f"?{urlencode(query, quote_via=quote)}" if query else "")
        request = AWSRequest("GET", f"http://{bucket.host}{target}")
        request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        S3SigV4Auth(BotoCredentials(bucket.access_key, bucket.secret_key), "s3", bucket.region).add_auth(
            request
        )
        if not hasattr(self._threads, "connection"):
            self._threads.connection = http.client.HTTPConnection(bucket.host, timeout=60)
        connection: http.client.HTTPConnection = self._threads.connection
        connection.request("GET", target, headers=dict(request.headers.items()))
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for {target}: {answer.read(500)!r}")
        return answer


def compare(source: Bucket, destination: Bucket, ignored: bytes) -> Comparison:
    """Both buckets whole; keys below `ignored` at the destination are the service's own."""
    left, right = Client(source), Client(destination)
    ours = set(left.keys())
    theirs = {key for key in list(right.keys()) if not key.startswith(ignored)}
    both = sorted(ours & theirs)
    with ThreadPoolExecutor(THREADS) as pool:
        equal = list(pool.map(lambda key: left.digest(key) == right.digest(key), both))
    different = [key for key, same in zip(both, equal, strict=True) if not same]
    return Comparison(sum(equal), tuple(sorted([*(ours ^ theirs), *different])))
