"""Is the model still good enough: against a floor, and against the version before?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_assets.performance.metrics import MAIN, METRICS, Task
from mlops_assets.performance.tables import PerformanceFacts


@dataclass(frozen=True)
class Verdict:
    """The answer for one metric.

    Attributes
    ----------
    passed
        None: it could not be judged.
    detail
        What was compared, as one sentence without a full stop.
    """

    metric: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Judged:
    """The answers for all metrics that were asked for."""

    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong; what could not be judged counts for nothing."""
        return all(each.passed is not False for each in self.verdicts)

    @property
    def description(self) -> str:
        """What is wrong, else what was compared."""
        wrong = [each.detail for each in self.verdicts if each.passed is False]
        return "; ".join(dict.fromkeys(wrong or [each.detail for each in self.verdicts]))


Row = Mapping[str, Any]


def judge_floor(rows: Iterable[Row], facts: PerformanceFacts, floor: Mapping[str, float], min_rows: int) -> Judged:
    """The last version's metrics against the values that they must reach; errors must not be above theirs.

    Parameters
    ----------
    rows
        Of the table `performance`.
    min_rows
        With fewer rows nothing is judged.
    """
    if facts.version is None:
        return _nothing(floor, "no prediction has an outcome yet")
    own = {row["metric"]: row for row in rows if _is_overall(row, facts.version) and row["compared_with"] is None}
    verdicts = []
    for name, bound in floor.items():
        row = own.get(name)
        if row is None:
            detail = f"{name} is no metric of these {facts.task} predictions, which have {', '.join(own)}"
            verdicts.append(Verdict(name, False, detail))
        elif row["value"] is None or row["rows"] < min_rows:
            few = "it is not defined for these rows" if row["value"] is None else f"{row['rows']} rows are too few"
            verdicts.append(Verdict(name, None, f"{name} was not judged: {few}"))
        else:
            worse = METRICS[name].is_worse(row["value"], bound)
            limit = "at least" if METRICS[name].better == "higher" else "at most"
            verdicts.append(
                Verdict(
                    name,
                    not worse,
                    f"{name} of version {facts.version} is {row['value']:.4g}{_interval(row)} in {row['rows']} rows, "
                    f"and outcomes.floor asks for {limit} {bound:g}",
                )
            )
    return Judged(tuple(verdicts))


def judge_change(rows: Iterable[Row], facts: PerformanceFacts, watch: Sequence[str], min_rows: int) -> Judged:
    """The last version against the one before: is a metric worse by more than chance explains?

    Parameters
    ----------
    watch
        Metrics; empty: the task's main one.
    """
    if facts.version is None or facts.before is None:
        what = "no prediction has an outcome yet" if facts.version is None else "no earlier version has outcomes"
        return _nothing(watch or ("performance",), what)
    overall = [row for row in rows if _is_overall(row, facts.version)]
    names = {row["metric"] for row in overall if row["compared_with"] is None}
    changes = {row["metric"]: row for row in overall if row["compared_with"] is not None}
    task: Task = facts.task  # type: ignore[assignment] # of this table, which says one of them
    asked = watch or next(([name] for name in MAIN[task] if name in names), [])
    verdicts = []
    for name in asked:
        row = changes.get(name)
        if row is None or row["rows"] < min_rows or row["low"] is None:
            if name not in names:
                why = f"it is no metric of these {facts.task} predictions"
            elif row is None:
                why = "it is not defined for these rows of both versions"
            else:
                why = f"fewer than {min_rows} rows have outcomes"
            verdicts.append(Verdict(name, False if name not in names else None, f"{name} was not compared: {why}"))
            continue
        worse = row["high"] < 0 if METRICS[name].better == "higher" else row["low"] > 0
        same = "the same" if row["paired"] else "other"
        verdicts.append(
            Verdict(
                name,
                not worse,
                f"{name} of version {facts.version} differs by {row['value']:+.4g}{_interval(row)} from that of "
                f"version {facts.before}, on {same} {row['rows']} rows"
                + (", which is a fall beyond chance" if worse else ""),
            )
        )
    return Judged(tuple(verdicts))


def _is_overall(row: Row, version: int) -> bool:
    return row["model_version"] == version and row["partition"] is None and row["segment"] is None


def _interval(row: Row) -> str:
    return "" if row["low"] is None else f" (95 %: {row['low']:.4g} to {row['high']:.4g})"


def _nothing(names: Iterable[str], why: str) -> Judged:
    return Judged(tuple(Verdict(name, None, f"Nothing was judged: {why}") for name in names))
