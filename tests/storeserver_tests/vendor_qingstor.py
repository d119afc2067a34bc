"""QingStor's SDK, which answers refusals as if they were none."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from qingstor.sdk.config import Config as QingConfig
from qingstor.sdk.service.qingstor import QingStor

from tests.storeserver_tests.vendor_servers import AK, BUCKET, REGION, SK


class QingRefusal(Exception):
    """The SDK raises nothing by itself."""


class Qing:
    refusal = QingRefusal
    more_keys = ("a//b", "control\x01")

    def __init__(self, port: int, secret: str = SK, token: str = "") -> None:
        settings = {"host": "vendor.test", "port": port, "protocol": "http", "connection_retries": 0}
        config = QingConfig(AK, secret).load_config_from_data(settings | {"enable_virtual_host_style": True})
        self.bucket = QingStor(config).Bucket(BUCKET, REGION)

    @staticmethod
    def _good(answer: Any) -> Any:
        if answer.status_code >= 300:
            raise QingRefusal(answer.status_code, dict(answer))
        return answer

    def put(self, key: str, data: bytes, metadata: dict[str, str]) -> None:
        digest = base64.b64encode(hashlib.md5(data).digest()).decode()
        self._good(self.bucket.put_object(key, content_md5=digest, x_qs_meta_data=metadata, body=data))

    def get(self, key: str) -> tuple[bytes, dict[str, str], str]:
        answer = self._good(self.bucket.get_object(key))
        found = {
            name.lower()[10:]: value
            for name, value in answer.headers.items()
            if name.lower().startswith("x-qs-meta-")
        }
        return answer.content, found, ""

    def part_of(self, key: str, first: int, last: int) -> bytes:
        return bytes(self._good(self.bucket.get_object(key, range=f"bytes={first}-{last}")).content)

    def keys(self, prefix: str, page: int) -> list[str]:
        """Sorted here, as they come in the order of the store."""
        found: list[str] = []
        marker = None
        while True:
            answer = self._good(self.bucket.list_objects(limit=str(page), marker=marker, prefix=prefix))
            found += [one["key"] for one in answer["keys"]]
            if not answer["has_more"]:
                return sorted(found, key=str.encode)
            marker = answer["next_marker"]

    def upload(self, key: str, parts: list[bytes]) -> list[int]:
        upload_id = self._good(self.bucket.initiate_multipart_upload(key))["upload_id"]
        for number, data in enumerate(parts):
            self._good(
                self.bucket.upload_multipart(key, part_number=str(number), upload_id=upload_id, body=data)
            )
        uploads = self._good(self.bucket.list_multipart_uploads())["uploads"]
        assert [one["upload_id"] for one in uploads] == [upload_id]
        stored = self._good(self.bucket.list_multipart(key, upload_id=upload_id))["object_parts"]
        named = [{"part_number": number} for number in range(len(parts))]
        self._good(self.bucket.complete_multipart_upload(key, upload_id=upload_id, object_parts=named))
        return [one["size"] for one in stored]

    def put_archived(self, key: str, data: bytes) -> None:
        raise NotImplementedError

    def restore(self, key: str) -> None:
        raise NotImplementedError

    def restore_state(self, key: str) -> str:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        self._good(self.bucket.delete_object(key))
