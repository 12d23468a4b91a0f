"""Two profiles compared: which columns have changed, and where the change of the mean prediction comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from mlops_assets.explain.drift.buckets import aligned, midpoints
from mlops_assets.explain.drift.column_profile import ColumnProfile, difference_of_means, mean_of
from mlops_assets.explain.drift.distances import (
    decile_cells,
    jensen_shannon_distance,
    population_stability_index,
    wasserstein_distance,
)
from mlops_assets.explain.drift.profile import ALL_ROWS, OutputProfile, Profile, RowsProfile
from mlops_assets.explain.drift.significance import (
    adjust_p_values,
    category_p_value,
    either,
    ordered_p_value,
    share_p_value,
)

Role = Literal["input", "prediction", "attribution", "base_value", "residual", "explained_value"]
Row = dict[str, Any]
"""The fields of a `DriftRow` that are known so far."""
MOST_UNSEEN = 5


@dataclass(frozen=True)
class DriftRules:
    """When a column counts as drifted: its change is no chance, and larger than one of these.

    Attributes
    ----------
    psi
        Of numbers: population stability index.
    jensen_shannon
        Of categories: Jensen-Shannon distance.
    missing
        Change of the share of missing values.
    unseen
        Share of rows with categories that the reference does not have.
    false_alarm_rate
        How often, at most, a run without any change has a drifted column.
    """

    psi: float = 0.1
    jensen_shannon: float = 0.1
    missing: float = 0.05
    unseen: float = 0.01
    false_alarm_rate: float = 0.05


@dataclass(frozen=True)
class DriftRow:
    """One row of the table `drift`: a column, or a part of the change of a mean. None: does not apply."""

    segment: str
    role: Role
    output: str | None
    column_name: str | None
    rows: int
    reference_rows: int
    mean: float | None = None
    reference_mean: float | None = None
    mean_change: float | None = None
    missing_share: float | None = None
    reference_missing_share: float | None = None
    unseen_share: float | None = None
    unseen_categories: str | None = None
    psi: float | None = None
    wasserstein: float | None = None
    jensen_shannon: float | None = None
    p_value: float | None = None
    adjusted_p_value: float | None = None
    drifted: bool | None = None
    rank: int | None = None
    note: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What has changed since the reference.

    Attributes
    ----------
    rows
        Columns by rank, all rows before segments; then the parts of each output's change.
    not_decomposed
        Why the change of the mean prediction is not decomposed; None: it is.
    same_background
        Whether attributions of both compare with the same rows, or with none.
    """

    rows: tuple[DriftRow, ...]
    not_decomposed: str | None
    same_background: bool


def compare_profiles(profile: Profile, reference: Profile, rules: DriftRules) -> Comparison:
    """Compare a run with a reference. Reads no rows.

    The change of the mean explained value is the sum of the changes of the mean attributions, of the base value and of
    the residual: sums are exact, so that only the last step rounds.
    """
    columns: list[Row] = []
    for segment, rows in profile.segments.items():
        before = reference.segments.get(segment, RowsProfile())
        columns += _compare_columns(segment, "input", rows.inputs, before.inputs)
        columns += _compare_columns(segment, "prediction", rows.predictions, before.predictions)
    _judge(columns, rules)
    refusal = why_not_decomposed(profile, reference)
    parts: list[DriftRow] = []
    for segment, rows in profile.segments.items():
        if refusal is None and segment in reference.segments:
            parts += _decompose(segment, rows.outputs, reference.segments[segment].outputs)
    same_background = profile.origin.background == reference.origin.background
    ranked = (DriftRow(**row) for row in _ranked(columns))
    return Comparison((*ranked, *parts), refusal, same_background)


def why_not_decomposed(profile: Profile, reference: Profile) -> str | None:
    """Why the attributions of two profiles cannot be subtracted from each other; None: they can."""
    this, before = profile.origin, reference.origin
    if before.model_digest is None or not reference.segments[ALL_ROWS].outputs:
        return "no model has explained the rows of the reference"
    if (this.model_uri, this.model_digest) != (before.model_uri, before.model_digest):
        versions = " and ".join(str(origin.model_uri).rpartition("/")[2] for origin in (before, this))
        return (
            f"the reference was explained by another model version (versions {versions}): what the rows have changed "
            "and what the model has changed cannot be told apart"
        )
    if this.space != before.space:
        return f"the reference was explained in another space, {before.space} and not {this.space}"
    if this.explainer != before.explainer:
        return f"the reference was explained by another method, {before.explainer} and not {this.explainer}"
    return None


def _compare_columns(
    segment: str, role: Role, columns: Mapping[str, ColumnProfile], before: Mapping[str, ColumnProfile]
) -> Iterator[Row]:
    for name, column in columns.items():
        row: Row = {
            "segment": segment,
            "role": role,
            "output": None,
            "column_name": name,
            "rows": column.rows,
            "reference_rows": 0,
            "missing_share": column.missing_share,
            "mean": column.mean,
        }
        if name not in before:
            yield row | {"note": "the reference does not have this column or segment"}
        else:
            yield row | _compare_column(column, before[name])
    for name, column in before.items():
        if name not in columns:
            row = {"segment": segment, "role": role, "output": None, "column_name": name, "rows": 0}
            yield row | {"reference_rows": column.rows, "note": "only the reference has this column"}


