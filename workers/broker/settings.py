"""The environment of the broker: where Redis is."""

import os
from urllib.parse import urlsplit

REDIS_URL = "OMS_REDIS_URL"
DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"


def redis_url() -> str:
    """The URL of Redis as redis-py reads it; an empty variable is as good as none."""
    return os.environ.get(REDIS_URL) or DEFAULT_REDIS_URL


def broker_url(url: str) -> str:
    """The same server in the form that kombu reads: it knows Unix sockets as `redis+socket://`.

    Raises ValueError for a scheme that is not Redis.
    """
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss", "redis+socket"):
        return url
    if parts.scheme != "unix":
        raise ValueError(f"{REDIS_URL} must begin with redis://, rediss:// or unix://, not {parts.scheme}://")
    query = parts.query.replace("db=", "virtual_host=")
    return f"redis+socket://{parts.netloc}{parts.path}" + (f"?{query}" if query else "")
