"""Stores that MLflow's clients read, in a process that is ended when a limit is reached.

Run as ``python -m mlops_assets.models.artifact_process``: a JSON object on its standard input says what to do, one on
its standard output how it went. Addresses and credentials are in neither its arguments nor its messages.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mlops_assets.child_process import child_environment
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.artifact_budget import Budget
from mlops_assets.models.registry_limits import DEEPEST

_SECONDS_BETWEEN = 0.25
_LONGEST_TEXT = 20_000
_LARGEST_ANSWER = 2**20
# What MLflow's client imports; without it the process need not start.
_DRIVERS = {"s3": "boto3", "gs": "google.cloud.storage", "wasbs": "azure.storage.blob", "abfss": "azure.storage.blob"}


class StoreError(Exception):
    """What a store's client said, as far as it has to be known: class, text and MLflow's code."""

    error_code: str | None = None


class TooManyFilesError(Exception):
    """In the process: the store lists more than may be fetched."""


def run_store(action: str, address: ArtifactAddress, local: Path, tracking_uri: str, budget: Budget, part: str) -> None:
    """Download into the folder `local`, or upload the file or folder `local`.

    Raises
    ------
    TrustError, RegistryUnreachableError
        A limit was reached.
    ModuleNotFoundError
        The store's client is not installed.
    StoreError
        What it said.
    """
    driver = _DRIVERS.get(address.scheme)
    if driver is not None and find_spec(driver.partition(".")[0]) is None:
        raise ModuleNotFoundError(f"No module named {driver!r}", name=driver)
    question = {
        "action": action,
        "url": address.url,
        "local": str(local.absolute()),
        "part": part,
        "tracking_uri": tracking_uri,
        "most": budget.operation.limits.max_model_files,
        "path": sys.path,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mlops_assets.models.artifact_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=child_environment(),
    )
    try:
        answer = _wait(process, json.dumps(question).encode(), local if action == "download" else None, budget)
    finally:
        process.kill()
        process.wait()
    _raise_error(answer, process.returncode, budget)
    if action == "download":
        _count(local, budget, final=True)


def _wait(process: "subprocess.Popen[bytes]", question: bytes, folder: Path | None, budget: Budget) -> bytes:
    """The process's answer; meanwhile the limits are kept."""
    sent: bytes | None = question
    while True:
        try:
            answer, _ = process.communicate(sent, timeout=_SECONDS_BETWEEN)
        except subprocess.TimeoutExpired:
            sent = None
            budget.operation.deadline.check(budget.operation.doing)
            if folder is not None:
                _count(folder, budget, final=False)
        else:
            return answer[:_LARGEST_ANSWER]


def _count(folder: Path, budget: Budget, *, final: bool) -> None:
    """Measure what is there against the limits."""
    now = Budget(budget.operation, budget.where)  # without its stage, which would see the count start anew
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent) / name
            now.add_entry(path.relative_to(folder).as_posix())
            if name in files:
                try:
                    now.add_bytes(path.lstat().st_size)
                except FileNotFoundError:
                    if final:
                        raise
    if budget.stage is not None:
        budget.stage.reach(now.bytes)


def _raise_error(answer: bytes, status: int, budget: Budget) -> None:
    try:
        said: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise StoreError(f"the process that reads the store ended with status {status}") from None
    if said.get("absent"):
        raise ModuleNotFoundError(f"No module named {said['absent']!r}", name=str(said["absent"]))
    if said.get("too_many"):
        budget.entries = budget.operation.limits.max_model_files
        budget.add_entry("one too many")
    if said.get("error"):
        error = StoreError(str(said["error"]))
        error.error_code = said.get("code")
        raise error


def answer_question(question: dict[str, Any]) -> None:
    """In the process: read or write the store. Raises whatever its client raises."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    store: Any = get_artifact_repository(question["url"], tracking_uri=question["tracking_uri"])
    local, part = Path(question["local"]), question["part"]
    if question["action"] == "upload":
        if local.is_dir():
            store.log_artifacts(str(local), part or None)
        else:
            store.log_artifact(str(local), part or None)
        return
    if part:
        _fetch(store, part, local)
        return
    most, found, waiting = int(question["most"]), 0, [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        for entry in store.list_artifacts(folder or None):
            # A listing may name the folder itself.
            if entry.path in (".", folder):
                continue
            found += 1
            if entry.is_dir and depth < DEEPEST:
                waiting.append((entry.path, depth + 1))
            elif not entry.is_dir:
                _fetch(store, entry.path, local)
            if found > most:
                raise TooManyFilesError
    if not found:
        raise FileNotFoundError("No such artifact: the store lists no files there")


def _fetch(store: Any, path: str, folder: Path) -> None:
    target = (folder / path).resolve()
    if not target.is_relative_to(folder.resolve()):
        raise ValueError("a file's path leads out of the model")
    target.parent.mkdir(parents=True, exist_ok=True)
    # What every repository implements; the public method lists each file as if it were a folder first.
    store._download_file(path, str(target))  # noqa: SLF001


def main() -> None:
    """Answer one question."""
    question = json.loads(sys.stdin.buffer.read())
    # Whatever a client prints is no answer.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as output:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        said: dict[str, Any] = {}
        try:
            answer_question(question)
        except TooManyFilesError:
            said = {"too_many": True}
        except ModuleNotFoundError as error:
            said = {"absent": error.name}
        except Exception as error:  # noqa: BLE001 - clients of stores have errors of their own
            said = {
                "error": f"{type(error).__name__}: {error}"[:_LONGEST_TEXT],
                "code": getattr(error, "error_code", None),
            }
        output.write(json.dumps(said).encode())


if __name__ == "__main__":
    main()
