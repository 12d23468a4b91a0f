"""``mlops-assets doctor``."""

import argparse
import os
import sys
from typing import TYPE_CHECKING

from mlops_assets.commands.command import Command
from mlops_assets.commands.examine_options import add_examine_arguments, request_of

if TYPE_CHECKING:
    from mlops_assets.examine.findings import Finding
    from mlops_assets.scaffold.write_model import WrittenModel

_ANSI = {"green": "\x1b[32m", "yellow": "\x1b[33m", "red": "\x1b[31m"}
_END = "\x1b[0m"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", help="a registered model: churn (its Champion), churn@Challenger or churn/3")
    add_examine_arguments(parser)
    parser.add_argument(
        "--allow-pickle", action="store_true", help="examine a model whose loading runs its own code: it runs"
    )
    parser.add_argument(
        "--trusted-type", action="append", default=[], metavar="TYPE", help="a further type to trust in skops files"
    )
    parser.add_argument(
        "--native-libraries", action="store_true", help="examine a model of native files that cannot be checked"
    )
    parser.add_argument("--json", action="store_true", help="print findings, settings and YAML as JSON")


def _run(chosen: argparse.Namespace) -> int:
    from mlops_assets.commands.progress import show_progress

    with show_progress() as show:
        show("examining")
        model = _examine(chosen)
    if chosen.json:
        _print_json(model)
    else:
        for finding in _findings(model):
            print(_line(finding, colored=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
        print(f"\n{model.text}", end="")
    return 1 if model.examination.color == "red" else 0


def _examine(chosen: argparse.Namespace) -> "WrittenModel":
    from dataclasses import replace
    from pathlib import Path

    from mlops_assets.code_location.find_location import find_code_locations
    from mlops_assets.models.trust import TrustPolicy
    from mlops_assets.scaffold.write_model import examine_for_project
    from mlops_assets.state import project_root

    known = find_code_locations(Path.cwd())
    root = known[0].folder if len(known) == 1 else project_root()
    trust = TrustPolicy(
        allow_pickle=chosen.allow_pickle,
        trusted_types=frozenset(chosen.trusted_type),
        native_libraries=chosen.native_libraries,
    )
    # The names of other YAMLs do not count: this may be the YAML of one of them.
    return examine_for_project(replace(request_of(chosen, root), trust=trust), None, "")


def _findings(model: "WrittenModel") -> "tuple[Finding, ...]":
    """With a line of ``.env`` that `init` and `dg scaffold` write by themselves."""
    from mlops_assets.examine.findings import Finding

    line = model.examination.env_line
    if line is None or any(finding.fix and line in finding.fix for finding in model.examination.findings):
        return model.examination.findings
    note = Finding(
        "registry",
        "yellow",
        "Runs ask the registry that MLFLOW_TRACKING_URI names, and it does not name this one",
        fix=f"Write {' and '.join(line.splitlines())} into the project's .env; mlops-assets init does so",
    )
    return (note, *model.examination.findings)


def _line(finding: "Finding", *, colored: bool) -> str:
    color = f"{finding.color:<7}"
    painted = f"{_ANSI[finding.color]}{color}{_END}" if colored else color
    return f"{painted} {finding.topic:<15} {finding}"


def _print_json(model: "WrittenModel") -> None:
    import json
    from dataclasses import asdict

    from mlops_assets.examine.yaml_text import attributes

    examination = model.examination
    print(
        json.dumps(
            {
                "color": examination.color,
                "findings": [asdict(finding) for finding in _findings(model)],
                "attributes": attributes(examination.proposal),
                "yaml": model.text,
            },
            indent=2,
            ensure_ascii=False,
        )
    )


DOCTOR = Command(
    "doctor",
    "examine a model and a table before anything is run, and print the YAML that fits them",
    _add_arguments,
    _run,
)
