"""`oms migrate SRC DST`: one migration from the terminal, with live progress and an exit code."""

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from cli.client import Client, ClientError
from cli.client_settings import StoreKeys, store_keys
from cli.embedded_engine import running_engine
from cli.locations import BucketAddress, LocationError, destination_address, source_address
from cli.login import find_client
from cli.progress import display, shown, sized

POLL_SECONDS = 0.5
SOME_FAILED, TASK_FAILED = 1, 2

_WAITING, _PAUSED, _FAILED, _SUCCEEDED = 1, 3, 4, 5
_SOME_OBJECTS = "TRF.0004"
_LOST_SECONDS = 60.0
_MODES = {
    "newer": "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
    "never": "NO_OVERWRITE",
    "always": "FULL_OVERWRITE",
    "crc64": "CRC64_COMPARISON_OVERWRITE",
}


@click.command()
@click.argument("src")
@click.argument("dst")
@click.option("--src-ak", help="[OMS_SRC_AK]; the secret comes from OMS_SRC_SK.")
@click.option("--dst-ak", help="[OMS_DST_AK]; the secret comes from OMS_DST_SK.")
@click.option("--overwrite", type=click.Choice(sorted(_MODES)), default="newer", show_default=True)
@click.option("--metadata/--no-metadata", default=True, show_default=True, help="Copy user metadata.")
@click.option("--limit", type=click.IntRange(1, 200), help="At most this many MiB a second.")
@click.option("--server", metavar="URL", help="Use this server instead of an engine of its own.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the engine's data here; with --server: its credentials.json is the login.",
)
@click.option("--user", help="With --server [OMS_USER].")
@click.option("--domain", help="With --server [OMS_DOMAIN].")
@click.option("--project", help="With --server [OMS_PROJECT].")
def command(src: str, dst: str, **options: Any) -> None:
    """Migrates SRC (aws://bucket/prefix?region=us-east-1) to DST (obs://bucket/prefix?region=cn-north-4).

    Exit code 0: all there. 1: some objects failed. 2: the task failed.
    """
    try:
        body = _body(source_address(src), destination_address(dst), options)
        with _client(options) as client:
            final = _run(client, body)
    except LocationError as error:
        raise click.UsageError(str(error)) from error
    except ClientError as error:
        click.echo(f"oms: {error}", err=True)
        sys.exit(TASK_FAILED)
    except click.ClickException as error:
        error.show()
        sys.exit(TASK_FAILED)
    sys.exit(_conclude(final))


@contextmanager
def _client(options: Mapping[str, Any]) -> Iterator[Client]:
    if options["server"]:
        names = ("server", "data_dir", "user", "domain", "project")
        yield find_client(**{name: options[name] for name in names}, access_key=None)
        return
    with running_engine(options["data_dir"]) as client:
        yield client


def _body(source: BucketAddress, destination: BucketAddress, options: Mapping[str, Any]) -> dict[str, Any]:
    keys = _keys(options)
    body: dict[str, Any] = {
        "task_type": "prefix",
        "src_node": {
            "cloud_type": source.cloud_type,
            "region": source.region or "us-east-1",
            "bucket": source.bucket,
            "object_key": [source.prefix],
            "ak": keys.src_ak,
            "sk": keys.src_sk,
        },
        "dst_node": {
            "region": destination.region or "default",
            "bucket": destination.bucket,
            "save_prefix": destination.prefix,
            "ak": keys.dst_ak,
            "sk": keys.dst_sk,
        },
        "enable_metadata_migration": options["metadata"],
        "object_overwrite_mode": _MODES[options["overwrite"]],
        "description": "oms migrate",
    }
    if options["limit"]:
        rate = options["limit"] * 1024 * 1024
        body["bandwidth_policy"] = [{"start": "00:00", "end": "23:59", "max_bandwidth": rate}]
    return body


def _keys(options: Mapping[str, Any]) -> StoreKeys:
    found = store_keys()
    keys = StoreKeys(
        options["src_ak"] or found.src_ak, found.src_sk, options["dst_ak"] or found.dst_ak, found.dst_sk
    )
    missing = [
        name
        for name, value in zip(
            ("OMS_SRC_AK", "OMS_SRC_SK", "OMS_DST_AK", "OMS_DST_SK"),
            (keys.src_ak, keys.src_sk, keys.dst_ak, keys.dst_sk),
            strict=True,
        )
        if not value
    ]
    if missing:
        raise click.UsageError(f"not set: {', '.join(missing)}")
    return keys


def _run(client: Client, body: Mapping[str, Any]) -> dict[str, Any]:
    task_id, name = client.create(body)
    click.echo(f"task {task_id} {name}", err=True)
    try:
        with display() as show:
            while True:
                task = _look(client, task_id)
                show(shown(task))
                if task["status"] in (_PAUSED, _FAILED, _SUCCEEDED):
                    return task
                time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        _pause(client, task_id)
        click.echo(f"interrupted; task {task_id} pauses", err=True)
        sys.exit(TASK_FAILED)


def _look(client: Client, task_id: int) -> dict[str, Any]:
    """The task; a server that is away for a moment is waited for."""
    deadline = time.monotonic() + _LOST_SECONDS
    while True:
        try:
            return client.show(task_id)
        except ClientError as error:
            if error.status not in (0, 503) or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


def _pause(client: Client, task_id: int) -> None:
    try:
        client.stop(task_id)
    except ClientError as error:
        click.echo(f"oms: {error}", err=True)


def _conclude(task: Mapping[str, Any]) -> int:
    reason = task["error_reason"]
    click.echo(
        f"migrated {task['successful_num']} objects ({task['real_size']} bytes, {sized(task['migrate_speed'])}/s),"
        f" skipped {task['skipped_num']}, failed {task['failed_num']}"
    )
    if task["status"] == _SUCCEEDED:
        return 0
    if reason is not None:
        click.echo(f"oms: {reason['error_code']}: {reason['error_msg']}", err=True)
    listed = task["failed_object_record"]["list_file_key"]
    if listed:
        click.echo(f"oms: the failed objects are listed in {listed}", err=True)
    return SOME_FAILED if reason is not None and reason["error_code"] == _SOME_OBJECTS else TASK_FAILED
