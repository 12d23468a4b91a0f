"""Mutated native model files: what our readers accept must neither kill nor occupy the library, and answer the same.

    python -m mlops_assets_tests.fuzz.native --files 20000 --seed 1 [--format lightgbm] [--keep FOLDER]

Prints, for each format, how many files were accepted, refused and found harmful. The same seed makes the same files.
"""

import argparse
import os
import pickle
import random
import re
import select
import subprocess
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.engines.worker import write_frame
from mlops_assets.trees.files.catboost_cbm import CatboostModel
from mlops_assets.trees.files.check import NativeFileError, NativeModel, check_native_bytes
from mlops_assets.trees.files.lightgbm_text import LightgbmModel
from mlops_assets.trees.files.xgboost_model import XgboostModel
from mlops_assets_tests.fuzz.mutations import MUTATIONS
from mlops_assets_tests.fuzz.native_answers import answer_catboost, answer_lightgbm, answer_onnx, answer_xgboost
from mlops_assets_tests.fuzz.native_seeds import SEEDS, rows_to_ask

# Processor time of one file: in the reader, and in the library. The wall clock says nothing on a busy machine.
LONGEST_SECONDS = 1.0
_LONGEST_SILENCE = 120
_PIPE = 60_000
_DIGITS = re.compile(r"\d+")


@dataclass
class Outcome:
    """What happened to the files of one format.

    Attributes
    ----------
    counts
        accepted, refused, raised (the library refuses what we accept), compared.
    reasons
        Why files were refused.
    faults
        What must not happen: seed of the file, and what happened.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Accepted:
    """A file that our reader accepts: its number (-1 for one that was not mutated), and the checked arrays."""

    number: int
    data: bytes
    model: NativeModel


class _EndedError(Exception):
    """The process ended, or does not answer."""


class Library:
    """A process with a library, started anew after each death. It works while the next files are made and read.

    Attributes
    ----------
    installed
        Whether the library is there.
    waiting
        What was sent and is not answered yet, in order.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        # ONNX Runtime is not among what the tests install: then only the reader is tried.
        self.installed = form != "onnx" or find_spec("onnxruntime") is not None
        self.waiting: deque[Accepted] = deque()
        self._replies = bytearray()
        self._child: subprocess.Popen[bytes] | None = None

    def takes(self, data: bytes) -> bool:
        """Whether a file can be sent before what waits is answered: as much as a pipe holds, or nothing would end a
        process that hangs.
        """
        return not self.waiting or sum(len(each.data) for each in self.waiting) + len(data) < _PIPE

    def send(self, accepted: Accepted) -> None:
        """Have a file tried."""
        self.waiting.append(accepted)
        self._write(accepted.data)

    def receive(self) -> tuple[Accepted, tuple[Any, str, float] | str]:
        """The file that waits longest, with answers (None where it raised), the error, and the processor's seconds; or
        how the process ended.
        """
        accepted = self.waiting.popleft()
        try:
            answers: tuple[Any, str, float] = pickle.loads(self._read_reply())
        except _EndedError as error:
            self._close()
            # What was sent behind it is tried by the next process.
            for each in self.waiting:
                self._write(each.data)
            return accepted, str(error)
        return accepted, answers

    def ask(self, accepted: Accepted) -> tuple[Any, str, float] | str:
        """As `receive`, of one file while none waits."""
        self.send(accepted)
        return self.receive()[1]

    def _read_reply(self) -> bytes:
        # By hand: `select` does not see what a buffered stream has read ahead.
        assert self._child is not None
        assert self._child.stdout is not None
        pipe = self._child.stdout.fileno()
        while (end := 8 + int.from_bytes(self._replies[:8], "little")) > len(self._replies) or len(self._replies) < 8:
            if not select.select([pipe], [], [], _LONGEST_SILENCE)[0]:
                raise _EndedError(f"no answer within {_LONGEST_SILENCE} seconds")
            piece = os.read(pipe, 1 << 16)
            if not piece:
                raise _EndedError(f"the process ended with {self._child.wait()}")
            self._replies += piece
        reply = bytes(self._replies[8:end])
        del self._replies[:end]
        return reply

    def _write(self, data: bytes) -> None:
        child = self._child = self._child or self._start()
        assert child.stdin is not None
        # A process that has died is noticed by what is not answered.
        with suppress(BrokenPipeError):
            write_frame(child.stdin, data)  # type: ignore[arg-type]  # a buffered stream

    def _start(self) -> "subprocess.Popen[bytes]":
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "mlops_assets_tests.fuzz.native_worker", self._form],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def close(self) -> None:
        """End the process."""
        self.waiting.clear()
        self._close()

    def _close(self) -> None:
        if self._child is not None:
            self._child.kill()
            with suppress(BrokenPipeError):
                self._child.communicate()
            self._child = None
            self._replies.clear()


def make_file(form: str, seed: int, number: int) -> bytes:
    """File `number` of a run."""
    chance = random.Random(f"{form} {seed} {number}")
    seeds = SEEDS[form]()
    others = (*seeds, *SEEDS["xgboost-json"]()) if form == "xgboost-ubjson" else seeds
    return MUTATIONS[form](chance, chance.choice(seeds), others)


