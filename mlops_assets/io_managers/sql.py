"""Published tables in a database."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, Literal

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import Field, PrivateAttr

from mlops_assets.arrow.plain_types import plain_batch, plain_schema
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.spool import Spool, scratch_folder
from mlops_assets.explain.columns import EXPLAINED_VALUE, OLD_EXPLAINED_VALUE, OUTPUT, SPACE
from mlops_assets.explain.labels import outputs_as_text
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.io_managers.tables import TableIOManager, table_reader
from mlops_assets.naming import (
    CHANGE_SUMMARY,
    CHANGES,
    MODEL_EXPLANATIONS,
    PREDICTIONS,
    PREDICTIONS_EXPLAINED,
    PREDICTIONS_WITH_REASONS,
    REASONS,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
)
from mlops_assets.progress.report import track
from mlops_assets.settings.environment import from_environment
from mlops_assets.state import state_folder
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import file_name
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.publications import Publication
from mlops_assets.tables.sql.reader import current_publication, list_publications, open_publication
from mlops_assets.tables.sql.writer import Target, check_storable, write
from mlops_assets.tables.table_writer import Written, select_from
from mlops_assets.tables.writers import ParquetWriter

# What identifies a row of a table that outlives a run, after or instead of the row key; other tables are replaced.
KEYS: Mapping[str, tuple[bool, tuple[str, ...]]] = {
    PREDICTIONS: (True, ()),
    SAMPLE_EXPLANATIONS: (True, (OUTPUT,)),
    PREDICTIONS_EXPLAINED: (True, (OUTPUT,)),
    PREDICTIONS_WITH_REASONS: (True, (OUTPUT,)),
    SAMPLE_INTERACTIONS: (True, (OUTPUT,)),
    CHANGES: (True, (OUTPUT,)),
    MODEL_EXPLANATIONS: (False, (OUTPUT, "feature")),
}


class SqlIOManager(TableIOManager):
    """Publishes each asset as a table ``<prefix><asset>`` of a PostgreSQL, SQLite or DuckDB database; small files go
    below ``path``.

    A stream is put aside on disk and written when it has ended, so that no transaction is open while a model works.
    What is loaded is read from the database, exactly the rows of the latest publication and in their order, into a
    file of this run's scratch folder, which is the lazy dataset that a consumer gets.

    Partitions share a table, and a column `mlops_assets_partition` distinguishes them. With ``mode`` append or upsert
    predictions and explanations of earlier runs stay; samples and the background are always replaced, as a run reads
    those that it has made itself.
    """

    KIND: ClassVar[Literal["SqlIOManager"]] = "SqlIOManager"

    connection: dict[str, Any] = Field(
        description="{database: URL}, or {database: {env: NAME}}, which is read when a run starts."
    )
    namespace: str | None = Field(default=None, description="The tables' schema; null: the connection's own.")
    mode: Literal["replace", "append", "upsert"] = Field(default="replace", description="What becomes of earlier rows.")
    prefix: str = Field(default="", description="Put before each table's name.")
    root: str = Field(default=".", description="The project's folder: relative paths start here.")

    _scratch: Path | None = PrivateAttr(default=None)

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["SqlIOManager"]:
        if context.run is None:
            # Outside of a run nobody knows for how long a dataset is used: it keeps its own file open.
            yield self
            return
        with scratch_folder(self._scratch_root) as folder:
            self._scratch = folder
            try:
                yield self
            finally:
                self._scratch = None

    @property
    def _scratch_root(self) -> Path:
        return state_folder(Path(self.root)) / "scratch"

    @property
    def address(self) -> SqlAddress:
        """The database; reads the environment."""
        return SqlAddress.parse(from_environment(self.connection, "outputs")["database"], Path(self.root))

    def table_name(self, asset: str) -> TableName:
        """The table of an asset."""
        return TableName(self.prefix + asset, self.namespace)

    def read(
        self, asset: str, partition: str | None = None, columns: Sequence[str] | None = None, limit: int | None = None
    ) -> ds.Dataset:
        name = self.table_name(asset)
        scratch = scratch_folder(self._scratch_root) if self._scratch is None else nullcontext(self._scratch)
        with scratch as folder:
            dataset = ParquetWriter().read(self._fetch(name, partition, Location.parse(folder)))
        return select_from(dataset, f"{self.address.uri}, table {name}", columns, limit)

    def _fetch(self, name: TableName, partition: str | None, folder: Location) -> Location:
        """The published rows as a file in `folder`; one that is there already is not written again."""
        with open_publication(self.address, name, partition or "") as published:
            place = folder.child(f"{file_name(name.table)}.{published.publication.number}")
            if not ParquetWriter().exists(place):
                ParquetWriter().write(published.reader, place)
        return place

    def exists(self, asset: str, partition: str | None = None) -> bool:
        return current_publication(self.address, self.table_name(asset), partition or "") is not None

    def published_partitions(self, asset: str, partitions: Iterable[str]) -> list[str]:
        published = {publication.partition for publication in self._current_publications(asset)}
        return [key for key in partitions if key in published]

    def versions(self, asset: str, partitions: Sequence[str | None]) -> dict[str | None, str | None]:
        current = {
            publication.partition or None: publication.provenance.data_version
            for publication in self._current_publications(asset)
        }
        return {key: current[key] for key in partitions if key in current}

    def _current_publications(self, asset: str) -> list[Publication]:
        publications = list_publications(self.address, self.table_name(asset))
        return [publication for publication in publications if publication.is_current]

    def publish(
        self,
        asset: str,
        table: object,
        partition: str | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        reader = self._keep_output_type(asset, table_reader(table), partition)
        schema = plain_schema(reader.schema)
        target = self._target(asset, Provenance.of(schema), partition)
        check_storable(schema, target)
        with scratch_folder(self._scratch_root) as folder, Spool(schema, folder) as spool:
            with track(f"putting rows aside for {target.name}", behind=True) as stage:
                for batch in stage.count_batches(reader):
                    spool.write(plain_batch(batch, schema))
            publication = write(spool, target, switch_guard)
        return Written(f"{target.address.uri}#{target.name}", publication.rows, publication.schema, None)

    def _keep_output_type(
        self, asset: str, reader: pa.RecordBatchReader, partition: str | None
    ) -> pa.RecordBatchReader:
        """Outputs as text where the table keeps rows whose outputs are: those of 0.1, or of a champion before."""
        if asset not in _OUTPUT_TABLES or (self.mode == "replace" and partition is None):
            return reader
        kinds = {
            publication.schema.field(OUTPUT).type
            for publication in list_publications(self.address, self.table_name(asset))
        }
        return outputs_as_text(reader) if pa.string() in kinds else reader

    def _target(self, asset: str, provenance: Provenance, partition: str | None) -> Target:
        name, part = self.table_name(asset), partition or ""
        if asset not in KEYS or self.mode == "replace":
            return Target(self.address, name, part, **_EARLIER.get(asset, {}))
        with_row_key, further = KEYS[asset]
        key = ((*provenance.row_key,) if with_row_key else ()) + further
        return Target(self.address, name, part, self.mode, key, **_EARLIER.get(asset, {}))


def _space_of(provenance: Provenance) -> dict[str, str]:
    return {SPACE: LedgerProvenance.of(provenance).space}


_OUTPUT_TABLES = (
    *(SAMPLE_EXPLANATIONS, PREDICTIONS_EXPLAINED, SAMPLE_INTERACTIONS, MODEL_EXPLANATIONS),
    *(REASONS, PREDICTIONS_WITH_REASONS, CHANGES, CHANGE_SUMMARY),
)
# Tables whose columns had other names in an earlier release.
_EARLIER: Mapping[str, Mapping[str, Any]] = {
    SAMPLE_EXPLANATIONS: {"renamed": {EXPLAINED_VALUE: OLD_EXPLAINED_VALUE}, "constants": _space_of}
}
