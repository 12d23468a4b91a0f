"""Metrics of all versions, partitions and segments, and the last version against the one before on the same rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlops_assets.performance.intervals import Difference, Interval, difference_of, interval_of
from mlops_assets.performance.match import Matches
from mlops_assets.performance.measures import (
    Measure,
    in_order,
    measure_class_scores,
    measure_classes,
    measure_decisions,
    measure_regression,
    measure_scores,
)
from mlops_assets.performance.outcomes import Outcomes
from mlops_assets.performance.problem import Problem
from mlops_assets.performance.version_rows import VersionRows, label_codes, rows_of_version

MOST_SEGMENTS = 50
"""Values of a segment column that are shown: those with most rows."""


@dataclass(frozen=True)
class Group:
    """The rows of one version that a metric is of.

    Attributes
    ----------
    partition, segment, segment_value
        None: all of them.
    """

    version: int
    partition: str | None = None
    segment: str | None = None
    segment_value: str | None = None


@dataclass(frozen=True)
class Result:
    """A metric of a group, or how it differs from that of another version.

    Attributes
    ----------
    compared_with
        The other version; None: the value is the group's own.
    paired
        Both versions were measured on the same rows.
    """

    group: Group
    metric: str
    value: float | None
    interval: Interval
    rows: int
    compared_with: int | None = None
    paired: bool | None = None


@dataclass(frozen=True)
class Evaluation:
    """What is known of how right the predictions were.

    Attributes
    ----------
    version, before
        The last published version that has outcomes, and the one before; None where there is none.
    candidate
        The version of a candidate that has outcomes; None where there is none.
    versions
        All with outcomes, by their last publication; the candidate's last.
    left_out_segments
        Column -> how many of its values are not shown.
    """

    problem: Problem
    version: int | None
    before: int | None
    candidate: int | None
    versions: tuple[VersionRows, ...]
    results: tuple[Result, ...]
    left_out_segments: dict[str, int]

    def overall(self, version: int | None) -> dict[str, Result]:
        """The metrics of all rows of a version, by name."""
        group = None if version is None else Group(version)
        return {each.metric: each for each in self.results if each.group == group and each.compared_with is None}

    def differences(self, version: int | None) -> dict[str, Result]:
        """How the metrics of all rows of a version differ from those of the version that it is compared with."""
        group = None if version is None else Group(version)
        return {each.metric: each for each in self.results if each.group == group and each.compared_with is not None}


def evaluate(matches: Matches, outcomes: Outcomes, problem: Problem, min_rows: int) -> Evaluation:
    """All metrics of all groups.

    The result follows from the rows alone, not from their order. Versions are compared on the rows that both predicted
    where these are at least `min_rows`, else on all rows of each.
    """
    partitions = sorted({each.partition or "" for each in matches.scores})
    own, tried = (_by_publication(matches, candidate=candidate) for candidate in (False, True))
    candidate = tried[-1] if tried else None
    recode = label_codes(matches.labels, matches.scores) if problem.compares_labels else None
    versions = [
        rows_of_version(
            [each for each in matches.scores if each.version == version and each.candidate == (version == candidate)],
            outcomes,
            partitions,
            recode,
        )
        for version in [*own, *([] if candidate is None else [candidate])]
    ]
    shown, left_out = _shown_segments(versions, matches)
    results: list[Result] = []
    for rows in versions:
        for group, part in _groups(rows, partitions, shown):
            results += [_own(group, measure, len(part.outcomes)) for measure in measure_rows(part, problem)]
    by_version = {rows.version: rows for rows in versions}
    # The last version with the one before, and a candidate with the last one.
    pairs = [*([(own[-1], own[-2])] if len(own) > 1 else []), *([(candidate, own[-1])] if candidate and own else [])]
    for one, other in pairs:
        results += list(_compare(by_version[one], by_version[other], problem, shown, min_rows))
    return Evaluation(
        problem,
        own[-1] if own else None,
        own[-2] if len(own) > 1 else None,
        candidate,
        tuple(versions),
        tuple(results),
        left_out,
    )


def _by_publication(matches: Matches, *, candidate: bool) -> list[int]:
    """Versions with outcomes, by their last publication."""
    last: dict[int, int] = {}
    for each in matches.scores:
        if len(each.rows) and each.candidate == candidate:
            last[each.version] = max(last.get(each.version, 0), each.number)
    return sorted(last, key=lambda version: (last[version], version))


def measure_rows(rows: VersionRows, problem: Problem) -> list[Measure]:
    """All metrics that the problem has, in their order."""
    if problem.task == "regression":
        return measure_regression(rows.outcomes.astype(np.float64), rows.predictions[:, 0])
    outcomes = rows.outcomes.astype(np.int64)
    if problem.task == "binary":
        positive = outcomes == 1
        if problem.answer == "label":
            return measure_decisions(positive, rows.predictions[:, 0] == 1)
        scores = rows.predictions[:, 0]
        decisions = measure_decisions(positive, scores >= problem.threshold) if problem.threshold is not None else []
        return in_order([*measure_scores(positive, scores), *decisions])
    if problem.answer == "label":
        return measure_classes(outcomes, rows.predictions[:, 0].astype(np.int64))
    predicted = rows.predictions.argmax(axis=1)
    return in_order([*measure_classes(outcomes, predicted), *measure_class_scores(outcomes, rows.predictions)])


def compare_rows(one: VersionRows, other: VersionRows, problem: Problem, min_rows: int) -> list[Difference]:
    """`one` minus `other`, on the rows that both have where these are enough, else on all of each."""
    _, mine, theirs = np.intersect1d(one.identity, other.identity, assume_unique=True, return_indices=True)
    paired = len(mine) >= max(min_rows, 2)
    if paired:
        one, other = one.only(mine), other.only(theirs)
    before = {measure.name: measure for measure in measure_rows(other, problem)}
    differences = (difference_of(each, before[each.name], paired=paired) for each in measure_rows(one, problem))
    return [each for each in differences if each is not None]


def _compare(
    one: VersionRows, other: VersionRows, problem: Problem, shown: dict[str, dict[str, int]], min_rows: int
) -> Iterator[Result]:
    for group, part in _groups(one, [], shown):
        if group.segment is None:
            theirs = other
        else:
            theirs = other.only(other.segments[group.segment] == shown[group.segment][str(group.segment_value)])
        if len(part.identity) and len(theirs.identity):
            for each in compare_rows(part, theirs, problem, min_rows):
                yield Result(group, each.name, each.value, each.interval, each.rows, other.version, each.paired)


def _own(group: Group, measure: Measure, rows: int) -> Result:
    return Result(group, measure.name, measure.value, interval_of(measure), rows)


def _groups(
    rows: VersionRows, partitions: Sequence[str], shown: dict[str, dict[str, int]]
) -> Iterator[tuple[Group, VersionRows]]:
    version = rows.version
    yield Group(version), rows
    for place, partition in enumerate(partitions):
        if partition and (of_partition := rows.partitions == place).any():
            yield Group(version, partition), rows.only(of_partition)
    for name, values in shown.items():
        for value, code in values.items():
            if (of_segment := rows.segments[name] == code).any():
                yield Group(version, None, name, value), rows.only(of_segment)


def _shown_segments(
    versions: Sequence[VersionRows], matches: Matches
) -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    """Of each column the values with most rows, and how many others there are."""
    shown, left_out = {}, {}
    for name, words in matches.segments.items():
        counts = np.zeros(len(words.texts), np.int64)
        for rows in versions:
            counts += np.bincount(rows.segments[name], minlength=len(counts))
        present = sorted((place for place in np.flatnonzero(counts)), key=lambda at: (-counts[at], words.texts[at]))
        shown[name] = {words.texts[place]: int(place) for place in present[:MOST_SEGMENTS]}
        left_out[name] = max(len(present) - MOST_SEGMENTS, 0)
    return shown, left_out
