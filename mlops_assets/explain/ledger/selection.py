"""Which rows get into the ledger: a filter, a seeded sample, a limit."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.explainers.sampling import Reservoir, sample_fraction
from mlops_assets.explain.ledger.row_filter import RowFilter


@dataclass(frozen=True)
class Selection:
    """The rows of a table that are explained; every row by default.

    They are applied in the order `where`, `sample`, `limit`, and count *input* rows, whatever their outputs. What is
    left keeps the table's order, and is the same however the stream is cut into batches.

    Attributes
    ----------
    limit
        At most so many rows, the first ones; None for all.
    sample
        A fraction (a float above 0 and up to 1) of the rows or a count (an int), drawn with `seed`; None for all.
    where
        A filter over row key, input columns, `explained_value` (or `prediction`, its name until 0.1) and `output`; see
        `RowFilter`. It picks rows of the *ledger*: ``output == 'versicolor'`` keeps that output alone.
    seed
        Of `sample`.
    label
        A column without which a row cannot be explained: rows that lack its value are left out first.

    Raises
    ------
    ConfigurationError
        A number is out of range, or the filter is not allowed.
    """

    limit: int | None = None
    sample: int | float | None = None
    where: str | None = None
    seed: int = 0
    label: str | None = field(default=None, repr=False)
    row_filter: RowFilter | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 0:
            raise ConfigurationError(f"explain.limit is {self.limit}", fix="Use a whole number, or null for every row")
        wrong = isinstance(self.sample, bool)
        if self.sample is not None and not wrong:
            wrong = self.sample < 1 if isinstance(self.sample, int) else not 0 < self.sample <= 1
        if wrong:
            raise ConfigurationError(
                f"explain.sample is {self.sample}", fix="Use a fraction such as 0.1, or a whole number of rows"
            )
        # A frozen dataclass sets its derived fields this way.
        object.__setattr__(self, "row_filter", RowFilter(self.where) if self.where is not None else None)

    @property
    def every_row(self) -> bool:
        """Nothing is left out."""
        return self.limit is None and self.sample is None and not self.is_filtered

    @property
    def is_filtered(self) -> bool:
        """What is left out depends on the rows' values."""
        return self.where is not None or self.label is not None

    @property
    def in_order_from_start(self) -> bool:
        """The selected rows are the first ones of the table, without a gap."""
        return self.sample is None and not self.is_filtered

    def count_of(self, rows: int) -> int | None:
        """How many of so many rows are chosen, a fraction of them about; None: the filter shows it."""
        if self.is_filtered:
            return None
        if self.sample is not None:
            rows = min(rows, self.sample) if isinstance(self.sample, int) else round(rows * self.sample)
        return rows if self.limit is None else min(rows, self.limit)

    def __str__(self) -> str:
        """The selection in words, for metadata and reports."""
        words = []
        if self.label is not None:
            words.append(f"rows with a {self.label}")
        if self.where is not None:
            words.append(f"rows where {self.where}")
        if self.sample is not None:
            share = f"{self.sample:,} rows" if isinstance(self.sample, int) else f"{self.sample:.4g} of the rows"
            words.append(f"a sample of {share} (seed {self.seed})")
        if self.limit is not None:
            words.append(f"the first {self.limit:,} rows")
        return ", of these ".join(words) or "every row"

    def select(
        self,
        batches: Iterable[pa.RecordBatch],
        row_mask: Callable[[pa.RecordBatch], pa.BooleanArray] | None,
    ) -> Iterator[pa.RecordBatch]:
        """The chosen input rows, streaming; a sample by count holds no more rows than that and one batch.

        Parameters
        ----------
        batches
            The inputs.
        row_mask
            For each row of a batch, whether it has a label and any of its outputs passes `where`; None where there is
            no filter.
        """
        rows: Iterable[pa.RecordBatch] = batches
        if row_mask is not None:
            rows = (batch.filter(row_mask(batch)) for batch in rows)
        if isinstance(self.sample, int):
            rows = _sample_count(rows, self.sample, self.seed)
        elif self.sample is not None:
            rows = sample_fraction(rows, self.sample, self.seed)
        return first_rows(rows, self.limit)


def _sample_count(batches: Iterable[pa.RecordBatch], count: int, seed: int) -> Iterator[pa.RecordBatch]:
    reservoir = Reservoir(count, seed)
    for batch in batches:
        reservoir.add(batch)
    if reservoir.rows is not None:
        yield from reservoir.rows.to_batches()
