"""Asks an archived object back (clouds.md C2); the state shows in HEAD."""

from base64 import b64encode
from hashlib import md5

from connectors.errors import StoreError
from connectors.s3.channel import Ask, Channel
from connectors.s3.xml import escape_text
from engine.failures import Operation

_DONE_BEFORE = frozenset({"RestoreAlreadyInProgress", "ObjectHasAlreadyRestored"})


async def restore(channel: Channel, key: bytes, days: int, tier: str) -> None:
    """See `Restorer.restore`."""
    body = _body(channel.dialect.restore_element, days, tier)
    digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()
    headers = (("content-type", "application/xml"), ("content-md5", digest))
    await send(channel, Ask(Operation.RESTORE, "POST", key, (("restore", None),), headers, body))


async def send(channel: Channel, ask: Ask) -> None:
    """Send a restore; one that runs, or has ended, is a success. Raises StoreError."""
    try:
        await channel.call(ask)
    except StoreError as error:
        if error.code not in _DONE_BEFORE:
            raise


def _body(element: str, days: int, tier: str) -> bytes:
    period = f"<Days>{days}</Days>" if days else ""
    speed = f"<{element}><Tier>{escape_text(tier)}</Tier></{element}>" if tier else ""
    return f"<RestoreRequest>{period}{speed}</RestoreRequest>".encode()
