"""All newcomers: a registry of models that were logged before, a project, one session for each model."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mlops_assets_tests.newcomer.environment import Environment
from mlops_assets_tests.newcomer.project import write_project
from mlops_assets_tests.newcomer.session import Session, play

HERE = Path(__file__).parent
MODELS = tuple(sorted(path.stem for path in (HERE / "models").glob("*.py") if path.stem != "__init__"))


def prepare(
    environment: Environment, folder: Path, models: tuple[str, ...], *, quick: bool, empty_folder: bool = False
) -> Environment:
    """Train and log the models months ago, and make the project: its root is ``folder/my-project``.

    Parameters
    ----------
    quick
        Do not have MLflow load each model in a process of its own to list its requirements.
    empty_folder
        Leave ``my-project`` empty but for the tables: ``mlops-assets init`` makes the project.

    Returns
    -------
    Environment
        The same, as one that knows where MLflow is.
    """
    training = folder / "training"
    training.mkdir()
    set_up = {"MLFLOW_TRACKING_URI": f"sqlite:///{training / 'mlflow.db'}"}
    known = replace(environment, variables=environment.variables | set_up)
    logging = {"MLFLOW_REQUIREMENTS_INFERENCE_TIMEOUT": "1"} if quick else {}
    trained = replace(known, variables=known.variables | logging).run(
        training, "python", str(HERE / "train.py"), str(HERE / "models"), *models
    )
    if trained.returncode:
        raise AssertionError(f"the models could not be trained:\n{trained.stderr[-4000:]}")
    root = folder / "my-project"
    root.mkdir()
    if not empty_folder:
        write_project(root)
    (training / "data").rename(root / "data")
    # The project is installed in its environment, as `uv sync` or `pip install --editable .` does when it is made.
    paths = (known.variables.get("PYTHONPATH"), str(root / "src"))
    return replace(known, variables=known.variables | {"PYTHONPATH": os.pathsep.join(filter(None, paths))})


def play_all(
    environment: Environment,
    folder: Path,
    models: tuple[str, ...],
    *,
    quick: bool,
    by_hand: bool = False,
    empty_folder: bool = False,
) -> Iterator[Session]:
    """One session after another, as they end.

    Parameters
    ----------
    by_hand
        With a YAML written by hand, not by ``mlops-assets init``.
    quick, empty_folder
        As for `prepare`.
    """
    known = prepare(environment, folder, models, quick=quick, empty_folder=empty_folder)
    has_init = not by_hand and known.has_command("init")
    for model in models:
        expected = folder / "training" / "expected" / f"{model}.parquet"
        yield play(known, folder / "my-project", expected, model, has_init=has_init)


def table_of(sessions: list[Session]) -> str:
    """What happened, a line for each session."""
    rows = [("model", "commands", "edited", "messages", "seconds", "predictions", "explanations", "")]
    for session in sessions:
        rows.append(
            (
                session.model,
                str(len(session.commands)),
                str(session.edited),
                str(len(session.messages)),
                f"{session.seconds:.0f}",
                "yes" if session.predictions else "NO",
                "yes" if session.explanations else "NO",
                (session.problem or "").partition("\n")[0],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(7)]
    return "\n".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row[:7], widths, strict=True)), row[7])).rstrip()
        for row in rows
    )
