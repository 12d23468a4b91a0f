"""A published ledger as it is read: one or several tables, of this release or of an earlier one."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.columns import EXPLAINED_VALUE, OLD_EXPLAINED_VALUE, OUTPUT, SPACE
from mlops_assets.explain.labels import to_names
from mlops_assets.explain.ledger.provenance import LedgerProvenance


@dataclass(frozen=True)
class StoredLedger:
    """A ledger that was published, in today's columns and with outputs by name, whichever release wrote it.

    Attributes
    ----------
    parts
        Tables of `sample_explanations`, in order: one, or a partition each.
    provenance
        Of the whole.
    columns
        Those of `rows`, where these tables are some of a larger whole; None: they are the whole.
    """

    parts: tuple[ds.Dataset, ...]
    provenance: Provenance
    columns: pa.Schema | None = None

    @classmethod
    def of(cls, dataset: ds.Dataset) -> "StoredLedger":
        """One table, with the provenance that it carries."""
        return cls((dataset,), Provenance.of(dataset.schema))

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of `rows`: those of all parts; one that a part lacks is null there."""
        if self.columns is not None:
            return self.columns
        schemas = [todays_schema(part.schema) for part in self.parts]
        holders = Counter(name for schema in schemas for name in schema.names)
        fields: dict[str, pa.Field] = {}
        for schema in schemas:
            for field in schema:
                if field.name not in fields:
                    nullable = field.nullable or holders[field.name] < len(schemas)
                    fields[field.name] = field.with_nullable(nullable)
        place = list(fields).index(OUTPUT)
        return pa.schema(fields.values()).set(place, pa.field(OUTPUT, pa.string(), nullable=False))

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches of `schema`, or of these of its `columns`.

        Raises
        ------
        ExplanationError
            A part of 0.1 does not say its space.
        """
        wanted = self.schema if columns is None else pa.schema([self.schema.field(name) for name in columns])
        for part in self.parts:
            older = stored_name(EXPLAINED_VALUE, part.schema)
            stored = {older if name == EXPLAINED_VALUE else name for name in wanted.names}
            space = None
            if SPACE in wanted.names and SPACE not in part.schema.names:
                space = LedgerProvenance.of(Provenance.of(part.schema)).space
            for batch in rows_of(part, [name for name in part.schema.names if name in stored]):
                yield _aligned(in_todays_columns(batch), wanted, space)

    def key_schema(self) -> pa.Schema:
        """The fields of the row key."""
        return pa.schema([self.parts[0].schema.field(name) for name in self.provenance.row_key])


def stored_name(name: str, schema: pa.Schema) -> str:
    """What a ledger of this schema calls a column of today."""
    old = name == EXPLAINED_VALUE and EXPLAINED_VALUE not in schema.names and OLD_EXPLAINED_VALUE in schema.names
    return OLD_EXPLAINED_VALUE if old else name


def todays_schema(schema: pa.Schema) -> pa.Schema:
    """A stored ledger's columns as this release names them; `output` keeps its type."""
    old = stored_name(EXPLAINED_VALUE, schema)
    today = pa.schema([field.with_name(EXPLAINED_VALUE) if field.name == old else field for field in schema])
    if SPACE in today.names or OUTPUT not in today.names:
        return today
    return today.insert(today.get_field_index(OUTPUT) + 1, pa.field(SPACE, pa.string(), nullable=False))


def in_todays_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Ledger rows of any release: `explained_value` (`prediction` until 0.1), and `output` as a name."""
    names = batch.schema.names
    if EXPLAINED_VALUE not in names and OLD_EXPLAINED_VALUE in names:
        batch = batch.rename_columns([EXPLAINED_VALUE if name == OLD_EXPLAINED_VALUE else name for name in names])
    place = batch.schema.get_field_index(OUTPUT)
    if place >= 0 and not pa.types.is_string(batch.schema.field(place).type):
        field = pa.field(OUTPUT, pa.string(), nullable=False)
        batch = batch.set_column(place, field, to_names(batch.column(place)))
    return batch


def _aligned(batch: pa.RecordBatch, schema: pa.Schema, space: str | None) -> pa.RecordBatch:
    arrays = []
    for field in schema:
        at = batch.schema.get_field_index(field.name)
        if at >= 0:
            column = batch.column(at)
            arrays.append(column if column.type == field.type else column.cast(field.type))
        elif field.name == SPACE and space is not None:
            arrays.append(pa.repeat(pa.scalar(space, field.type), batch.num_rows))
        else:
            arrays.append(pa.nulls(batch.num_rows, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
