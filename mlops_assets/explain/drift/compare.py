"""Two profiles compared: which columns have changed, and where the change of the mean prediction comes from."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from mlops_assets.explain.drift.column_profile import ColumnProfile, difference_of_means, mean_of
from mlops_assets.explain.drift.measures import Pair, measure_columns
from mlops_assets.explain.drift.profile import ALL_ROWS, OutputProfile, Profile, RowsProfile
from mlops_assets.explain.drift.significance import adjust_p_values

Role = Literal["input", "prediction", "attribution", "base_value", "residual", "explained_value"]
Row = dict[str, Any]
"""The fields of a `DriftRow` that are known so far."""


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
        columns += _compare_columns(segment, rows, before)
    for segment, before in reference.segments.items():
        if segment not in profile.segments:
            columns += _compare_columns(segment, RowsProfile(), before)
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


def _compare_columns(segment: str, rows: RowsProfile, before: RowsProfile) -> list[Row]:
    found: list[Row] = []
    compared: list[tuple[Row, Pair]] = []
    tables: tuple[tuple[Role, Mapping[str, ColumnProfile], Mapping[str, ColumnProfile]], ...] = (
        ("input", rows.inputs, before.inputs),
        ("prediction", rows.predictions, before.predictions),
    )
    for role, columns, columns_before in tables:
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
            if name in columns_before:
                compared.append((row, (column, columns_before[name])))
            else:
                row["note"] = "the reference does not have this column or segment"
            found.append(row)
        for name, column in columns_before.items():
            if name not in columns:
                row = {"segment": segment, "role": role, "output": None, "column_name": name, "rows": 0}
                found.append(
                    row | {"reference_rows": column.rows, "note": "only the reference has this column or segment"}
                )
    for (row, _), measures in zip(compared, measure_columns([pair for _, pair in compared]), strict=True):
        row |= measures
    return found


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
