"""The contract on predictions, which MLflow never checks: what a model returned, held against its output signature.

Judged by the same table as inputs (`mlops_assets.signatures.contract.arrow_types`), and reported, not changed.
"""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.errors import suggest_names
from mlops_assets.signatures.contract.column_matching import ContractPolicy, Matching

if TYPE_CHECKING:
    from mlflow.types import Schema


class OutputContract:
    """`outputs` of a signature, compiled against the columns that a model produced.

    Named outputs are found by name, outputs without names by their order; a tensor of shape (-1, k) is one column of
    lists or k columns. `outputs=None` has nothing to say.

    Parameters
    ----------
    outputs
        The signature's outputs.
    produced
        The model's own columns, without row key and provenance.

    Attributes
    ----------
    problems
        What is wrong with names and types, as sentences: missing and undeclared columns, refused pairs of types.
    """

    def __init__(self, outputs: "Schema | None", produced: pa.Schema) -> None:
        matching = Matching(outputs, produced, (), ContractPolicy())
        self._columns = matching.columns
        problems = list(matching.problems)
        if outputs is not None and outputs.has_input_names():
            declared = [str(spec.name) for spec in outputs.inputs]
            known = set(declared)
            unknown = [name for name in produced.names if name not in known]
            problems += [
                f"column {name!r} is not in the output signature{suggestion}"
                for name, suggestion in zip(unknown, suggest_names(unknown, declared), strict=True)
            ]
        self.problems: tuple[str, ...] = tuple(problems)

    def reasons(self, batch: pa.RecordBatch) -> Counter[tuple[str, str]]:
        """How many rows of `batch` (with the schema `produced`) fail for each (column, code)."""
        counts: Counter[tuple[str, str]] = Counter()
        for column in self._columns:
            if column.source is not None and column.converter is not None:
                _, failures = column.converter.convert(batch.column(column.source))
                counts.update({(column.name, reason.value): int(mask.sum()) for reason, mask in failures.items()})
        return +counts

    def describe(self, counts: Mapping[tuple[str, str], int]) -> list[str]:
        """`problems`, and one sentence per column and code of the `reasons` that were counted; empty if all is well."""
        return [
            *self.problems,
            *(f"column {name!r}: {code} in {rows} rows" for (name, code), rows in sorted(counts.items())),
        ]
