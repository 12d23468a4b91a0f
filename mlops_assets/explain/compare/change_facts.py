"""What changes in a group of rows, and the table that says it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import OUTPUT
from mlops_assets.explain.ranking import rank_by_size

SUMMARY_SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), name != OUTPUT) for name in (OUTPUT, "segment_column", "segment")),
        *((name, pa.int64()) for name in ("rows", "changed_rows")),
        ("changed_share", pa.float64()),
        *((name, pa.int64()) for name in ("swapped_up", "swapped_down")),
        *(
            (name, pa.float64())
            for name in ("swapped_share", "mean_before", "mean_after", "mean_abs_change", "max_abs_change")
        ),
        *((name, pa.float64()) for name in ("mean_difference", "mean_abs_difference")),
        *((name, pa.float64()) for name in ("mean_base_change", "mean_residual_change")),
        ("rank", pa.int64()),
        ("feature", pa.string()),
        *((name, pa.float64()) for name in ("feature_mean_abs_change", "feature_mean_change")),
        *((name, pa.int64()) for name in ("version_before", "version_after")),
    ]
)
"""The columns of `change_summary`: one row per output, segment and input column."""


@dataclass(frozen=True)
class ChangeFacts:
    """What changes in a group of rows. The names are those of the columns of `change_summary`.

    Attributes
    ----------
    columns
        Input column -> (mean absolute, mean) part of the difference.
    """

    output: str
    segment_column: str
    segment: str
    rows: int
    changed_rows: int
    swapped_up: int
    swapped_down: int
    mean_before: float
    mean_after: float
    mean_abs_change: float
    max_abs_change: float
    mean_difference: float
    mean_abs_difference: float
    mean_base_change: float
    mean_residual_change: float
    columns: Mapping[str, tuple[float, float]]

    @classmethod
    def of_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "ChangeFacts":
        """Those that the rows of a published summary, one per input column, say of one group."""
        names = [each.name for each in fields(cls) if each.name != "columns"]
        whole = {name: rows[0][name] for name in names}
        whole |= {name: whole[name] or "" for name in ("segment_column", "segment")}
        whole |= {name: whole[name] or 0 for name in ("swapped_up", "swapped_down")}
        parts = {row["feature"]: (row["feature_mean_abs_change"], row["feature_mean_change"]) for row in rows}
        return cls(**whole, columns=parts)

    @property
    def changed_share(self) -> float:
        """Of the rows, whose prediction has changed."""
        return self.changed_rows / self.rows

    @property
    def swapped_share(self) -> float:
        """Of the rows, that changed sides of the threshold."""
        return (self.swapped_up + self.swapped_down) / self.rows

    def ranked(self) -> "list[tuple[str, float, float]]":
        """(column, mean absolute, mean) part, the largest first."""
        sizes = np.array([size for size, _ in self.columns.values()])
        ranks = rank_by_size(sizes)
        entries = [(name, *parts) for name, parts in self.columns.items()]
        return [entry for _, entry in sorted(zip(ranks.tolist(), entries, strict=True), key=lambda pair: pair[0])]


def summary_rows(groups: Iterable[ChangeFacts], versions: tuple[int, int], *, swaps: bool) -> Iterator[dict[str, Any]]:
    """The rows of `change_summary`; without a threshold nothing is said of swaps."""
    for facts in groups:
        whole = {name: value for name, value in vars(facts).items() if name != "columns"}
        if not facts.segment_column:
            whole |= {"segment_column": None, "segment": None}
        whole |= {"changed_share": facts.changed_share, "swapped_share": facts.swapped_share}
        if not swaps:
            whole |= dict.fromkeys(("swapped_up", "swapped_down", "swapped_share"))
        for rank, (feature, size, mean) in enumerate(facts.ranked(), 1):
            yield {
                **whole,
                "rank": rank,
                "feature": feature,
                "feature_mean_abs_change": size,
                "feature_mean_change": mean,
                "version_before": versions[0],
                "version_after": versions[1],
            }
