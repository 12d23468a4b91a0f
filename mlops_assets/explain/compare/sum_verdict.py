"""Whether the rows of a table are the ledger's and add up to what it says, found piece by piece."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

LISTED = 20


@dataclass
class SumVerdict:
    """What a comparison with the ledger has found so far.

    Attributes
    ----------
    rows, ledger_rows
        Of the table that is judged, and of the ledger's rows that it is of.
    first_difference
        Position (from 0) of the first row that is not the ledger's, by key, output, and what else is compared. None:
        all are.
    beyond
        How many sums miss by more than rounding.
    largest, largest_ratio
        The largest absolute miss, and the largest in units of its tolerance.
    listed
        Some of those beyond: row key, output, how much is missing and the tolerance.
    """

    rows: int = 0
    ledger_rows: int = 0
    first_difference: int | None = None
    beyond: int = 0
    largest: float = 0.0
    largest_ratio: float = 0.0
    listed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def are_the_same_rows(self) -> bool:
        """The rows are those of the ledger, in its order."""
        return self.rows == self.ledger_rows and self.first_difference is None

    @property
    def passed(self) -> bool:
        """The same rows, and everything adds up."""
        return self.are_the_same_rows and self.beyond == 0

    def merged(self, later: "SumVerdict") -> "SumVerdict":
        """With that on the rows that come after these, in both tables."""
        first = self.first_difference
        if first is None and self.rows != self.ledger_rows:
            first = min(self.rows, self.ledger_rows)
        if first is None and later.first_difference is not None:
            first = self.rows + later.first_difference
        return SumVerdict(
            self.rows + later.rows,
            self.ledger_rows + later.ledger_rows,
            first,
            self.beyond + later.beyond,
            max(self.largest, later.largest),
            max(self.largest_ratio, later.largest_ratio),
            [*self.listed, *later.listed][:LISTED],
        )

    def count(
        self,
        over: np.ndarray,
        misses: np.ndarray,
        ratios: np.ndarray,
        rows: pa.RecordBatch,
        shown: Callable[[int], dict[str, Any]],
    ) -> None:
        """Add the sums of some rows.

        Parameters
        ----------
        over
            (n,): which are beyond their tolerance.
        misses, ratios
            (n,): by how much each misses, absolutely and in tolerances; infinite where that is no number.
        rows
            Of the judged table; its columns are listed.
        shown
            What is listed beside them, of a row by its place; asked for few rows.
        """
        self.beyond += int(over.sum())
        self.largest = max(self.largest, float(misses.max(initial=0.0)))
        self.largest_ratio = max(self.largest_ratio, float(ratios.max(initial=0.0)))
        for row in np.flatnonzero(over)[: max(0, LISTED - len(self.listed))].tolist():
            self.listed.append({**rows.slice(row, 1).to_pylist()[0], **shown(row)})


def or_infinite(misses: np.ndarray) -> np.ndarray:
    """(n,): infinite where a miss is no number."""
    return np.where(np.isfinite(misses), misses, np.inf)
