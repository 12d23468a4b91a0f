"""`python -m mlops_assets_tests.simulation --histories 1000 --seed 1`: random histories, one after the other."""

import argparse
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence

from mlops_assets_tests.simulation.events import parse_history
from mlops_assets_tests.simulation.history import Event, Outcome, make_history, make_stage, play, shorten
from mlops_assets_tests.simulation.world import Stage, silence


def attempt(events: list[Event], stage: Stage) -> Outcome:
    """The outcome; an error of the simulator's own counts as a violation, so that it is shortened as well."""
    try:
        return play(events, stage)
    except Exception as error:  # noqa: BLE001
        text = traceback.format_exc()
        return Outcome((f"{type(error).__name__}: {error}",), (text,))


def describe_failure(seed: int, events: list[Event], outcome: Outcome, stage: Stage) -> str:
    """What failed, the shortest part of the history that fails in the same way, and what happens in that."""
    kind = outcome.violations[0].split(":")[0][:40]

    def fails(part: Sequence[Event]) -> bool:
        return any(each.startswith(kind) for each in attempt(list(part), stage).violations)

    short = shorten(events, fails)
    outcome = attempt(short, stage)
    lines = [f"seed {seed} fails: {', '.join(outcome.violations)}", f"shortened: {'  '.join(map(str, short))}"]
    return "\n".join(["", *lines, *(f"    {line}" for line in outcome.log)])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mlops_assets_tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the first history")
    parser.add_argument("--length", type=int, default=12, help="events in each")
    parser.add_argument("--events", help="play these alone, as they are printed where a history fails")
    parser.add_argument("--log", action="store_true", help="print what happened in each")
    parser.add_argument("--keep-going", action="store_true", help="also after a history that fails")
    arguments = parser.parse_args()
    silence()
    stage, failed, ends = make_stage(), 0, Counter[str]()
    if arguments.events:
        outcome = attempt(parse_history(arguments.events), stage)
        print(*outcome.log, sep="\n")
        return 0 if outcome.holds else 1
    began, worked = time.monotonic(), time.process_time()
    for seed in range(arguments.seed, arguments.seed + arguments.histories):
        events = make_history(seed, arguments.length)
        outcome = attempt(events, stage)
        if arguments.log:
            print(*outcome.log, sep="\n")
        ends[outcome.end] += 1
        if sum(ends.values()) % 25 == 0:
            print(f"{sum(ends.values())} histories", file=sys.stderr, flush=True)
        if outcome.holds:
            continue
        failed += 1
        print(describe_failure(seed, events, outcome, stage), flush=True)
        if not arguments.keep_going:
            break
    seconds, worked = time.monotonic() - began, time.process_time() - worked
    done = seed - arguments.seed + 1
    print(f"{done} histories in {seconds:.0f} s ({worked / done:.2f} s of a processor each), {failed} failed")
    print(", ".join(f"{count} {end or 'failed'}" for end, count in ends.most_common()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
