"""One newcomer with one model: what they type, what they read, and where it ends."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from mlops_assets_tests.newcomer.advice import (
    apply_settings,
    messages_of,
    read_advice,
    remove_comment_mark,
    split_command,
)
from mlops_assets_tests.newcomer.environment import Environment
from mlops_assets_tests.newcomer.outcome import explanations_are_there, predictions_are_there
from mlops_assets_tests.newcomer.project import write_yaml_by_hand, yaml_place

MAX_COMMANDS = 6
MAX_EDITED_LINES = 3
# A message whose advice leads to another message is a wall all the same, when it goes on and on.
MAX_LAUNCHES = 4


@dataclass
class Session:
    """What happened.

    Attributes
    ----------
    commands
        What was typed, from ``pip install`` on.
    edited
        Lines of YAML that were edited by hand.
    messages
        What the package said when a run stopped.
    problem
        Why it did not end well; None where it did.
    """

    model: str
    commands: list[str] = field(default_factory=list)
    edited: int = 0
    messages: list[str] = field(default_factory=list)
    seconds: float = 0.0
    predictions: bool = False
    explanations: bool = False
    problem: str | None = None

    @property
    def passed(self) -> bool:
        return self.predictions and self.explanations and self.problem is None


def play(environment: Environment, root: Path, expected: Path, model: str, *, has_init: bool) -> Session:
    """Take a registered model and a table to predictions and explanations, as somebody who reads messages only."""
    session = Session(model, ["pip install mlops-assets", "export MLFLOW_TRACKING_URI=..."])
    begun = time.monotonic()
    _make_yaml(environment, root, session, has_init=has_init)
    if session.problem is None:
        _launch_until_it_works(environment, root, session)
    session.seconds = time.monotonic() - begun
    tables = root / "tables" / model
    session.predictions = predictions_are_there(tables, expected)
    session.explanations = session.predictions and explanations_are_there(tables, expected)
    session.problem = session.problem or _judge(session)
    return session


def _make_yaml(environment: Environment, root: Path, session: Session, *, has_init: bool) -> None:
    model = session.model
    if not has_init:
        session.edited += write_yaml_by_hand(root, model)
        return
    command = ["mlops-assets", "init", "--model", model, "--inputs", f"data/{model}.parquet", "--row-key", "id"]
    session.commands.append(" ".join(command))
    done = environment.run(root, *command)
    if done.returncode:
        session.problem = f"init: {done.stdout[-300:]}{done.stderr[-600:]}"
        return
    if not yaml_place(root, model).exists():
        session.problem = f"init wrote no {yaml_place(root, model).relative_to(root)}: {done.stdout[-600:]}"
        return
    # What init says cannot work is a message like any other.
    for line in done.stdout.splitlines():
        if edited := remove_comment_mark(line, root):
            session.messages.append(line.strip())
            session.edited += edited
        elif "red" in line.lower() and (advice := read_advice(line)):
            session.messages.append(line.strip())
            session.edited += apply_settings(yaml_place(root, model), advice.settings)


def _launch_until_it_works(environment: Environment, root: Path, session: Session) -> None:
    launch = ["dg", "launch", "--job", f"{session.model}_explanations_job"]
    for _ in range(MAX_LAUNCHES):
        session.commands.append(" ".join(launch))
        done = environment.run(root, *launch)
        if done.returncode == 0:
            return
        messages = messages_of(done.stdout + done.stderr)
        if not messages:
            session.problem = f"no message of the package in what was printed:\n{(done.stdout + done.stderr)[-1500:]}"
            return
        session.messages += messages
        advice = next((advice for message in messages if (advice := read_advice(message))), None)
        if advice is None:
            session.problem = "the message gives no advice that can be followed to the letter"
            return
        for command in advice.commands:
            session.commands.append(command)
            environment.run(root, *split_command(command))
        lines = apply_settings(yaml_place(root, session.model), advice.settings)
        session.edited += lines
        if not lines and not advice.commands:
            session.problem = "the advice was followed already, and the message is the same"
            return
    session.problem = f"{MAX_LAUNCHES} launches were not enough"


def _judge(session: Session) -> str | None:
    if not session.predictions:
        return "the published predictions are not the model's own"
    if not session.explanations:
        return "explanations are missing, or do not add up"
    if len(session.commands) > MAX_COMMANDS:
        return f"{len(session.commands)} commands; {MAX_COMMANDS} are allowed"
    if session.edited > MAX_EDITED_LINES:
        return f"{session.edited} lines were edited; {MAX_EDITED_LINES} are allowed"
    return None
