"""`python -m tests.storeserver`: serve until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

import uvloop

from tests.storeserver.config import Account, StoreConfig, from_json
from tests.storeserver.server import StoreServer


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.storeserver", description=__doc__)
    parser.add_argument("--root", type=Path, help="where the data lie; needed without --memory")
    parser.add_argument("--memory", action="store_true", help="keep all data in memory")
    parser.add_argument("--host", default=None)
    parser.add_argument("--port", type=int, default=None, help="0 takes a free one")
    parser.add_argument("--port-file", type=Path, help="is written with the port when the server is ready")
    parser.add_argument("--dialect", choices=("s3", "obs", "both"), default=None)
    parser.add_argument("--key", action="append", default=[], metavar="AK:SK[:TOKEN]")
    parser.add_argument("--bucket", action="append", default=[], metavar="NAME", help="is created if missing")
    parser.add_argument("--base-domain", default=None, help="Host bucket.DOMAIN addresses a bucket")
    parser.add_argument("--region", default=None)
    parser.add_argument("--latency-ms", type=float, default=None)
    parser.add_argument("--request-log", action="store_true", default=None)
    parser.add_argument("--with-stdin", action="store_true", help="end when standard input does")
    parser.add_argument("--config", type=Path, help="a JSON file with any setting of StoreConfig")
    return parser.parse_args()


def _config(arguments: argparse.Namespace) -> StoreConfig:
    config = from_json(arguments.config.read_text()) if arguments.config else StoreConfig()
    for name in ("root", "host", "port", "dialect", "base_domain", "region", "latency_ms", "request_log"):
        value = getattr(arguments, name)
        if value is not None:
            setattr(config, name, value)
    if arguments.key:
        pairs = [one.split(":", 2) for one in arguments.key]
        config.keys = {ak: Account(*rest) for ak, *rest in pairs}
    config.buckets = config.buckets + arguments.bucket
    if arguments.memory:
        config.root = None
    elif config.root is None:
        raise SystemExit("either --root or --memory is needed")
    return config


def _read_to_end(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        asyncio.get_running_loop().remove_reader(sys.stdin)
        ended.set()


async def _serve(config: StoreConfig, port_file: Path | None, *, with_stdin: bool) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if with_stdin:
        loop.add_reader(sys.stdin, _read_to_end, ended)
    server = await StoreServer.start(config)
    if port_file is not None:
        fresh = port_file.with_suffix(".new")
        fresh.write_text(str(server.port))
        fresh.replace(port_file)
    print(f"ready {server.url}", flush=True)
    await ended.wait()
    await server.stop()


if __name__ == "__main__":
    chosen = _arguments()
    uvloop.run(_serve(_config(chosen), chosen.port_file, with_stdin=chosen.with_stdin))
