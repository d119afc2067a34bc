"""The vendors' SDKs behind one set of calls."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

import oss2
from baidubce.auth.bce_credentials import BceCredentials
from baidubce.bce_client_configuration import BceClientConfiguration
from baidubce.exception import BceHttpClientError
from baidubce.retry.retry_policy import NoRetryPolicy
from baidubce.services.bos.bos_client import BosClient
from ks3.connection import Connection
from ks3.exception import S3ResponseError
from qcloud_cos import CosConfig, CosS3Client
from qcloud_cos.cos_exception import CosServiceError

from tests.storeserver_tests.vendor_gateway import Gateway
from tests.storeserver_tests.vendor_qingstor import Qing
from tests.storeserver_tests.vendor_servers import AK, BUCKET, DOMAINS, REGION, SK, Client


class Oss:
    refusal = oss2.exceptions.OssError
    more_keys = ("a//b", "a/../b", "control\x01")

    def __init__(self, port: int, secret: str = SK, token: str = "") -> None:
        auth = oss2.StsAuth("temporary", SK, token, auth_version="v4") if token else oss2.AuthV4(AK, secret)
        self.bucket = oss2.Bucket(auth, f"http://{DOMAINS['oss']}:{port}", BUCKET, region=REGION)

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        headers = {f"x-oss-meta-{name}": value for name, value in metadata.items()}
        self.bucket.put_object(key, data, headers)  # the SDK compares the CRC64 of the answer

    def get(self, key: str) -> tuple[bytes, dict[str, str], str]:
        answer = self.bucket.get_object(key)
        found = {
            name.lower()[11:]: value
            for name, value in answer.headers.items()
            if name.lower().startswith("x-oss-meta-")
        }
        return answer.read(), found, answer.headers["x-oss-hash-crc64ecma"]

    def part_of(self, key: str, first: int, last: int) -> bytes:
        return bytes(self.bucket.get_object(key, byte_range=(first, last)).read())

    def keys(self, prefix: str, page: int) -> list[str]:
        return [one.key for one in oss2.ObjectIteratorV2(self.bucket, prefix, max_keys=page)]

    def upload(self, key: str, parts: list[bytes]) -> list[int]:
        upload_id = self.bucket.init_multipart_upload(key).upload_id
        sent = [
            oss2.models.PartInfo(number, self.bucket.upload_part(key, upload_id, number, data).etag)
            for number, data in enumerate(parts, 1)
        ]
        assert [one.upload_id for one in self.bucket.list_multipart_uploads(key).upload_list] == [upload_id]
        sizes = [one.size for one in self.bucket.list_parts(key, upload_id).parts]
        self.bucket.complete_multipart_upload(key, upload_id, sent)
        return sizes

    def put_archived(self, key: str, data: bytes) -> None:
        self.bucket.put_object(key, data, {"x-oss-storage-class": "ColdArchive"})

    def restore(self, key: str) -> None:
        tier = oss2.models.RestoreJobParameters("Expedited")
        self.bucket.restore_object(key, input=oss2.models.RestoreConfiguration(2, tier))

    def restore_state(self, key: str) -> str:
        return str(self.bucket.head_object(key).headers.get("x-oss-restore", ""))

    def delete(self, key: str) -> None:
        self.bucket.delete_object(key)


class Cos:
    refusal = CosServiceError
    more_keys = ("a//b", "control\x01")

    def __init__(self, port: int, secret: str = SK, token: str = "") -> None:
        config = CosConfig(
            Region=REGION,
            SecretId="temporary" if token else AK,
            SecretKey=secret,
            Token=token or None,
            Scheme="http",
            Endpoint=f"{DOMAINS['cos']}:{port}",
        )
        self.client = CosS3Client(config, retry=0)

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        named = {f"x-cos-meta-{name}": value for name, value in metadata.items()}
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata=named, EnableMD5=True)

    def get(self, key: str) -> tuple[bytes, dict[str, str], str]:
        answer = self.client.get_object(Bucket=BUCKET, Key=key)
        found = {
            name.lower()[11:]: value
            for name, value in answer.items()
            if name.lower().startswith("x-cos-meta-")
        }
        return answer["Body"].get_raw_stream().read(), found, answer["x-cos-hash-crc64ecma"]

    def part_of(self, key: str, first: int, last: int) -> bytes:
        answer = self.client.get_object(Bucket=BUCKET, Key=key, Range=f"bytes={first}-{last}")
        return bytes(answer["Body"].get_raw_stream().read())

    def keys(self, prefix: str, page: int) -> list[str]:
        found: list[str] = []
        marker = ""
        while True:
            answer = self.client.list_objects(BUCKET, Prefix=prefix, Marker=marker, MaxKeys=page)
            found += [one["Key"] for one in answer.get("Contents", [])]
            if answer["IsTruncated"] == "false":
                return found
            marker = answer["NextMarker"]

    def upload(self, key: str, parts: list[bytes]) -> list[int]:
        upload_id = self.client.create_multipart_upload(BUCKET, key)["UploadId"]
        sent = [
            {"PartNumber": n, "ETag": self.client.upload_part(BUCKET, key, data, n, upload_id)["ETag"]}
            for n, data in enumerate(parts, 1)
        ]
        uploads = self.client.list_multipart_uploads(BUCKET, Prefix=key)["Upload"]
        assert [one["UploadId"] for one in uploads] == [upload_id]
        sizes = [int(one["Size"]) for one in self.client.list_parts(BUCKET, key, upload_id)["Part"]]
        self.client.complete_multipart_upload(BUCKET, key, upload_id, {"Part": sent})
        return sizes

    def put_archived(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data, StorageClass="ARCHIVE")

    def restore(self, key: str) -> None:
        asked = {"Days": 2, "CASJobParameters": {"Tier": "Bulk"}}
        self.client.restore_object(BUCKET, key, asked)

    def restore_state(self, key: str) -> str:
        return str(self.client.head_object(BUCKET, key).get("x-cos-restore", ""))

    def delete(self, key: str) -> None:
        self.client.delete_object(BUCKET, key)


class Ks3:
    refusal = S3ResponseError
    more_keys = ("a//b", "//two", "/lead", "control\x01")

    def __init__(self, port: int, secret: str = SK, token: str = "") -> None:
        self.client = Connection(
            AK, secret, host=DOMAINS["ks3"], port=port, is_secure=False, retry_policy=None, enable_crc=True
        )
        self.bucket = self.client.get_bucket(BUCKET)

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        headers = {f"x-kss-meta-{name}": value for name, value in metadata.items()}
        answer = self.bucket.new_key(key).set_contents_from_string(data, headers=headers)
        assert answer.status == 200, answer.reason

    def get(self, key: str) -> tuple[bytes, dict[str, str], str]:
        found = self.bucket.get_key(key)
        if found is None:
            raise S3ResponseError(404, "NoSuchKey")
        data = found.get_contents_as_string()
        metadata = {name.removeprefix("x-kss-meta-"): value for name, value in found.user_meta.items()}
        return data, metadata, str(found.server_crc)

    def part_of(self, key: str, first: int, last: int) -> bytes:
        return bytes(
            self.bucket.new_key(key).get_contents_as_string(headers={"Range": f"bytes={first}-{last}"})
        )

    def keys(self, prefix: str, page: int) -> list[str]:
        found: list[str] = []
        marker = ""
        while True:
            answer = self.bucket.get_all_keys(
                prefix=prefix, marker=marker, max_keys=page, delimiter="", encoding_type="url"
            )
            # The SDK decodes the markers of an encoded listing, and leaves the names to its caller.
            found += [unquote(one.name) for one in answer]
            if not answer.is_truncated:
                return found
            marker = found[-1]

    def upload(self, key: str, parts: list[bytes]) -> list[int]:
        upload = self.bucket.initiate_multipart_upload(key)
        for number, data in enumerate(parts, 1):
            upload.upload_part_from_file(io.BytesIO(data), number)
        assert [one.id for one in self.bucket.get_all_multipart_uploads()] == [upload.id]
        sizes = [part.size for part in upload]
        upload.complete_upload()
        return sizes

    def put_archived(self, key: str, data: bytes) -> None:
        self.bucket.new_key(key).set_contents_from_string(data, headers={"x-kss-storage-class": "ARCHIVE"})

    def restore(self, key: str) -> None:
        self.bucket.new_key(key).restore_object(days=2, tier="Standard")

    def restore_state(self, key: str) -> str:
        answer = self.client.make_request("HEAD", BUCKET, key)
        return answer.getheader("x-kss-restore") or ""

    def delete(self, key: str) -> None:
        self.bucket.delete_key(key)


class Bos:
    refusal = BceHttpClientError
    more_keys = ("a//b", "control\x01")

    def __init__(self, port: int, secret: str = SK, token: str = "") -> None:
        self.client = BosClient(
            BceClientConfiguration(
                BceCredentials("temporary" if token else AK, secret),
                endpoint=f"http://{DOMAINS['bos']}:{port}",
                security_token=token or None,
                retry_policy=NoRetryPolicy(),
            )
        )

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        digest = base64.b64encode(hashlib.md5(data).digest())
        self.client.put_object(BUCKET, key, io.BytesIO(data), len(data), digest, user_metadata=metadata)

    def get(self, key: str) -> tuple[bytes, dict[str, str], str]:
        answer = self.client.get_object(BUCKET, key)
        told = vars(answer.metadata)
        crc = next(value for name, value in told.items() if "crc" in name)
        return answer.data.read(), dict(answer.metadata.user_metadata), crc

    def part_of(self, key: str, first: int, last: int) -> bytes:
        return bytes(self.client.get_object(BUCKET, key, range=[first, last]).data.read())

    def keys(self, prefix: str, page: int) -> list[str]:
        found: list[str] = []
        marker = None
        while True:
            answer = self.client.list_objects(BUCKET, page, prefix, marker)
            found += [one.key for one in answer.contents]
            if not answer.is_truncated:
                return found
            marker = answer.next_marker

    def upload(self, key: str, parts: list[bytes]) -> list[int]:
        upload_id = self.client.initiate_multipart_upload(BUCKET, key).upload_id
        sent = []
        for number, data in enumerate(parts, 1):
            answer = self.client.upload_part(BUCKET, key, upload_id, number, len(data), io.BytesIO(data))
            sent.append({"partNumber": number, "eTag": answer.metadata.etag})
        assert [one.upload_id for one in self.client.list_multipart_uploads(BUCKET).uploads] == [upload_id]
        sizes = [one.size for one in self.client.list_parts(BUCKET, key, upload_id).parts]
        self.client.complete_multipart_upload(BUCKET, key, upload_id, sent)
        return sizes

    def put_archived(self, key: str, data: bytes) -> None:
        self.client.put_object_from_string(BUCKET, key, data, storage_class="ARCHIVE")

    def restore(self, key: str) -> None:
        self.client.restore_object(BUCKET, key, 2, "LowCost")

    def restore_state(self, key: str) -> str:
        return str(getattr(self.client.get_object_meta_data(BUCKET, key).metadata, "bce_restore", None) or "")

    def delete(self, key: str) -> None:
        self.client.delete_object(BUCKET, key)


MAKERS: dict[str, Callable[..., Client]] = {
    "oss": Oss,
    "cos": Cos,
    "ks3": Ks3,
    "bos": Bos,
    "qingstor": Qing,
    "kodo": partial(Gateway, DOMAINS["kodo"]),
    "us3": partial(Gateway, DOMAINS["us3"]),
}
