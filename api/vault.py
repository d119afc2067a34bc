"""Keys on their way into and out of the ledger: sealed from the edge on (reliability 5.2)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.azure.connection import credentials_in
from connectors.google.accounts import credentials_of
from connectors.locations import Credentials
from engine.failures import Side
from engine.spec import CloudType
from ledger import credentials, sync_credentials
from ledger.iam import SealedKey
from ledger.seal import KeyRing, Sealed, access_key_place, access_token_place
from ledger.values import TaskId

Triple = tuple[SecretStr | None, SecretStr | None, SecretStr | None]


@dataclass(frozen=True, slots=True)
class TaskKeys:
    """What a task reads and writes with; a URL list is read without keys."""

    source: Credentials | None
    destination: Credentials

    @classmethod
    def of(cls, source: Triple, destination: Triple, cdn_key: SecretStr | None = None) -> Self:
        """From access key, secret key and session token of either side, which have been checked.

        `cdn_key` is that of the source's CDN.
        """
        found, read_with = _credentials(destination), _credentials(source)
        if found is None:
            raise ValueError("the destination needs keys")
        if read_with is not None and cdn_key is not None:
            read_with = replace(read_with, cdn_key=cdn_key)
        return cls(read_with, found)

    def by_side(self) -> Mapping[Side, Credentials]:
        """Those that there are."""
        keys = {Side.DESTINATION: self.destination}
        return keys if self.source is None else {Side.SOURCE: self.source, **keys}


def source_triple(cloud: CloudType, keys: Triple, connection_string: SecretStr | None) -> Triple:
    """The keys of a source; a connection string of Azure, which has been checked, stands for all of them."""
    if cloud is not CloudType.AZURE or connection_string is None:
        return keys
    found = credentials_in(connection_string.get_secret_value())
    return SecretStr(found.access_key), found.secret_key, None


class Vault:
    """Seals the keys of tasks and opens those of users."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    @classmethod
    def open(cls, key_file: Path) -> Self:
        """Reads the master key. Raises SealError."""
        return cls(KeyRing.read(key_file))

    async def keep(
        self, connection: AsyncConnection, task_id: TaskId, project_id: str, keys: TaskKeys
    ) -> None:
        """Stores the keys of a task in place of any it had."""
        await credentials.keep(connection, self._ring, task_id, project_id, keys.by_side())

    async def keep_sync(
        self, connection: AsyncConnection, sync_id: str, project_id: str, keys: TaskKeys
    ) -> None:
        """Stores the keys of a synchronisation task in place of any it had."""
        await sync_credentials.keep(connection, self._ring, sync_id, project_id, keys.by_side())

    def secret_of(self, key: SealedKey) -> str:
        """The secret of an access key. Raises SealError when the row was tampered with."""
        sealed = Sealed(key.sealed_secret, key.key_version)
        return self._ring.open_sealed(access_key_place(key.access_key), sealed).decode()

    def token_of(self, key: SealedKey) -> str:
        """The session token of a temporary access key, "" for a permanent one. Raises SealError."""
        if key.sealed_token is None:
            return ""
        sealed = Sealed(key.sealed_token, key.key_version)
        return self._ring.open_sealed(access_token_place(key.access_key), sealed).decode()


def key_file_triple(file: SecretStr | None) -> Triple:
    """A checked key file in the place of keys (OMS 5.2.3)."""
    found = credentials_of("" if file is None else file.get_secret_value())
    return SecretStr(found.access_key), found.secret_key, None


def _credentials(triple: Triple) -> Credentials | None:
    access_key, secret_key, token = triple
    if access_key is None or secret_key is None:
        return None
    return Credentials(access_key.get_secret_value(), secret_key, token or SecretStr(""))
