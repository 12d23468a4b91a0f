"""A published ledger as it is read: one or several tables, of this release or of an earlier one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.columns import EXPLAINED_VALUE, OLD_EXPLAINED_VALUE, OUTPUT
from mlops_assets.explain.labels import to_names


@dataclass(frozen=True)
class StoredLedger:
    """A ledger that was published, in today's columns and with outputs by name, whichever release wrote it.

    Attributes
    ----------
    parts
        Tables of `sample_explanations`, in order: one, or a partition each.
    provenance
        Of the whole.
    """

    parts: tuple[ds.Dataset, ...]
    provenance: Provenance

    @classmethod
    def of(cls, dataset: ds.Dataset) -> "StoredLedger":
        """One table, with the provenance that it carries."""
        return cls((dataset,), Provenance.of(dataset.schema))

    def rows(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The rows in order, in batches; `columns` by their names of today."""
        for part in self.parts:
            stored = None if columns is None else [stored_name(name, part.schema) for name in columns]
            yield from map(in_todays_columns, rows_of(part, stored))

    def key_schema(self) -> pa.Schema:
        """The fields of the row key."""
        return pa.schema([self.parts[0].schema.field(name) for name in self.provenance.row_key])


def stored_name(name: str, schema: pa.Schema) -> str:
    """What a ledger of this schema calls a column of today."""
    old = name == EXPLAINED_VALUE and EXPLAINED_VALUE not in schema.names and OLD_EXPLAINED_VALUE in schema.names
    return OLD_EXPLAINED_VALUE if old else name


def in_todays_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Ledger rows of any release: `explained_value` (`prediction` until 0.1), and `output` as a name.

    A table that holds rows of both, as databases and data lakes do after an upgrade, has both columns.
    """
    names = batch.schema.names
    if OLD_EXPLAINED_VALUE in names:
        old = batch.column(OLD_EXPLAINED_VALUE)
        if EXPLAINED_VALUE not in names:
            batch = batch.rename_columns([EXPLAINED_VALUE if name == OLD_EXPLAINED_VALUE else name for name in names])
        elif batch.column(EXPLAINED_VALUE).null_count:
            filled = pc.coalesce(batch.column(EXPLAINED_VALUE), old)
            batch = batch.set_column(names.index(EXPLAINED_VALUE), EXPLAINED_VALUE, filled)
    if OUTPUT in batch.schema.names and not pa.types.is_string(batch.schema.field(OUTPUT).type):
        place = batch.schema.get_field_index(OUTPUT)
        batch = batch.set_column(place, OUTPUT, to_names(batch.column(OUTPUT)))
    return batch