def _compare_column(column: ColumnProfile, before: ColumnProfile) -> Row:
    """The measures of a column that both have."""
    missing = [side.missing + side.not_finite for side in (column, before)]
    p_values = [share_p_value(missing[0], column.rows, missing[1], before.rows)] if any(missing) else []
    measures: Row = {
        "reference_rows": before.rows,
        "reference_mean": before.mean,
        "reference_missing_share": before.missing_share,
        "p_value": either(p_values),
    }
    if column.kind != before.kind or column.kind == "other":
        same = column.kind == before.kind
        return measures | {"note": "values of this type are not compared" if same else "the type has changed"}
    if not column.known or not before.known:
        return measures | {"note": "one side has no values"}
    shift, places, one, other = aligned(column.buckets, before.buckets)
    cells: tuple[list[int], list[int]]
    if column.kind == "number":
        up_to, before_up_to = np.cumsum(one), np.cumsum(other)
        gaps = up_to / column.known - before_up_to / before.known
        p_values.append(ordered_p_value(gaps, column.known, before.known))
        cells = decile_cells(up_to, before_up_to, other)
        measures["mean_change"] = difference_of_means(column.total, column.known, before.total, before.known)
        measures["wasserstein"] = wasserstein_distance(gaps, midpoints(places, shift))
        measures["psi"] = population_stability_index([*cells[0], missing[0]], [*cells[1], missing[1]])
    else:
        p_values.append(category_p_value(one, other))
        unseen = other == 0
        measures["unseen_share"] = float(one[unseen].sum() / column.known)
        if shift == 0:
            measures["unseen_categories"] = _name_unseen(column, places, unseen & (one > 0))
        cells = one.tolist(), other.tolist()
    measures["jensen_shannon"] = jensen_shannon_distance([*cells[0], missing[0]], [*cells[1], missing[1]])
    return measures | {"p_value": either(p_values)}


def _name_unseen(column: ColumnProfile, places: np.ndarray, unseen: np.ndarray) -> str | None:
    """The commonest categories that the reference does not have."""
    labels = column.labels
    if labels is None or not unseen.any():
        return None
    count = dict(zip(column.buckets.places.tolist(), column.buckets.counts.tolist(), strict=True))
    found = sorted(places[unseen].tolist(), key=lambda place: (-count[place], labels[place]))
    names = [labels[place] for place in found[:MOST_UNSEEN]]
    return ", ".join(names) + (f" and {len(found) - MOST_UNSEEN} more" if len(found) > MOST_UNSEEN else "")


def _judge(columns: Sequence[Row], rules: DriftRules) -> None:
    """Note the p-values adjusted for all columns of all segments, and the verdicts."""
    tested = [row for row in columns if "p_value" in row]
    adjusted = adjust_p_values([row["p_value"] for row in tested])
    for row, p_value in zip(tested, adjusted, strict=True):
        row["adjusted_p_value"] = p_value
        row["drifted"] = p_value <= rules.false_alarm_rate and _is_large(row, rules)


def _is_large(row: Row, rules: DriftRules) -> bool:
    if abs(row["missing_share"] - row["reference_missing_share"]) > rules.missing:
        return True
    if "psi" in row:
        return bool(row["psi"] > rules.psi)
    return bool(row.get("jensen_shannon", 0.0) > rules.jensen_shannon or row.get("unseen_share", 0.0) > rules.unseen)


def _ranked(columns: Sequence[Row]) -> list[Row]:
    """In order of strength within each segment: drifted ones first, then by how sure and how large the change is."""
    ranked: list[Row] = []
    for segment in dict.fromkeys(row["segment"] for row in columns):
        rows = [row for row in columns if row["segment"] == segment]
        compared = sorted((row for row in rows if "p_value" in row), key=_strength)
        ranked += [row | {"rank": place} for place, row in enumerate(compared, 1)]
        ranked += [row for row in rows if "p_value" not in row]
    return ranked


def _strength(row: Row) -> tuple[bool, float, float]:
    # Of many rows every change is certain: among drifted columns the larger one is the stronger.
    certain = 0.0 if row["drifted"] else row["adjusted_p_value"]
    return not row["drifted"], certain, -row.get("jensen_shannon", 0.0)


def _decompose(
    segment: str, outputs: Mapping[str, OutputProfile], before: Mapping[str, OutputProfile]
) -> Iterator[DriftRow]:
    for output, profile in outputs.items():
        earlier = before.get(output)
        if earlier is None or not profile.counted or not earlier.counted:
            continue
        left_out = profile.not_finite + earlier.not_finite
        note = f"{left_out} explained rows have values that are not finite and are left out" if left_out else None
        parts: list[tuple[Role, str | None, Fraction, Fraction]] = [
            ("explained_value", None, profile.explained, earlier.explained),
            ("base_value", None, profile.base, earlier.base),
            *(
                ("attribution", name, total, earlier.attributions.get(name, Fraction(0)))
                for name, total in profile.attributions.items()
            ),
            ("residual", None, profile.residual, earlier.residual),
        ]
        for role, name, total, earlier_total in parts:
            yield DriftRow(
                segment,
                role,
                output,
                name,
                profile.rows,
                earlier.rows,
                mean_of(total, profile.counted),
                mean_of(earlier_total, earlier.counted),
                difference_of_means(total, profile.counted, earlier_total, earlier.counted),
                note=note,
            )
