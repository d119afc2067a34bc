"""The command `oms`: each subcommand is a module of its own, imported when it is asked for."""

import importlib

import click

_MODULES = {
    "up": "cli.up",
    "api": "cli.api",
    "worker": "cli.worker",
    "beat": "cli.beat",
    "prepare": "cli.prepare",
    "migrate": "cli.migrate",
    "task": "cli.task",
    "verify": "cli.verify",
    "requests": "cli.requests",
    "admin": "cli.admin",
}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module when it runs or is listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the surface."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The `command` of the subcommand's module."""
        module = _MODULES.get(cmd_name)
        if module is None:
            return None
        command = importlib.import_module(module).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.command is not a click command")
        return command


@click.group(cls=LazyGroup)
def main() -> None:
    """Moves buckets between clouds and on-premise stores."""


if __name__ == "__main__":
    main()
