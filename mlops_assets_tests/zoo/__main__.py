"""``python -m mlops_assets_tests.zoo [TEXT ...]``: play the cases whose name holds a text, and print one table.

Exit 1 when one of them is not as expected. ``--page`` writes the table of docs/explain.md instead.
"""

import argparse
import logging
import sys
import tempfile
import traceback
from pathlib import Path

from mlops_assets_tests.zoo.cases import all_cases
from mlops_assets_tests.zoo.page import write_page
from mlops_assets_tests.zoo.play import Result, play


def main() -> int:
    """Play, print, and say what is not as expected."""
    parser = argparse.ArgumentParser(prog="python -m mlops_assets_tests.zoo", description=__doc__)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="part of a case's name or library (default: all)")
    parser.add_argument("--page", action="store_true", help="write the table of docs/explain.md; play nothing")
    chosen = parser.parse_args()
    if chosen.page:
        write_page(all_cases())
        return 0
    texts = chosen.texts
    import mlflow  # sets the level of its loggers when it is imported

    logging.getLogger(mlflow.__name__).setLevel(logging.ERROR)
    cases = [case for case in all_cases() if not texts or any(text in f"{case.library} {case.name}" for text in texts)]
    results = []
    width = max((len(case.name) for case in cases), default=0)
    for case in cases:
        with tempfile.TemporaryDirectory(prefix="zoo") as folder:
            try:
                result = play(case, Path(folder).resolve())
            except Exception as error:  # noqa: BLE001 - whatever a case raises, the others are played
                result = Result(case, problem=f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        results.append(result)
        print(row_of(result, width), flush=True)
    failed = [result for result in results if result.problem]
    counts = {
        outcome: sum(result.outcome == outcome for result in results) for outcome in ("exact", "sampled", "refused")
    }
    print(f"\n{len(results)} cases: {', '.join(f'{count} {outcome}' for outcome, count in counts.items())}")
    for result in failed:
        print(f"NOT AS EXPECTED {result.case.name}: {result.problem}\n    reason: {result.reason}")
    return 1 if failed else 0


def row_of(result: Result, width: int) -> str:
    """A case as one line."""
    gaps = ", ".join(f"{name} {gap:.0e}" for name, gap in result.gaps.items())
    if result.outcome != "exact":
        gaps = f"{result.case.reason}; {gaps}" if result.case.reason else gaps
    mark = "!!" if result.problem else "ok"
    case = result.case
    how = f"{result.explainer} in {result.space}" if result.explainer else ""
    return f"{mark} {case.library:13} {case.name:{width}} {result.outcome:8} {how:40} {gaps}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
