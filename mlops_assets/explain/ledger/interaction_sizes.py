"""How strong the interactions of pairs are on average, added up while their table is made."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.columns import OUTPUT, interaction_column
from mlops_assets.explain.labels import to_names

SIZES = "interaction_sizes"
"""Of a part's facts: what `InteractionSizes.to_json` says of it."""


@dataclass
class InteractionSizes:
    """Sums of absolute interactions, by output and pair.

    Attributes
    ----------
    columns
        The input columns, of which all pairs are looked at.
    rows, sums
        Output -> how many rows, and the sum for each pair.
    """

    columns: tuple[str, ...]
    rows: dict[str, int] = field(default_factory=dict)
    sums: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """In the table's order."""
        return list(combinations(self.columns, 2))

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, added up."""
        for batch in batches:
            self.add(batch)
            yield batch

    def add(self, batch: pa.RecordBatch) -> None:
        """Add the next rows of the table."""
        outputs = to_names(batch.column(OUTPUT))
        for output in pc.unique(outputs).to_pylist():
            here = batch.filter(pc.equal(outputs, output))
            sums = [float(np.abs(here.column(interaction_column(*pair)).to_numpy()).sum()) for pair in self.pairs]
            self._add(output, here.num_rows, np.array(sums))

    def merge(self, facts: Mapping[str, str]) -> None:
        """Add those of the part that has these facts."""
        for output, (rows, sums) in json.loads(facts[SIZES]).items():
            self._add(output, rows, np.array(sums, np.float64))

    def to_json(self) -> str:
        """For a part's facts."""
        return json.dumps({output: [self.rows[output], self.sums[output].tolist()] for output in self.rows})

    def mean_over_outputs(self) -> np.ndarray:
        """(pairs,): the mean absolute interaction of each, added up over the outputs."""
        means = [self.sums[output] / self.rows[output] for output in self.rows]
        return np.asarray(np.sum(means, axis=0)) if means else np.zeros(len(self.pairs))

    def strongest(self, outputs: Sequence[str], most: int) -> list[dict[str, Any]]:
        """The pairs with the largest mean absolute interaction of each output, first the strongest."""
        listed = []
        for output in outputs:
            if output in self.rows:
                means = self.sums[output] / self.rows[output]
                for place in np.argsort(-means, kind="stable")[:most].tolist():
                    one, other = self.pairs[place]
                    listed.append(
                        {"output": output, "column": one, "with": other, "mean_abs_interaction": float(means[place])}
                    )
        return listed

    def _add(self, output: str, rows: int, sums: np.ndarray) -> None:
        self.rows[output] = self.rows.get(output, 0) + rows
        self.sums[output] = self.sums.get(output, np.zeros(len(self.pairs))) + sums
