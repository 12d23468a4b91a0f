"""Whether those who run tasks see the places that the tasks name: a laptop's disk is not there on a cluster."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, cast

import pyarrow.fs as arrow_fs

from mlops_assets.engines.tasks import Task, TaskEnd
from mlops_assets.errors import MlopsAssetsError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.location import Location

_PROBES = 16
"""An engine spreads tasks over its workers: with so many, most machines are asked."""

_NAME, _ABANDONED = "reach", timedelta(hours=1)

Sighting = tuple[arrow_fs.FileType, int]
RunProbes = Callable[[Sequence["Probe"]], Iterator[TaskEnd[str | None]]]


@dataclass(frozen=True)
class Probe(Task[str | None]):
    """Looks at places and reports the first that is not as it should be, in words; None: all are.

    Attributes
    ----------
    read
        Places, and what the asking process sees there.
    write
        Files that the asking process has written, each with its content; a file is written beside it and removed.
    """

    doing: ClassVar[str] = "looking for the tables"

    read: tuple[tuple[Location, arrow_fs.FileType, int], ...]
    write: tuple[tuple[Location, bytes], ...]

    def run(self) -> str | None:
        for place, kind, size in self.read:
            with _Problem(place) as problem:
                if _look(place) != (kind, size):
                    problem.text = "it is not there, or is another one"
            if problem.text:
                return str(problem)
        for mark, content in self.write:
            with _Problem(mark.sibling("")) as problem:
                if mark.read_bytes() != content:
                    problem.text = "it is another folder"
                answer = mark.sibling(_mark_name())
                answer.write_bytes_atomically(content)
                answer.remove()
            if problem.text:
                return str(problem)
        return None


@dataclass
class _Problem:
    """Why a place cannot be used here, if it cannot; an error inside the block is such a reason."""

    place: Location
    text: str = ""

    def __enter__(self) -> "_Problem":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, MlopsAssetsError | OSError):
            return False
        self.text = str(redact_chain(error)).rstrip(".")
        return True

    def __str__(self) -> str:
        return f"A worker ({socket.gethostname()}, process {os.getpid()}) cannot use {self.place.uri}: {self.text}."


def find_unreachable(run: RunProbes, read: Sequence[Location], write: Sequence[Location]) -> str | None:
    """What a worker says of the first place that it cannot use, as one sentence; None: all can use all.

    Parameters
    ----------
    run
        `Engine.run_tasks`.
    read, write
        As of `Engine.reaches`.
    """
    marks = [(folder.child(_mark_name()), secrets.token_bytes(16)) for folder in write]
    try:
        for mark, content in marks:
            mark.write_bytes_atomically(content)
        probe = Probe(tuple((place, *_look(place)) for place in read), tuple(marks))
        # A generator, whose type does not say that it can be closed.
        with closing(cast(Any, run([probe] * _PROBES))) as ends:
            return next((end.report for end in ends if end.report is not None), None)
    finally:
        for mark, _ in marks:
            mark.remove()
            mark.sibling(_NAME).sweep(_ABANDONED)


def _mark_name() -> str:
    """That of a draft of `_NAME`: what a killed process leaves is found by `Location.sweep`."""
    return f".{_NAME}.{secrets.token_hex(8)}.tmp"


def _look(place: Location) -> Sighting:
    kind = place.kind()
    return kind, place.size() if kind == arrow_fs.FileType.File else 0
