"""`oms up` with stand-ins for its services: `python -m tests.embedded.runner DATA_DIR PORT WORKERS`."""

import sys
from collections.abc import Mapping
from pathlib import Path

from cli.embedded.errors import EmbeddedError
from cli.settings import child_environment, read_settings
from cli.supervisor.engine import Plan, serve
from cli.supervisor.services import Service
from cli.supervisor.supervisor import StopRequested

STAND_IN = Path(__file__).with_name("standin.py")


def main() -> None:
    """Runs the engine; each voided worker's name becomes a line of DATA_DIR/voided."""
    root, port, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])

    def services(chosen: int, values: Mapping[str, str], logs: Path) -> list[Service]:
        return [stand_in("api", str(chosen), values, logs)] + [
            stand_in("worker", f"worker-{number}", values, logs) for number in range(1, workers + 1)
        ]

    def void(_url: str, name: str) -> None:
        with Path(root, "voided").open("a") as file:
            file.write(f"{name}\n")

    plan = Plan(root, port, services, prepare=lambda *_: None, void=void)
    try:
        serve(plan, read_settings(), lambda address: print(f"ready {address}", flush=True))
    except EmbeddedError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    except StopRequested:
        sys.exit(0)


def stand_in(kind: str, argument: str, values: Mapping[str, str], logs: Path) -> Service:
    """A service that runs the stand-in."""
    name = kind if kind == "api" else argument
    command = (sys.executable, str(STAND_IN), kind, argument)
    return Service(name, command, child_environment(values), logs / f"{name}.log", leases=kind == "worker")


if __name__ == "__main__":
    main()
