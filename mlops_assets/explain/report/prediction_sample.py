"""A sample of what was predicted, for the report's pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.decisions import Decision
from mlops_assets.explain.report.ledger_facts import LedgerFacts
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.trees.arrays import Floats, Space


@dataclass(frozen=True)
class PredictionSample:
    """Explained values of rows that were drawn by seed.

    Attributes
    ----------
    outputs
        Names.
    values
        (rows, outputs): on the scale of `space`.
    space
        `Explainer.space`.
    decision
        How a classifier's answer follows; None: as the outputs say.
    of_rows
        How many rows they were drawn from.
    """

    outputs: tuple[str, ...]
    values: Floats
    space: Space
    decision: Decision | None
    of_rows: int

    @property
    def predictions(self) -> Floats:
        """(rows, outputs): what the model itself predicts, where a formula leads there; else the values."""
        return to_response_scale(self.values, self.space)

    @property
    def is_whole(self) -> bool:
        """Whether these are all rows."""
        return len(self.values) == self.of_rows


def sample_predictions(
    facts: LedgerFacts, row_key: Sequence[str], space: Space, decision: Decision | None
) -> PredictionSample | None:
    """The explained values of the rows of which a ledger's facts hold a sample of each output; None without any.

    Of several outputs the same rows are drawn, where each row has all of them; else there is no such sample.
    """
    outputs = facts.summary.outputs
    picked = facts.examples.by_output
    samples = [
        picked[output].sample.rows if len(outputs) == len(picked) and output in picked else facts.summary.sample(output)
        for output in outputs
    ]
    tables = [sample for sample in samples if sample is not None and sample.num_rows]
    if not tables or len(tables) < len(outputs) or not _have_one_key(tables, list(row_key)):
        return None
    values = np.column_stack([table.column(EXPLAINED_VALUE).to_numpy() for table in tables]).astype(np.float64)
    return PredictionSample(tuple(outputs), values, space, decision, facts.summary.rows)


def _have_one_key(tables: Sequence[pa.Table], row_key: list[str]) -> bool:
    first = tables[0].select(row_key)
    return all(table.num_rows == first.num_rows and table.select(row_key).equals(first) for table in tables[1:])
