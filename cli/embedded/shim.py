"""Runs a command that dies with its parent, if asked under another user.

Executed as a script (`python -I -S shim.py ...`) in the child, never imported by the service, so it uses the
standard library alone. It ends in `exec`: the process that remains is the command itself.

A parent-death signal is cleared by a change of user, so it is set last. Postgres refuses to run as root, yet
its files may lie under a directory that only root enters: `--as dedicated` becomes another user and keeps the
single right to pass and read; `--as namespace` stays root outside and is another user in a namespace.
"""

import argparse
import ctypes
import os
import signal
import struct
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8
CAPABILITY_VERSION_3 = 0x20080522
CLONE_NEWUSER = 0x10000000

libc = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> None:
    """Calls a function of libc; raises OSError when it answers other than 0."""
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def prctl(option: int, *values: int) -> None:
    """`prctl(2)` with its unused arguments zero."""
    padded = (*values, 0, 0, 0, 0)[:4]
    call("prctl", option, *(ctypes.c_ulong(value) for value in padded))


def permitted_capabilities() -> int:
    """The capabilities that this process may use, as a bit set."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def set_capabilities(bits: int) -> None:
    """Makes `bits` the effective, permitted and inheritable set."""
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
    low, high = bits & 0xFFFFFFFF, bits >> 32
    body = ctypes.create_string_buffer(struct.pack("=6I", low, low, low, high, high, high))
    call("capset", header, body)


def become_dedicated(uid: int, gid: int) -> None:
    """Another user who keeps one right: to pass (and read) where permission bits say no."""
    held = permitted_capabilities()
    passing = CAP_DAC_READ_SEARCH if held >> CAP_DAC_READ_SEARCH & 1 else CAP_DAC_OVERRIDE
    keeps = bool(held >> passing & 1)
    if held >> CAP_SETPCAP & 1:
        # Without this bit `access(2)`, which Postgres asks about its own programs, forgets the right that is kept.
        prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    prctl(PR_SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    if keeps:
        set_capabilities(1 << passing)
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, passing)


def enter_namespace(uid: int, gid: int) -> None:
    """A user namespace in which our own user is `uid`."""
    outer_uid, outer_gid = os.getuid(), os.getgid()
    call("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def main() -> None:
    """Takes the identity, ties this process to its parent, becomes the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, default=signal.SIGKILL)
    parser.add_argument("--as", dest="kind", choices=("self", "dedicated", "namespace"), default="self")
    parser.add_argument("--uid", type=int, default=0)
    parser.add_argument("--gid", type=int, default=0)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if options.kind == "dedicated":
        become_dedicated(options.uid, options.gid)
    elif options.kind == "namespace":
        enter_namespace(options.uid, options.gid)
    prctl(PR_SET_PDEATHSIG, options.death_signal)
    if os.getppid() != options.parent:
        sys.exit("the parent is gone")
    command = [part for index, part in enumerate(options.command) if (index, part) != (0, "--")]
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is what this script is for


if __name__ == "__main__":
    main()
