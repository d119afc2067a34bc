"""Which bucket, where, and with whose keys: what `registry.open_store` needs."""

from dataclasses import dataclass

from pydantic import SecretStr

from engine.failures import Side

NO_TOKEN = SecretStr("")


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket as a task names it. `cloud_type` is the API's word; the destination is "HEC".

    `app_id` is the number of a Tencent account, which is part of its buckets' names.
    """

    cloud_type: str
    region: str
    bucket: str
    side: Side
    requester_pays: bool = False
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Access keys; never empty, never taken from the host's environment. The token is "" for permanent keys.

    `cdn_key` is the authentication key of the source's CDN, "" where there is none.
    """

    access_key: str
    secret_key: SecretStr
    token: SecretStr = NO_TOKEN
    cdn_key: SecretStr = NO_TOKEN