def fuzz(form: str, files: int, seed: int, keep: Path | None = None) -> Outcome:
    """Mutate `files` files of a format, read each, and give the library what is accepted."""
    outcome, library = Outcome(), Library(form)
    slow: list[Accepted] = []
    seeds = SEEDS[form]()

    def receive() -> None:
        accepted, answer = library.receive()
        _judge(accepted, answer, outcome, slow)

    try:
        for number in range(-len(seeds), files):
            data = seeds[number] if number < 0 else make_file(form, seed, number)
            accepted = _read(form, data, number, outcome)
            if accepted is None or not library.installed:
                continue
            while not library.takes(data):
                receive()
            library.send(accepted)
        while library.waiting:
            receive()
        for accepted in slow:
            # The first file of a process pays the import.
            answer = library.ask(accepted)
            if isinstance(answer, str) or answer[2] > LONGEST_SECONDS:
                outcome.faults.append((accepted.number, f"the library took more than {LONGEST_SECONDS} s"))
    finally:
        library.close()
    if outcome.counts["accepted unchanged"] != len(seeds):
        outcome.faults.append((-1, f"a model that was not mutated is refused: {outcome.reasons}"))
    if keep is not None:
        for number in sorted({number for number, _ in outcome.faults if number >= 0}):
            (keep / f"{form}-{seed}-{number}").write_bytes(make_file(form, seed, number))
    return outcome


def _read(form: str, data: bytes, number: int, outcome: Outcome) -> Accepted | None:
    start = time.process_time()
    try:
        accepted = Accepted(number, data, check_native_bytes(form.partition("-")[0], data))
        outcome.counts["accepted" if number >= 0 else "accepted unchanged"] += 1
    except NativeFileError as error:
        accepted = None
        outcome.counts["refused"] += 1
        outcome.reasons[_DIGITS.sub("", str(error))[:80]] += 1
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of the reader
        accepted = None
        outcome.faults.append((number, f"the reader raised {type(error).__name__}: {error}"))
    if time.process_time() - start > LONGEST_SECONDS:
        outcome.faults.append((number, "the reader took more than a second"))
    return accepted


def _judge(accepted: Accepted, answer: tuple[Any, str, float] | str, outcome: Outcome, slow: list[Accepted]) -> None:
    if isinstance(answer, str):
        outcome.faults.append((accepted.number, answer))
        return
    answers, refusal, seconds = answer
    if seconds > LONGEST_SECONDS:
        slow.append(accepted)
    if answers is None:
        outcome.counts["raised"] += 1
        outcome.reasons[f"RAISED {refusal[:100]}"] += 1
    elif not _agree(accepted.model, answers, outcome):
        outcome.faults.append((accepted.number, "the library answers otherwise than the arrays that were checked"))


def _agree(model: NativeModel, answers: Any, outcome: Outcome) -> bool:
    rows = rows_to_ask()
    with np.errstate(all="ignore"):
        if isinstance(model, LightgbmModel):
            known = answer_lightgbm(model, rows) if len(model.feature_names) == rows.shape[1] else None
            exact = 1e-12
        elif isinstance(model, XgboostModel):
            known, exact = answer_xgboost(model, rows) if model.columns == rows.shape[1] else None, 3e-6
        elif isinstance(model, CatboostModel):
            inside = model.features.columns.max(initial=0) < rows.shape[1]
            known, exact = answer_catboost(model, rows) if inside else None, 1e-12
        else:
            # Of classes the library's first output is labels, whose order is its own affair.
            plain = model.aggregate == b"SUM" and model.transform == b"NONE" and model.columns == rows.shape[1]
            known, exact = answer_onnx(model, rows) if plain else None, 3e-6
            if known is not None and known[0].shape != answers.shape:
                return True
        if known is None:
            return True
        expected, size = known
        outcome.counts["compared"] += 1
        # Sums beyond what the library's numbers hold are compared by nobody.
        far = ~(size < (1e37 if exact > 1e-9 else 1e300))
        near = np.abs(answers - expected) <= exact * size + 1e-9
        return bool(answers.shape == expected.shape and (near | far).all())


def main() -> int:
    """Fuzz the formats that are asked for; 1 where something happened that must not."""
    parser = argparse.ArgumentParser(prog="python -m mlops_assets_tests.fuzz.native", description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="files of each format")
    parser.add_argument("--seed", type=int, default=0, help="which files")
    parser.add_argument("--format", choices=sorted(SEEDS), action="append", help="all of them where none is given")
    parser.add_argument("--keep", type=Path, help="a folder for the files that did harm")
    parser.add_argument("--reasons", action="store_true", help="show why files were refused")
    chosen = parser.parse_args()
    harm = 0
    for form in chosen.format or sorted(SEEDS):
        start = time.process_time()
        outcome = fuzz(form, chosen.files, chosen.seed, chosen.keep)
        print(f"{form}: {dict(outcome.counts)}, {len(outcome.faults)} faults, {time.process_time() - start:.0f} s")
        for number, fault in outcome.faults[:20]:
            print(f"  file {number}: {fault}")
        if chosen.reasons:
            for reason, count in outcome.reasons.most_common(40):
                print(f"  {count:6} {reason}")
        harm += len(outcome.faults)
    return 1 if harm else 0


if __name__ == "__main__":
    sys.exit(main())
