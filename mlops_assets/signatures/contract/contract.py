"""The contract: a signature's inputs, applied to a table row by row, without loss and without regard to other rows.

Arrow in, Arrow out. A `Contract` is made once per source schema, where everything that can never conform is reported at
once; `Contract.apply` then splits each record batch into what the model may see and what it may not.

>>> import pyarrow as pa
>>> from mlflow.types import ColSpec, Schema
>>> table = pa.table({"id": [1, 2], "age": [40, 2**60]})
>>> contract = Contract(Schema([ColSpec("double", "age")]), table.schema, ("id",))
>>> verdict = contract.apply(table.to_batches()[0])
>>> verdict.accepted.to_pydict()
{'id': [1], 'age': [40.0]}
>>> verdict.rejected.to_pylist()
[{'id': 2, 'age': 1152921504606846976, 'reasons': [{'column': 'age', 'code': 'not_exact'}]}]
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from mlops_assets.errors import ContractError
from mlops_assets.signatures.contract.column_matching import ContractPolicy, MatchedColumn, Matching, without_iso_mark
from mlops_assets.signatures.contract.delimiters import delimiter_advice
from mlops_assets.signatures.contract.rejection_reasons import (
    REASONS,
    REASONS_TYPE,
    Failures,
    any_failure,
    collect_reasons,
)
from mlops_assets.signatures.contract.row_selection import select_rows

if TYPE_CHECKING:
    from mlflow.types import Schema

__all__ = ["Contract", "ContractPolicy", "RowVerdict", "conform"]


@dataclass(frozen=True)
class RowVerdict:
    """One batch, judged: rows in = `accepted.num_rows` + `rejected.num_rows`, each in their order.

    Attributes
    ----------
    accepted
        Rows that conform, with `Contract.accepted_schema`.
    rejected
        Rows that do not, whole, with `Contract.rejected_schema`.
    reasons
        How many rows fail for each (column, code); a row may fail for several.
    """

    accepted: pa.RecordBatch
    rejected: pa.RecordBatch
    reasons: Counter[tuple[str, str]]


class Contract:
    """`inputs` of a signature, compiled against the schema of a source.

    Named inputs are found by name. Inputs without names (a tensor such as ``float64 (-1, 30)``, or unnamed columns)
    take the source's columns in their order, row key left out: exactly as many as there are inputs; for one unnamed
    tensor either one column of lists, or one scalar column for each position of its second dimension. `inputs=None`,
    a model without signature, lets everything pass as it is.

    Parameters
    ----------
    inputs
        The signature's inputs.
    source
        Schema of the batches to come.
    row_key
        Columns that identify a row; carried unchanged. One of them may be an input too if it needs no cast.
    policy
        What may be forgiven.
    where
        Names the table in errors.

    Attributes
    ----------
    accepted_schema
        Row key columns first, as in the source; then the inputs in the signature's order, typed by
        `mlops_assets.signatures.contract.arrow_types`; absent optional columns are null; then what is carried.
    rejected_schema
        The source's columns, and ``reasons``: list of (column, code).
    ignored_columns
        Columns of the source that the signature does not know, in order.

    Raises
    ------
    ContractError
        The table can never conform: every missing required column (with near matches), every pair of types that the
        table of conversions refuses, duplicate names, a missing row key, a row key that would be changed.
    """

    def __init__(
        self,
        inputs: "Schema | None",
        source: pa.Schema,
        row_key: Sequence[str] = (),
        policy: ContractPolicy | None = None,
        where: str = "inputs",
    ) -> None:
        self._source = source
        matching = Matching(inputs, source, row_key, policy or ContractPolicy())
        if matching.problems:
            raise ContractError(
                "The table cannot conform to the signature: " + "; ".join(matching.problems),
                where=where,
                fix=delimiter_advice([name for name in source.names if name not in row_key])
                or _conversion_advice(matching.convertible),
            )
        in_key = set(row_key)
        keys = [MatchedColumn(name, source.get_field_index(name), None) for name in row_key]
        self._columns = keys + [column for column in matching.columns if column.name not in in_key] + matching.carried
        self._judged = [*matching.columns, *matching.carried]
        self.accepted_schema: pa.Schema = pa.schema(self._field(column) for column in self._columns)
        self.rejected_schema: pa.Schema = pa.schema([*map(without_iso_mark, source), pa.field(REASONS, REASONS_TYPE)])
        used = {column.source for column in (*keys, *matching.columns, *matching.carried)}
        self.ignored_columns: tuple[str, ...] = tuple(f.name for i, f in enumerate(source) if i not in used)

    def apply(self, batch: pa.RecordBatch) -> RowVerdict:
        """`batch` split into accepted and rejected rows; columns that need no cast are not copied if no row fails.

        Raises
        ------
        ContractError
            The batch has another schema than the one the contract was made for.
        """
        if not batch.schema.equals(self._source):
            raise ContractError("A batch has another schema than its table", fix="Give all batches the table's schema")
        cast: dict[str, pa.Array] = {}
        by_column: dict[str, Failures] = {}
        for column in self._judged:
            if column.source is not None and column.converter is not None:
                cast[column.name], failures = column.converter.convert(batch.column(column.source))
                if failures:
                    by_column[column.name] = failures
        columns = [self._values(column, batch, cast) for column in self._columns]
        # An array-less batch would forget how many rows it has.
        accepted = pa.RecordBatch.from_arrays(columns, schema=self.accepted_schema) if columns else batch.select([])
        failed = _all_failures(by_column, batch.num_rows)
        if failed is None:
            return RowVerdict(accepted, self._no_rows(batch), Counter())
        rejected = np.flatnonzero(failed)
        reasons, counts = collect_reasons(by_column, rejected)
        refused = select_rows(batch, failed)
        return RowVerdict(
            select_rows(accepted, ~failed),
            pa.RecordBatch.from_arrays([*refused.columns, reasons], schema=self.rejected_schema),
            counts,
        )

    def _no_rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        no_rows = [*batch.slice(0, 0).columns, pa.nulls(0, REASONS_TYPE)]
        return pa.RecordBatch.from_arrays(no_rows, schema=self.rejected_schema)

    def _field(self, column: MatchedColumn) -> pa.Field:
        # A key keeps its source type, and so does everything where there is no signature.
        if column.converter is None:
            return without_iso_mark(self._source.field(column.source))
        return pa.field(column.name, column.converter.type)

    def _values(self, column: MatchedColumn, batch: pa.RecordBatch, cast: dict[str, pa.Array]) -> pa.Array:
        if column.converter is None:
            return batch.column(column.source)
        if column.source is None:
            return pa.nulls(batch.num_rows, column.converter.type)
        return cast[column.name]


def _conversion_advice(types: Mapping[str, pa.DataType]) -> str:
    """The line of YAML that has the columns converted, where they can be."""
    if not types:
        return "Change the table, or sign the model again"
    # In quotes: a bracket inside {...} ends the YAML.
    entries = ", ".join(f"{json.dumps(name)}: {json.dumps(str(kind))}" for name, kind in types.items())
    return (
        f"Write `inputs: {{types: {{{entries}}}}}` to have values converted (one that cannot be rejects its row), "
        "change the table, or sign the model again"
    )


def _all_failures(by_column: dict[str, Failures], rows: int) -> np.ndarray | None:
    """The rows that fail in some column, None when there are none."""
    failed = np.zeros(rows, dtype=bool)
    for failures in by_column.values():
        failed |= any_failure(failures, rows)
    return failed if failed.any() else None


def conform(
    batches: pa.RecordBatchReader | pa.Table | Iterable[pa.RecordBatch],
    inputs: "Schema | None",
    row_key: Sequence[str] = (),
    policy: ContractPolicy | None = None,
    where: str = "inputs",
) -> Iterator[RowVerdict]:
    """A `Contract` over a whole table or stream: one verdict per batch, none held.

    An empty iterable of batches has no schema, and gives no verdict.
    """
    if isinstance(batches, pa.Table):
        batches = batches.to_reader()
    contract: Contract | None = None
    if isinstance(batches, pa.RecordBatchReader):
        contract = Contract(inputs, batches.schema, row_key, policy, where)
    for batch in batches:
        if contract is None:
            contract = Contract(inputs, batch.schema, row_key, policy, where)
        yield contract.apply(batch)
