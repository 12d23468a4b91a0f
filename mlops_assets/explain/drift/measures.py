"""How much columns have changed: all pairs of columns in one go."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from mlops_assets.explain.drift.aligned_buckets import AlignedBuckets, align_buckets
from mlops_assets.explain.drift.buckets import midpoints
from mlops_assets.explain.drift.column_profile import ColumnProfile, difference_of_means
from mlops_assets.explain.drift.distances import (
    jensen_shannon_distance,
    population_stability_index,
    wasserstein_distances,
)
from mlops_assets.explain.drift.significance import category_p_value, either, ordered_p_value, share_p_value

Pair = tuple[ColumnProfile, ColumnProfile]
"""A column of a run, and of the reference."""
Measures = dict[str, Any]
"""Fields of a `DriftRow`."""
MOST_UNSEEN = 5


def measure_columns(pairs: Sequence[Pair]) -> list[Measures]:
    """The measures of each pair, as fields of a `DriftRow`."""
    p_values: list[list[float]] = []
    measures: list[Measures] = []
    alike: dict[str, list[int]] = {"number": [], "category": []}
    for place, (column, before) in enumerate(pairs):
        missing, earlier = _missing(column), _missing(before)
        p_values.append([share_p_value(missing, column.rows, earlier, before.rows)] if missing or earlier else [])
        found: Measures = {
            "reference_rows": before.rows,
            "reference_mean": before.mean,
            "reference_missing_share": before.missing_share,
        }
        if column.kind != before.kind:
            found["note"] = "the type has changed"
        elif column.kind == "other":
            found["note"] = "values of this type are not compared"
        elif not column.known or not before.known:
            found["note"] = "one side has no values"
        else:
            alike[column.kind].append(place)
        measures.append(found)
    for places, measure in ((alike["number"], _measure_numbers), (alike["category"], _measure_categories)):
        of_kind = [pairs[place] for place in places]
        if of_kind:
            aligned = align_buckets([(column.buckets, before.buckets) for column, before in of_kind])
            for place, (p_value, found) in zip(places, measure(of_kind, aligned), strict=True):
                p_values[place].append(p_value)
                measures[place] |= found
    for found, of_pair in zip(measures, p_values, strict=True):
        found["p_value"] = either(of_pair)
    return measures


def _missing(column: ColumnProfile) -> int:
    return column.missing + column.not_finite


def _measure_numbers(pairs: Sequence[Pair], aligned: AlignedBuckets) -> Iterator[tuple[float, Measures]]:
    """p-value and measures of each pair of columns of numbers."""
    gaps = aligned.up_to / aligned.each([column.known for column, _ in pairs])
    gaps -= aligned.others_up_to / aligned.each([before.known for _, before in pairs])
    np.abs(gaps, out=gaps)
    largest = np.maximum.reduceat(gaps, (0, *aligned.ends[:-1])).tolist()
    shifts = [buckets.shift for buckets, _ in aligned.pairs]
    values = midpoints(aligned.places, shifts[0] if len(set(shifts)) == 1 else aligned.each(shifts))
    distances = wasserstein_distances(gaps, values, aligned.slices)
    for (column, before), (one, other), gap, distance in zip(pairs, aligned.pairs, largest, distances, strict=True):
        cells = [*one.count_between(other.tenths), _missing(column)], [*other.by_tenths, _missing(before)]
        yield (
            ordered_p_value(gap, column.known, before.known),
            {
                "mean_change": difference_of_means(column.total, column.known, before.total, before.known),
                "wasserstein": distance,
                "psi": population_stability_index(*cells),
                "jensen_shannon": jensen_shannon_distance(*cells),
            },
        )


def _measure_categories(pairs: Sequence[Pair], aligned: AlignedBuckets) -> Iterator[tuple[float, Measures]]:
    """p-value and measures of each pair of columns of categories."""
    for (column, before), (buckets, _), of_pair in zip(pairs, aligned.pairs, aligned.slices, strict=True):
        one, other = (np.diff(up_to[of_pair], prepend=0) for up_to in (aligned.up_to, aligned.others_up_to))
        unseen = other == 0
        found: Measures = {
            "unseen_share": float(one[unseen].sum() / column.known),
            "jensen_shannon": jensen_shannon_distance(
                [*one.tolist(), _missing(column)], [*other.tolist(), _missing(before)]
            ),
        }
        if buckets.is_exact:
            found["unseen_categories"] = _name_unseen(column, aligned.places[of_pair], unseen & (one > 0))
        yield category_p_value(one, other), found


def _name_unseen(column: ColumnProfile, places: np.ndarray, unseen: np.ndarray) -> str | None:
    """The commonest categories that the reference does not have."""
    labels = column.labels
    if labels is None or not unseen.any():
        return None
    count = dict(zip(column.buckets.places.tolist(), column.buckets.counts.tolist(), strict=True))
    found = sorted(places[unseen].tolist(), key=lambda place: (-count[place], labels[place]))
    names = [labels[place] for place in found[:MOST_UNSEEN]]
    return ", ".join(names) + (f" and {len(found) - MOST_UNSEEN} more" if len(found) > MOST_UNSEEN else "")
