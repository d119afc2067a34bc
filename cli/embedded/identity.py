"""Under which user the embedded servers run: ours, or another when we are root."""

import os
import pwd
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    """How a child gets its user; the values are the shim's words."""

    SELF = "self"
    DEDICATED = "dedicated"
    NAMESPACE = "namespace"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user for a child. `uid` and `gid` are those that the child sees itself."""

    kind: Kind
    uid: int
    gid: int

    def arguments(self) -> list[str]:
        """The shim's options for this identity."""
        return [f"--as={self.kind}", f"--uid={self.uid}", f"--gid={self.gid}"]

    @property
    def owner(self) -> tuple[int, int]:
        """User and group, as we see them, that own the child's files."""
        if self.kind is Kind.DEDICATED:
            return self.uid, self.gid
        return os.geteuid(), os.getegid()


OURSELVES = Identity(Kind.SELF, 0, 0)


def candidates() -> list[Identity]:
    """Identities for a server that refuses root, the preferred one first.

    initdb wants its user in the passwd database, which on every Linux system has `nobody`.
    """
    if os.geteuid() != 0:
        return [OURSELVES]
    account = pwd.getpwnam("nobody")
    return [Identity(kind, account.pw_uid, account.pw_gid) for kind in (Kind.DEDICATED, Kind.NAMESPACE)]


def give(path: Path, identity: Identity) -> None:
    """Makes `path` and all below it the identity's own, if `path` itself is not yet."""
    uid, gid = identity.owner
    if os.geteuid() != 0 or path.stat().st_uid == uid:
        return
    for folder, _, names in os.walk(path, topdown=False):
        for name in names:
            os.chown(Path(folder, name), uid, gid, follow_symlinks=False)
        os.chown(folder, uid, gid, follow_symlinks=False)
