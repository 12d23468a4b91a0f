"""Mutated native model files: what our readers accept must neither kill nor occupy the library, and answer the same.

    python -m mlops_assets_tests.fuzz.native --files 20000 --seed 1 [--format lightgbm] [--keep FOLDER]

Prints, for each format, how many files were accepted, refused and found harmful. The same seed makes the same files.
"""

import argparse
import os
import pickle
import random
import select
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mlops_assets.engines.worker import read_frame, write_frame
from mlops_assets.trees.files.catboost_cbm import CatboostModel
from mlops_assets.trees.files.check import NativeFileError, NativeModel, check_native_bytes
from mlops_assets.trees.files.lightgbm_text import LightgbmModel
from mlops_assets.trees.files.xgboost_model import XgboostModel
from mlops_assets_tests.fuzz.mutations import MUTATIONS
from mlops_assets_tests.fuzz.native_answers import answer_catboost, answer_lightgbm, answer_xgboost
from mlops_assets_tests.fuzz.native_seeds import SEEDS, rows_to_ask

# Processor time of one file: in the reader, and in the library. The wall clock says nothing on a busy machine.
LONGEST_SECONDS = 1.0
_LONGEST_SILENCE = 120


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


class Library:
    """A process with a format's library, started anew after each death.

    Attributes
    ----------
    installed
        Whether the library is there.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        # ONNX Runtime is not among what the tests install: then only the reader is tried.
        self.installed = form != "onnx" or find_spec("onnxruntime") is not None
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, data: bytes) -> tuple[Any, str, float] | str:
        """Answers (None where it raised), the error, and the processor's seconds; or how the process ended."""
        child = self._child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            write_frame(child.stdin, data)  # type: ignore[arg-type]  # a buffered stream
            if not select.select([child.stdout], [], [], _LONGEST_SILENCE)[0]:
                self.close()
                return f"no answer within {_LONGEST_SILENCE} seconds"
            reply = read_frame(child.stdout)  # type: ignore[arg-type]
        except BrokenPipeError:
            reply = None
        if reply is None:
            status = child.wait()
            self._child = None
            return f"the process ended with {status}"
        answers: tuple[Any, str, float] = pickle.loads(reply)
        return answers

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
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


def make_file(form: str, seed: int, number: int) -> bytes:
    """File `number` of a run."""
    chance = random.Random(f"{form} {seed} {number}")
    seeds = SEEDS[form]()
    others = (*seeds, *SEEDS["xgboost-json"]()) if form == "xgboost-ubjson" else seeds
    return MUTATIONS[form](chance, chance.choice(seeds), others)


def fuzz(form: str, files: int, seed: int, keep: Path | None = None) -> Outcome:
    """Mutate `files` files of a format, read each, and give the library what is accepted."""
    outcome, library = Outcome(), Library(form)
    try:
        for data in SEEDS[form]():
            _try(form, data, -1, library, outcome)
        if outcome.counts["accepted"] != len(SEEDS[form]()):
            outcome.faults.append((-1, f"a model that was not mutated is refused: {outcome.reasons}"))
        for number in range(files):
            data = make_file(form, seed, number)
            before = len(outcome.faults)
            _try(form, data, number, library, outcome)
            if keep is not None and len(outcome.faults) > before:
                (keep / f"{form}-{seed}-{number}").write_bytes(data)
    finally:
        library.close()
    return outcome


def _try(form: str, data: bytes, number: int, library: Library, outcome: Outcome) -> None:
    start = time.process_time()
    try:
        model = check_native_bytes(form.partition("-")[0], data)
    except NativeFileError as error:
        outcome.counts["refused"] += 1
        outcome.reasons["".join(each for each in str(error) if not each.isdigit())[:80]] += 1
        model = None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault of the reader
        outcome.faults.append((number, f"the reader raised {type(error).__name__}: {error}"))
        return
    if time.process_time() - start > LONGEST_SECONDS:
        outcome.faults.append((number, "the reader took more than a second"))
    if model is None:
        return
    outcome.counts["accepted"] += 1
    if not library.installed:
        return
    said = library.ask(data)
    if isinstance(said, str):
        outcome.faults.append((number, said))
        return
    answers, refusal, seconds = said
    if seconds > LONGEST_SECONDS:
        # The first file of a process pays the import.
        again = library.ask(data)
        if isinstance(again, str) or again[2] > LONGEST_SECONDS:
            outcome.faults.append((number, f"the library took {seconds:.1f} s"))
    if answers is None:
        outcome.counts["raised"] += 1
        outcome.reasons[f"RAISED {refusal[:100]}"] += 1
    elif not _agree(model, answers, outcome):
        outcome.faults.append((number, "the library answers otherwise than the arrays that were checked"))


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
