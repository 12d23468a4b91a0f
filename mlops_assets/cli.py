"""The command ``mlops-assets``."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mlops_assets.commands.all_commands import COMMANDS
from mlops_assets.errors import MlopsAssetsError

# A command that a person waits for imports four thousand modules, which stay: looking for garbage among them every 700
# objects takes a fifth of its time. At most these many objects, some tens of MiB, are kept before Python looks.
_OBJECTS_BEFORE_COLLECTION = 100_000


class _ShowVersion(argparse.Action):
    """``--version``; the installed version is looked up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: object) -> None:
        from importlib.metadata import version

        print(f"mlops-assets {version('mlops-assets')}")
        parser.exit()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; errors of this package are printed as one message, without a traceback.

    Returns
    -------
    0 on success, 1 on a failure that the message explains or a verdict that is negative, 2 for a wrong command line.
    """
    chosen = build_parser().parse_args(arguments)
    chosen.commands = COMMANDS
    command = next(command for command in COMMANDS if command.name == chosen.command)
    try:
        with _collect_garbage_rarely():
            return command.run(chosen)
    except MlopsAssetsError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        # As a shell reports it; what was being written is removed, and nothing was replaced.
        return 130


@contextmanager
def _collect_garbage_rarely() -> Iterator[None]:
    """Inside, garbage is looked for less often; afterwards as often as before."""
    before = gc.get_threshold()
    if gc.isenabled():
        gc.set_threshold(_OBJECTS_BEFORE_COLLECTION, 50, before[2])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def build_parser() -> argparse.ArgumentParser:
    """The command line, with every command."""
    parser = argparse.ArgumentParser(
        prog="mlops-assets",
        description="Contract-checked predictions and exact explanations for registered MLflow models.",
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the installed version")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for command in COMMANDS:
        command.add_arguments(
            commands.add_parser(
                command.name, help=command.help, description=f"{command.help[0].upper()}{command.help[1:]}."
            )
        )
    return parser
