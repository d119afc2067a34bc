"""Driven by rclone, whose signers come from yet another hand."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storeserver import ServerProcess
from tests.storeserver_tests.client import AK, SK

_RCLONE = Path(sys.executable).parent / "rclone"


@pytest.mark.parametrize("v2", ["false", "true"])
def test_rclone_copies_and_checks(server: ServerProcess, bucket: str, tmp_path: Path, v2: str) -> None:
    files = {f"d/f {n}+é": os.urandom(n * 1000) for n in range(5)} | {"big": os.urandom(11_000_000)}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    remote = (
        f":s3,provider=Other,access_key_id={AK},secret_access_key={SK},endpoint='{server.url}',v2_auth={v2},"
        f"chunk_size=5Mi,upload_cutoff=5Mi:{bucket}"
    )
    for command in ("copy", "check"):
        download = ["--download"] if command == "check" else []
        line = [_RCLONE, command, *download, tmp_path, remote]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert {key.decode(): server.get(bucket, key) for key in server.keys(bucket)} == files
    assert server.counters().requests("upload_part", bucket) == 3
