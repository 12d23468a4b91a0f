"""A profile as a table that any format holds, and back: exactly."""

import base64
import binascii
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import TableError
from mlops_assets.explain.drift.buckets import Buckets
from mlops_assets.explain.drift.column_profile import ColumnProfile, mean_of
from mlops_assets.explain.drift.profile import ALL_ROWS, Origin, OutputProfile, Profile, RowsProfile

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
_NAMES_AND_ROWS = ("run", "segment", "role", "output", "column_name", "rows", "not_finite")
_NO_PLACES, _NO_NUMBERS = "none", "0:"
_WIDTHS = ("u1", "<u2", "<u4", "<u8")


def profile_table(profiles: Mapping[str, Profile]) -> pa.Table:
    """Profiles (`THIS`, and `PREVIOUS` where there is one) as rows: one per segment, table and column."""
    rows = [{"run": run, **row} for run, profile in profiles.items() for row in _rows(profile)]
    return pa.Table.from_pylist(rows, schema=PROFILE_SCHEMA)


def origins_to_extra(profiles: Mapping[str, Profile]) -> dict[str, str]:
    """For `Provenance.extra`: which runs the profiles are of."""
    return {_ORIGIN + run: profile.origin.to_json() for run, profile in profiles.items()}


def read_profiles(table: pa.Table) -> dict[str, Profile]:
    """The profiles in a table, `THIS` among them, with the provenance that it was published with.

    Raises
    ------
    TableError
        It is no table of profiles.
    """
    extra = Provenance.of(table.schema).extra
    try:
        origins = {
            name.removeprefix(_ORIGIN): Origin.from_json(text)
            for name, text in extra.items()
            if name.startswith(_ORIGIN)
        }
        segments = _read_segments(table)
        profiles = {
            run: Profile(
                origin, {segment: rows.profile() for (of_run, segment), rows in segments.items() if of_run == run}
            )
            for run, origin in origins.items()
        }
        if THIS not in profiles or any(ALL_ROWS not in profile.segments for profile in profiles.values()):
            raise ValueError("rows are missing")
        return profiles
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise TableError(
            f"The table does not hold a profile ({type(error).__name__})",
            where="profile",
            fix="Materialize profile again",
        ) from error


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


@dataclass
class _StoredRows:
    """The rows of one segment of a run."""

    columns: dict[str, dict[str, ColumnProfile]] = field(default_factory=lambda: {"input": {}, "prediction": {}})
    counted: dict[str, tuple[int, int]] = field(default_factory=dict)
    totals: dict[str, dict[str, Fraction]] = field(default_factory=dict)
    attributions: dict[str, dict[str, Fraction]] = field(default_factory=dict)

    def profile(self) -> RowsProfile:
        outputs = {
            output: OutputProfile(
                rows,
                not_finite,
                self.totals[output]["explained_value"],
                self.totals[output]["base_value"],
                self.totals[output]["residual"],
                self.attributions[output],
            )
            for output, (rows, not_finite) in self.counted.items()
        }
        return RowsProfile(self.columns["input"], self.columns["prediction"], outputs)


def _read_segments(table: pa.Table) -> dict[tuple[str, str], _StoredRows]:
    """The rows of each run and segment. Column by column: it takes as long to make a row as to read it."""
    values = {name: table.column(name).to_pylist() for name in PROFILE_SCHEMA.names}
    totals = list(map(_from_text, values["total"]))
    sketched = [place for place, role in enumerate(values["role"]) if role in ("input", "prediction")]
    buckets = _unpack_buckets(*([values[name][place] for place in sketched] for name in ("shift", "places", "counts")))
    sketches = dict(zip(sketched, buckets, strict=True))
    found: dict[tuple[str, str], _StoredRows] = {}
    for place, (run, segment, role, output, name, rows, not_finite) in enumerate(
        zip(*(values[each] for each in _NAMES_AND_ROWS), strict=True)
    ):
        of_segment = found.setdefault((run, segment), _StoredRows())
        if place in sketches:
            labels = values["labels"][place]
            if labels is not None:
                labels = dict(zip(sketches[place].places.tolist(), json.loads(labels), strict=True))
            of_segment.columns[role][name] = ColumnProfile(
                values["kind"][place],
                rows,
                values["missing"][place],
                not_finite,
                totals[place],
                sketches[place],
                labels,
            )
            continue
        of_segment.counted.setdefault(output, (rows, not_finite))
        attributions = of_segment.attributions.setdefault(output, {})
        if role == "attribution":
            attributions[name] = totals[place]
        else:
            of_segment.totals.setdefault(output, {})[role] = totals[place]
    return found


