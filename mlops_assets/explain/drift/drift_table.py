"""The table `drift`, and what its rows say together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from mlops_assets.explain.drift.compare import Comparison

DRIFT_SCHEMA = pa.schema(
    [
        pa.field("segment", pa.string(), nullable=False),
        pa.field("role", pa.string(), nullable=False),
        pa.field("output", pa.string()),
        pa.field("column_name", pa.string()),
        pa.field("rows", pa.int64(), nullable=False),
        pa.field("reference_rows", pa.int64(), nullable=False),
        pa.field("mean", pa.float64()),
        pa.field("reference_mean", pa.float64()),
        pa.field("mean_change", pa.float64()),
        pa.field("missing_share", pa.float64()),
        pa.field("reference_missing_share", pa.float64()),
        pa.field("unseen_share", pa.float64()),
        pa.field("unseen_categories", pa.string()),
        pa.field("psi", pa.float64()),
        pa.field("wasserstein", pa.float64()),
        pa.field("jensen_shannon", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("adjusted_p_value", pa.float64()),
        pa.field("drifted", pa.bool_()),
        pa.field("rank", pa.int32()),
        pa.field("note", pa.string()),
    ]
)
"""The columns of the asset `drift`."""

REFERENCE_NAME, NOT_DECOMPOSED = "reference_name", "not_decomposed"
"""Fields of `Provenance.extra`: what was compared with, and why changes are not decomposed; empty where they are."""
NO_REFERENCE = "none: "
"""What the name of a reference begins with where there is none yet; then comes why."""
MOST_GAP = 1e-9
"""Of the scale of an output's means: what its parts may differ from its change."""


def drift_table(comparison: Comparison | None) -> pa.Table:
    """The rows of a comparison; none where there was nothing to compare with."""
    rows = [] if comparison is None else [asdict(row) for row in comparison.rows]
    return pa.Table.from_pylist(rows, schema=DRIFT_SCHEMA)


def largest_gap(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """How far the parts are from adding up to the change of the mean explained value, relative to the sizes of the
    means; the largest of all outputs and segments. None: nothing is decomposed.

    Parameters
    ----------
    rows
        Of the table `drift`.
    """
    totals: dict[tuple[str, str], float] = {}
    parts: defaultdict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        key = (row["segment"], row["output"])
        if row["role"] == "explained_value":
            totals[key] = row["mean_change"]
        elif row["output"] is not None:
            parts[key].append(row)
    gaps = []
    for key, total in totals.items():
        sizes = sum(abs(row["mean"]) + abs(row["reference_mean"]) for row in parts[key])
        gap = abs(sum(row["mean_change"] for row in parts[key]) - total)
        gaps.append(gap / sizes if sizes else gap)
    return max(gaps, default=None)
