"""A profile as a table that any format holds, and back: exactly."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import TableError
from mlops_assets.explain.drift.buckets import Buckets
from mlops_assets.explain.drift.column_profile import ColumnProfile, mean_of
from mlops_assets.explain.drift.profile import Origin, OutputProfile, Profile, RowsProfile

PROFILE_SCHEMA = pa.schema(
    [
        pa.field("run", pa.string(), nullable=False),
        pa.field("segment", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("output", pa.string()),
        pa.field("column_name", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("missing", pa.int64()),
        pa.field("not_finite", pa.int64(), nullable=False),
        pa.field("mean", pa.float64()),
        pa.field("total", pa.string(), nullable=False),
        pa.field("shift", pa.int32()),
        pa.field("places", pa.string()),
        pa.field("counts", pa.string()),
        pa.field("labels", pa.string()),
    ]
)
"""The columns of the asset `profile`. Only text and numbers, so that CSV and databases hold it as well."""

THIS, PREVIOUS = "this", "previous"
_ORIGIN = "profile_of_"
_NO_PLACES = "none"
_WIDTHS = ("u1", "<u2", "<u4", "<u8")


def profile_table(profiles: Mapping[str, Profile]) -> pa.Table:
    """Profiles (`THIS`, and `PREVIOUS` where there is one) as rows: one per segment, table and column."""
    rows = [{"run": run, **row} for run, profile in profiles.items() for row in _rows(profile)]
    return pa.Table.from_pylist(rows, schema=PROFILE_SCHEMA)


def origins_to_extra(profiles: Mapping[str, Profile]) -> dict[str, str]:
    """For `Provenance.extra`: which runs the profiles are of."""
    return {_ORIGIN + run: profile.origin.to_json() for run, profile in profiles.items()}


def read_profiles(table: pa.Table, extra: Mapping[str, str]) -> dict[str, Profile]:
    """The profiles in a table, `extra` being that of its provenance.

    Raises
    ------
    TableError
        It is no table of profiles.
    """
    try:
        origins = {
            name.removeprefix(_ORIGIN): Origin.from_json(text)
            for name, text in extra.items()
            if name.startswith(_ORIGIN)
        }
        rows = table.to_pylist()
        return {
            run: Profile(origin, _segments([row for row in rows if row["run"] == run]))
            for run, origin in origins.items()
        }
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise TableError(
            f"The table does not hold a profile ({type(error).__name__})",
            where="profile",
            fix="Materialize profile again",
        ) from error


def read_stored_profiles(table: ds.Dataset) -> dict[str, Profile]:
    """`read_profiles` of a published table."""
    # So few rows take less time to read than threads to start.
    return read_profiles(table.to_table(use_threads=False), Provenance.of(table.schema).extra)


def _rows(profile: Profile) -> Iterator[dict[str, Any]]:
    for segment, rows in profile.segments.items():
        for role, columns in (("input", rows.inputs), ("prediction", rows.predictions)):
            for name, column in columns.items():
                yield {"segment": segment, "role": role, "column_name": name, **_column(column)}
        for output, sums in rows.outputs.items():
            common = {"segment": segment, "output": output, "rows": sums.rows, "not_finite": sums.not_finite}
            of_parts = {"explained_value": sums.explained, "base_value": sums.base, "residual": sums.residual}
            for role, total in of_parts.items():
                yield {**common, "role": role, **_sum(total, sums.counted)}
            for name, total in sums.attributions.items():
                yield {**common, "role": "attribution", "column_name": name, **_sum(total, sums.counted)}


def _sum(total: Fraction, rows: int) -> dict[str, Any]:
    return {"total": _to_text(total), "mean": mean_of(total, rows) if rows else None}


def _column(column: ColumnProfile) -> dict[str, Any]:
    places, labels = column.buckets.places, None
    if column.labels is not None:
        labels = json.dumps([column.labels[place] for place in places.tolist()], ensure_ascii=False)
    return {
        "kind": column.kind,
        "rows": column.rows,
        "missing": column.missing,
        "not_finite": column.not_finite,
        "mean": column.mean,
        "total": _to_text(column.total),
        "shift": column.buckets.shift,
        "places": _pack_rising(places),
        "counts": _pack(column.buckets.counts),
        "labels": labels,
    }


def _segments(rows: Sequence[Mapping[str, Any]]) -> dict[str, RowsProfile]:
    segments: dict[str, RowsProfile] = {}
    for segment in dict.fromkeys(row["segment"] for row in rows):
        of_segment = [row for row in rows if row["segment"] == segment]
        by_role = {
            role: {row["column_name"]: _read_column(row) for row in of_segment if row["role"] == role}
            for role in ("input", "prediction")
        }
        outputs = dict.fromkeys(row["output"] for row in of_segment if row["output"] is not None)
        segments[segment] = RowsProfile(
            by_role["input"],
            by_role["prediction"],
            {output: _read_output([row for row in of_segment if row["output"] == output]) for output in outputs},
        )
    return segments


def _read_output(rows: Sequence[Mapping[str, Any]]) -> OutputProfile:
    totals = {row["role"]: _from_text(row["total"]) for row in rows if row["role"] != "attribution"}
    return OutputProfile(
        rows[0]["rows"],
        rows[0]["not_finite"],
        totals["explained_value"],
        totals["base_value"],
        totals["residual"],
        {row["column_name"]: _from_text(row["total"]) for row in rows if row["role"] == "attribution"},
    )


def _read_column(row: Mapping[str, Any]) -> ColumnProfile:
    places = _unpack_rising(row["places"])
    labels = None
    if row["labels"] is not None:
        labels = dict(zip(places.tolist(), json.loads(row["labels"]), strict=True))
    return ColumnProfile(
        row["kind"],
        row["rows"],
        row["missing"],
        row["not_finite"],
        _from_text(row["total"]),
        Buckets(row["shift"], places, _unpack(row["counts"])),
        labels,
    )


def _pack(numbers: np.ndarray) -> str:
    """Numbers that are not negative, as base 64 of the narrowest integers that hold them all."""
    largest = int(numbers.max()) if len(numbers) else 0
    width = next(place for place in range(len(_WIDTHS)) if largest < 256 ** (1 << place))
    return f"{width}:{base64.b64encode(numbers.astype(_WIDTHS[width]).tobytes()).decode()}"


def _unpack(text: str) -> np.ndarray:
    width, packed = text.split(":")
    if not packed:
        return np.zeros(0, np.int64)
    return np.frombuffer(binascii.a2b_base64(packed), _WIDTHS[int(width)]).astype(np.int64)


def _pack_rising(places: np.ndarray) -> str:
    """The first place, and how much farther each of the others is."""
    if not len(places):
        return _NO_PLACES
    # Two hashes may be farther apart than an int64 says; without a sign the difference is right.
    steps = np.diff(places.view(np.uint64))
    return f"{int(places[0])}:{_pack(steps)}"


def _unpack_rising(text: str) -> np.ndarray:
    if text == _NO_PLACES:
        return np.zeros(0, np.int64)
    first, packed = text.split(":", 1)
    steps = _unpack(packed)
    places = np.empty(len(steps) + 1, np.int64)
    places[0], places[1:] = int(first), steps
    # Wraps around as the differences did.
    return np.cumsum(places, out=places)


def _to_text(number: Fraction) -> str:
    """A sum, exactly."""
    return f"{number.numerator:x}/{number.denominator:x}"


def _from_text(text: str) -> Fraction:
    numerator, denominator = text.split("/")
    return Fraction(int(numerator, 16), int(denominator, 16))
