"""``python -m mlops_assets_tests.newcomer``: exit 1 when a newcomer does not get there. Installs from PyPI: minutes."""

import argparse
import sys
import tempfile
from pathlib import Path

from mlops_assets_tests.newcomer.environment import build_wheel, new_environment, running_environment
from mlops_assets_tests.newcomer.play import MODELS, play_all, table_of


def main() -> int:
    """Play, print the table, and say what each message was."""
    parser = argparse.ArgumentParser(prog="python -m mlops_assets_tests.newcomer", description=__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)} (default: all)")
    parser.add_argument(
        "--running-environment", action="store_true", help="do not install anything: the wheel, and what is there"
    )
    parser.add_argument(
        "--empty-folder", action="store_true", help="start without a project: mlops-assets init makes it"
    )
    chosen = parser.parse_args()
    if unknown := sorted(set(chosen.models) - set(MODELS)):
        parser.error(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    with tempfile.TemporaryDirectory(prefix="newcomer") as name:
        folder = Path(name).resolve()
        wheel = build_wheel(folder / "wheel")
        make = running_environment if chosen.running_environment else new_environment
        sessions = []
        models = tuple(chosen.models) or MODELS
        quick = chosen.running_environment
        environment = make(folder / "environment", wheel)
        for session in play_all(environment, folder, models, quick=quick, empty_folder=chosen.empty_folder):
            print(f"{'ok    ' if session.passed else 'FAILED'} {session.model}", flush=True)
            for command in session.commands:
                print(f"         $ {command}")
            for message in session.messages:
                print(f"         {message}", flush=True)
            if session.problem:
                print(f"         {session.problem}", flush=True)
            sessions.append(session)
        print(f"\n{table_of(sessions)}")
    return 0 if all(session.passed for session in sessions) else 1


if __name__ == "__main__":
    sys.exit(main())
