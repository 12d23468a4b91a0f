"""The input rows of what a report shows: found in one pass over the inputs, by whoever works on their parts."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.key_hash import canonical
from mlops_assets.arrow.python_values import comparable_keys
from mlops_assets.arrow.views import rows_between, rows_of
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.report.ledger_facts import LedgerFacts
from mlops_assets.tables.staged_table import SourcePart


@dataclass(frozen=True)
class FindRows(Task[pa.Table]):
    """Find the rows of one part that have one of these keys; what is before and behind them is not decoded.

    Attributes
    ----------
    keys
        The key's columns, named as in the part.
    """

    doing: ClassVar[str] = "looking up input rows"

    part: SourcePart
    keys: pa.Table

    @property
    def rows(self) -> int | None:
        return self.part.rows

    def run(self) -> pa.Table:
        first = behind = position = 0
        for batch in self.part.batches(self.keys.column_names):
            near = pc.indices_nonzero(_may_be_among(batch, self.keys))
            if len(near):
                first = first if behind else position + near[0].as_py()
                behind = position + near[-1].as_py() + 1
            position += batch.num_rows
        return rows_with_keys(rows_between(self.part.dataset(), first, behind), self.keys, self.part.schema)


def rows_with_keys(batches: Iterable[pa.RecordBatch], keys: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows of a stream of `schema` whose key is among `keys`, in the stream's order."""
    names = keys.column_names
    wanted = set(comparable_keys(keys, names))
    found = []
    for batch in batches:
        near = batch.filter(_may_be_among(batch, keys))
        places = [place for place, key in enumerate(comparable_keys(near, names)) if key in wanted]
        if places:
            found.append(near.take(pa.array(places)))
    return pa.Table.from_batches(found, schema)


def find_input_rows(
    ledger: StoredLedger,
    facts: LedgerFacts,
    outputs_shown: int,
    inputs: ds.Dataset,
    engine: Callable[[], Engine],
    parts: Sequence[SourcePart],
    log: Callable[[str], None],
    seen: pa.Table | None = None,
) -> ds.Dataset:
    """The input rows of the samples and examples of a ledger, as a table in memory with the inputs' provenance.

    Parameters
    ----------
    outputs_shown
        Of how many outputs the samples are looked up.
    inputs, parts
        The rows that were explained; their parts, where there are several.
    seen
        Some of these rows, in order: where they are enough, the others are not read.
    """
    keys = _keys_shown(ledger, facts, outputs_shown)
    if not keys.num_rows:
        return ds.dataset(pa.Table.from_batches([], inputs.schema))
    if seen is not None:
        rows = rows_with_keys(seen.to_batches(), keys, inputs.schema)
        if rows.num_rows == len(set(comparable_keys(keys, keys.column_names))):
            return _in_memory(rows, inputs)
    if not parts:
        return ds.dataset(rows_with_keys(rows_of(inputs), keys, inputs.schema))
    tasks = [FindRows(part, keys) for part in parts]
    found = in_order(stream_ends(engine_that_reads(engine(), parts, log), tasks, log))
    return _in_memory(pa.concat_tables(found), inputs)


def _in_memory(rows: pa.Table, inputs: ds.Dataset) -> ds.Dataset:
    # In one piece: it is looked through for each picture.
    return ds.dataset(rows.combine_chunks().replace_schema_metadata(inputs.schema.metadata))


def _keys_shown(ledger: StoredLedger, facts: LedgerFacts, outputs_shown: int) -> pa.Table:
    names, schema = list(ledger.provenance.row_key), ledger.key_schema().remove_metadata()
    samples = [facts.summary.sample(output) for output in facts.summary.outputs[:outputs_shown]]
    examples = [example.row for shown in facts.examples.examples().values() for example in shown]
    tables = [sample.select(names).cast(schema) for sample in samples if sample is not None]
    tables.append(pa.Table.from_pylist([{name: row[name] for name in names} for row in examples], schema))
    return pa.concat_tables(tables)


def _may_be_among(rows: pa.RecordBatch, keys: pa.Table) -> pa.Array:
    """Where each column of the key has a value that some key has."""
    among = None
    for name in keys.column_names:
        there = pc.is_in(canonical(rows.column(name)), value_set=canonical(keys.column(name).combine_chunks()))
        among = there if among is None else pc.and_(among, there)
    return among
