"""How a blob of Azure is described, in headers and in listings (clouds.md B7)."""

from __future__ import annotations

import base64
import time

from tests.storeserver.message import Request, http_date
from tests.storeserver.model import Version


def tier(request: Request, version: Version) -> str:
    """Where it lies; an archived one that came back lies in Hot."""
    restored = version.restore_state(time.time()) == "restored"
    return "Hot" if restored else request.flavor.class_name(version.properties.storage_class)


def content_md5(version: Version) -> str:
    """The MD5 that a blob has of its own: blobs of blocks have none."""
    return base64.b64encode(bytes.fromhex(version.body.md5)).decode() if version.body.md5 else ""


def date(seconds: float) -> str:
    """As headers and listings say it."""
    return http_date(int(seconds))
