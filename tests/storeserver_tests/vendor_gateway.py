"""Amazon's SDK, set up for the vendors of S3 gateways."""

from __future__ import annotations

import boto3
import botocore.exceptions
from botocore.config import Config as BotoConfig

from tests.storeserver_tests.vendor_servers import AK, BUCKET, REGION, SK


class Gateway:
    """Amazon's SDK, which the vendors of S3 gateways name in their manuals, set up as in clouds.md A5."""

    refusal = botocore.exceptions.ClientError
    more_keys = ("a//b", "a/../b", "tab\t")
    archive = "GLACIER"

    def __init__(self, domain: str, port: int, secret: str = SK, token: str = "") -> None:
        self.client = boto3.client(
            "s3",
            endpoint_url=f"http://{domain}:{port}",
            region_name=REGION,
            aws_access_key_id="temporary" if token else AK,
            aws_secret_access_key=secret,
            aws_session_token=token or None,
            config=BotoConfig(
                signature_version="s3v4",
                s3={"addressing_style": "path", "payload_signing_enabled": False},
                retries={"total_max_attempts": 1},
                proxies={},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data, Metadata=metadata)

    def get(self, key: str) -> tuple[bytes, dict[str, str], str]:
        answer = self.client.get_object(Bucket=BUCKET, Key=key)
        return answer["Body"].read(), answer["Metadata"], ""

    def part_of(self, key: str, first: int, last: int) -> bytes:
        answer = self.client.get_object(Bucket=BUCKET, Key=key, Range=f"bytes={first}-{last}")
        return bytes(answer["Body"].read())

    def keys(self, prefix: str, page: int) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=prefix, PaginationConfig={"PageSize": page}
        )
        return [one["Key"] for found in pages for one in found.get("Contents", [])]

    def upload(self, key: str, parts: list[bytes]) -> list[int]:
        named = {"Bucket": BUCKET, "Key": key}
        upload_id = self.client.create_multipart_upload(**named)["UploadId"]
        named["UploadId"] = upload_id
        sent = [
            {"PartNumber": n, "ETag": self.client.upload_part(**named, PartNumber=n, Body=data)["ETag"]}
            for n, data in enumerate(parts, 1)
        ]
        uploads = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=key)["Uploads"]
        assert [one["UploadId"] for one in uploads] == [upload_id]
        sizes = [one["Size"] for one in self.client.list_parts(**named)["Parts"]]
        self.client.complete_multipart_upload(**named, MultipartUpload={"Parts": sent})
        return sizes

    def put_archived(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data, StorageClass=self.archive)

    def restore(self, key: str) -> None:
        asked = {"Days": 2, "GlacierJobParameters": {"Tier": "Standard"}}
        self.client.restore_object(Bucket=BUCKET, Key=key, RestoreRequest=asked)

    def restore_state(self, key: str) -> str:
        return str(self.client.head_object(Bucket=BUCKET, Key=key).get("Restore", ""))

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)
