"""Keys and logins that the commands find in the environment when no option gives them."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """Keys of the two stores of `oms migrate`; "" where nothing is set."""

    src_ak: str
    src_sk: str
    dst_ak: str
    dst_sk: str


@dataclass(frozen=True, slots=True)
class ServerLogin:
    """How to reach and enter a server; "" where nothing is set."""

    server: str
    user: str
    domain: str
    password: str
    project: str
    access_key: str
    secret_key: str


def store_keys(environment: Mapping[str, str] | None = None) -> StoreKeys:
    """OMS_SRC_AK, OMS_SRC_SK, OMS_DST_AK and OMS_DST_SK."""
    values = os.environ if environment is None else environment
    return StoreKeys(*(values.get(f"OMS_{name}", "") for name in ("SRC_AK", "SRC_SK", "DST_AK", "DST_SK")))


def server_login(environment: Mapping[str, str] | None = None) -> ServerLogin:
    """OMS_SERVER, OMS_USER, OMS_DOMAIN, OMS_PASSWORD, OMS_PROJECT, OMS_AK and OMS_SK."""
    values = os.environ if environment is None else environment
    names = ("SERVER", "USER", "DOMAIN", "PASSWORD", "PROJECT", "AK", "SK")
    return ServerLogin(*(values.get(f"OMS_{name}", "") for name in names))
