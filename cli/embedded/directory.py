"""The data directory: its lock, its folders, its sockets."""

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.embedded.errors import EmbeddedError

# The path of a Unix socket may have 107 bytes.
_LONGEST_DIRECTORY = 107 - len("/pg/.s.PGSQL.5432")
_PREFIX = "oms-"


@dataclass(slots=True)
class DataDirectory:
    """Everything that the embedded engine keeps, owned by one process at a time.

    `shorts` are the places, the best first, for a socket directory when our own path is too long for one.
    """

    root: Path
    shorts: Sequence[Path] = (Path("/tmp"),)  # noqa: S108 - only a fresh 0700 directory is ever made in it
    lock: int | None = None

    def open(self) -> None:
        """Creates the folders and takes the lock; raises EmbeddedError when another process holds it."""
        self._make(self.root)
        self.lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self.lock, 32, 0).decode(errors="replace").strip()
            self._unlock()
            message = f"{self.root} is in use by another `oms up` (process {holder or 'unknown'})"
            raise EmbeddedError(message) from error
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()}\n".encode(), 0)
        self._make(self.logs)
        self._remove_sockets()

    def close(self) -> None:
        """Removes the sockets and gives the lock back."""
        if self.lock is not None:
            self._remove_sockets()
            self._unlock()

    @property
    def logs(self) -> Path:
        """Where the children's output goes."""
        return self.root / "logs"

    @property
    def postgres(self) -> Path:
        """The cluster."""
        return self.root / "postgres"

    @property
    def redis(self) -> Path:
        """Working directory of Redis."""
        return self.root / "redis"

    @property
    def credentials(self) -> Path:
        """The first user's credentials (JSON, 0600)."""
        return self.root / "credentials.json"

    @property
    def master_key(self) -> Path:
        """The key that seals credentials (0600)."""
        return self.root / "master.key"

    def make_sockets(self) -> Path:
        """A fresh 0700 directory for sockets: inside when the path allows it, else recorded outside."""
        inside = self.root / "run"
        if len(os.fsencode(inside)) <= _LONGEST_DIRECTORY:
            inside.mkdir(mode=0o700)
            return inside
        for place in self.shorts:
            outside = place / f"{_PREFIX}{secrets.token_hex(8)}"
            if _suits(outside):
                # Recorded before it exists, so that one left by a crash is always found again.
                self._record.write_text(str(outside))
                outside.mkdir(mode=0o700)
                return outside
        names = ", ".join(map(str, self.shorts))
        raise EmbeddedError(f"{self.root} is too long a path for sockets, and {names} has no place for them")

    @property
    def _record(self) -> Path:
        return self.root / "sockets"

    def _remove_sockets(self) -> None:
        shutil.rmtree(self.root / "run", ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            outside = Path(self._record.read_text())
            if outside.name.startswith(_PREFIX) and outside.parent in self.shorts:
                shutil.rmtree(outside, ignore_errors=True)
            self._record.unlink()

    def _unlock(self) -> None:
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    @staticmethod
    def _make(path: Path) -> None:
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"cannot create {path}: {error.strerror}") from error


def _suits(path: Path) -> bool:
    short = len(os.fsencode(path)) <= _LONGEST_DIRECTORY
    return short and path.parent.is_dir() and os.access(path.parent, os.W_OK | os.X_OK)
