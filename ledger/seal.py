"""Sealing of secrets at rest: AES-256-GCM, bound to the row that holds them (reliability 5.2)."""

import base64
import binascii
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class SealError(Exception):
    """A key is missing or unusable, or a ciphertext is not the one that was sealed for this place."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a ciphertext belongs to: moved anywhere else it does not open."""

    table: str
    row: str
    project: str

    def associated(self, key_version: int) -> bytes:
        """What is authenticated with the ciphertext; each part with its length, so no two places look alike."""
        parts = (self.table, self.row, self.project, str(key_version))
        return "|".join(f"{len(part)}:{part}" for part in parts).encode()


@dataclass(frozen=True, slots=True)
class Sealed:
    """A ciphertext (nonce first) and the version of the key that opens it."""

    content: bytes
    key_version: int


class KeyRing:
    """Master keys by version, 1 being the first. The newest seals, all open."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise SealError(f"master keys have {KEY_BYTES} bytes, and there is at least one")
        self._ciphers = [AESGCM(key) for key in keys]

    @classmethod
    def read(cls, path: Path) -> Self:
        """A file with one base64 key a line, the newest last. Raises SealError, never showing its content."""
        try:
            lines = path.read_bytes().split()
            keys = [base64.b64decode(line, validate=True) for line in lines]
        except (OSError, binascii.Error) as error:
            raise SealError(f"the master key file {path} cannot be read: {type(error).__name__}") from None
        return cls(keys)

    def seal(self, place: Place, plain: bytes) -> Sealed:
        """Encrypts for one place, with the newest key and a fresh nonce."""
        version = len(self._ciphers)
        nonce = os.urandom(NONCE_BYTES)
        content = nonce + self._ciphers[-1].encrypt(nonce, plain, place.associated(version))
        return Sealed(content, version)

    def open_sealed(self, place: Place, sealed: Sealed) -> bytes:
        """What was sealed for this very place. Raises SealError for anything else."""
        if not 1 <= sealed.key_version <= len(self._ciphers):
            raise SealError(f"there is no master key of version {sealed.key_version}")
        nonce, content = sealed.content[:NONCE_BYTES], sealed.content[NONCE_BYTES:]
        try:
            return self._ciphers[sealed.key_version - 1].decrypt(
                nonce, content, place.associated(sealed.key_version)
            )
        except (InvalidTag, ValueError):
            raise SealError(f"a sealed value of {place.table} does not belong there") from None


def access_key_place(access_key: str) -> Place:
    """Where the secret of an access key lies; users belong to no project."""
    return Place("access_key", access_key, "")


def access_token_place(access_key: str) -> Place:
    """Where the session token of a temporary access key lies."""
    return Place("access_key.token", access_key, "")