def _unpack_buckets(shifts: Sequence[int], places: Sequence[str], counts: Sequence[str]) -> list[Buckets]:
    """The buckets of several columns."""
    if not places:
        return []
    firsts, steps = [], []
    for text in places:
        first, _, packed = text.partition(":")
        firsts.append(0 if first == _NO_PLACES else int(first))
        # Without places there are no steps, and without steps there is one place or none.
        steps.append(packed or _NO_NUMBERS)
    unpacked = _unpack([*steps, *counts])
    # One sum over all columns, of which each leaves out what comes before its first place. Wraps around as the
    # differences did.
    none = np.zeros(1, np.int64)
    sums = np.cumsum(np.concatenate([part for rising in unpacked[: len(steps)] for part in (none, rising)]))
    ends = list(accumulate(len(rising) + 1 for rising in unpacked[: len(steps)]))
    starts = [0, *ends[:-1]]
    sums += np.repeat(np.array(firsts) - sums[starts], [end - start for start, end in zip(starts, ends, strict=True)])
    unpacked_places = [
        sums[start : start if text == _NO_PLACES else end]
        for text, start, end in zip(places, starts, ends, strict=True)
    ]
    of_places = unpacked[len(steps) :]
    if any(len(one) != len(other) for one, other in zip(unpacked_places, of_places, strict=True)):
        raise ValueError("not as many counts as places")
    return Buckets.of_columns(shifts, unpacked_places, of_places)


def _pack(numbers: np.ndarray) -> str:
    """Numbers that are not negative, as base 64 of the narrowest integers that hold them all."""
    largest = int(numbers.max()) if len(numbers) else 0
    width = next(place for place in range(len(_WIDTHS)) if largest < 256 ** (1 << place))
    return f"{width}:{base64.b64encode(numbers.astype(_WIDTHS[width]).tobytes()).decode()}"


def _unpack(texts: Sequence[str]) -> list[np.ndarray]:
    """What `_pack` made of several arrays; those of the same width in one go."""
    of_width: dict[str, list[int]] = {}
    packed = []
    for place, text in enumerate(texts):
        width, _, numbers = text.partition(":")
        packed.append(binascii.a2b_base64(numbers))
        of_width.setdefault(width, []).append(place)
    unpacked = [np.zeros(0, np.int64)] * len(texts)
    for width, places in of_width.items():
        size = 1 << int(width)
        ends = list(accumulate(len(packed[place]) for place in places))
        if any(end % size for end in ends):
            raise ValueError("cut in the middle of a number")
        together = np.frombuffer(b"".join(packed[place] for place in places), _WIDTHS[int(width)]).astype(np.int64)
        for place, (start, end) in zip(places, pairwise((0, *ends)), strict=True):
            unpacked[place] = together[start // size : end // size]
    return unpacked


def _pack_rising(places: np.ndarray) -> str:
    """The first place, and how much farther each of the others is."""
    if not len(places):
        return _NO_PLACES
    # Two hashes may be farther apart than an int64 says; without a sign the difference is right.
    steps = np.diff(places.view(np.uint64))
    return f"{int(places[0])}:{_pack(steps)}"


def _to_text(number: Fraction) -> str:
    """A sum, exactly."""
    return f"{number.numerator:x}/{number.denominator:x}"


def _from_text(text: str) -> Fraction:
    numerator, denominator = text.split("/")
    return Fraction(int(numerator, 16), int(denominator, 16))
