"""Writers of published tables, which also read them back for the next asset."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Literal

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds
from pydantic import Field

from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import as_type, by_partition, concatenate
from mlops_assets.errors import TableError
from mlops_assets.io_managers.column_descriptions import describe_columns
from mlops_assets.io_managers.progress import progress_of
from mlops_assets.io_managers.same_run import guard_switch, name_published, note_published, note_read, refuse_replaced
from mlops_assets.metadata import ALLOW_MISSING, SPACE, schema_metadata
from mlops_assets.redaction.concealed import reveal
from mlops_assets.redaction.errors import redact_errors, redact_methods
from mlops_assets.scoring.reason_text import format_reasons
from mlops_assets.settings.environment import from_environment
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import file_name
from mlops_assets.strategies import Strategy
from mlops_assets.tables.files import DELTA_LOG
from mlops_assets.tables.staged_table import Destination, SourcePart, StagedTable
from mlops_assets.tables.writers import CsvWriter, DeltaWriter, ParquetWriter, TableWriter, Written


class TableIOManager(Strategy, dg.ConfigurableIOManager, ABC):
    """What a published table promises, wherever it is kept: each asset is one table, replaced whole or not at all.

    Stores a `pyarrow.RecordBatchReader` as it streams; a Table, Dataset or pandas DataFrame is taken as well.
    Loads what the consumer annotates: `ds.Dataset` (lazy, the default), `pa.RecordBatchReader`, `pa.Table`,
    `pd.DataFrame`. Several partitions come as one table in the partitions' order, or each by itself where the
    annotation is ``dict[str, X]``. Input metadata ``columns`` selects columns, ``limit`` rows;
    ``allow_missing_partitions: true`` leaves out partitions that were never published.

    A subclass says how one table is published and read; one that keeps tables as files derives from
    `FileTableIOManager` and says only which `TableWriter` it uses. Name it in a model's YAML: ``outputs: {KIND:
    module.Class, ...}``.
    """

    path: str = Field(description="Folder or fsspec URL of the tables, and of small files such as the report.")
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="For fsspec; {env: NAME} is read from the environment when a run starts."
    )

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        redact_methods(cls, "handle_output", "load_input")

    @property
    def folder(self) -> Location:
        """The place that `path` names."""
        return Location.parse(reveal(self.path), storage_options=from_environment(self.storage_options))

    def place(self, name: str) -> Location:
        """Where a small file of this name belongs."""
        return self.folder.child(name)

    @abstractmethod
    def read(
        self, asset: str, partition: str | None = None, columns: Sequence[str] | None = None, limit: int | None = None
    ) -> ds.Dataset:
        """The published table, lazily.

        Raises
        ------
        TableError
            It was never published, or somebody changed it.
        """

    def read_whole(self, asset: str, partition: str | None = None) -> pa.Table:
        """The published table in memory, for small ones; errors as of `read`."""
        return self.read(asset, partition).to_table(use_threads=False)

    @abstractmethod
    def exists(self, asset: str, partition: str | None = None) -> bool:
        """Whether the table has been published."""

    @abstractmethod
    def published_partitions(self, asset: str, partitions: Iterable[str]) -> list[str]:
        """Those of `partitions` that have been published, in their order."""

    @abstractmethod
    def publish(
        self,
        asset: str,
        table: object,
        partition: str | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        """Replace a table, whole or not at all; `table` is a reader, or anything else that holds a table.

        `switch_guard` is as in `TableWriter.write`.
        """

    def can_stage(self, asset: str, partition: str | None = None) -> bool:
        """Whether `destination` has a place for parts."""
        return False

    def destination(self, asset: str, partition: str | None = None) -> Destination | None:
        """Where workers put the parts of a table, which `publish` is then given; None: it is not written so."""
        return None

    def parts(self, asset: str, partition: str | None = None) -> tuple[SourcePart, ...]:
        """The parts of a published table, each to be read by itself; none where they cannot be, or it is one file."""
        return ()

    def pieces(self, asset: str, partition: str | None = None) -> tuple[SourcePart, ...]:
        """As `parts`; of a table in one file, that file."""
        return self.parts(asset, partition)

    def versions(self, asset: str, partitions: Sequence[str | None]) -> dict[str | None, str | None]:
        """The data versions that the published ones of these partitions record (None: the table has no partitions)."""
        if None in partitions:
            published: Sequence[str | None] = partitions if self.exists(asset) else []
        else:
            published = self.published_partitions(asset, [key for key in partitions if key is not None])
        return {key: Provenance.of(self.read(asset, key).schema).data_version for key in published}

    @redact_errors
    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        partition = context.partition_key if context.has_asset_partitions else None
        asset = context.asset_key.path[-1]
        try:
            with name_published(context), progress_of(context, context.asset_key, take_over=True):
                written = self.publish(asset, obj, partition, guard_switch(context, self.folder))
        except (OSError, pa.ArrowInvalid):
            # A file that is replaced while it is read is no longer what its footer says.
            refuse_replaced(context)
            raise
        note_published(context, lambda: self.versions(asset, [partition]))
        descriptions = describe_columns(asset, written.schema, _space(context))
        context.add_output_metadata(
            {
                "dagster/row_count": written.rows,
                "dagster/column_schema": schema_metadata(written.schema, descriptions),
                "dagster/uri": written.uri,
                **({"size_bytes": written.bytes} if written.bytes is not None else {}),
                **({"table_version": written.version} if written.version is not None else {}),
            }
        )

    @redact_errors
    def load_input(self, context: dg.InputContext) -> object:
        with progress_of(context):
            return self.load(context, context.asset_partition_keys if context.has_asset_partitions else None)

    def load(self, context: dg.InputContext, partitions: Sequence[str] | None) -> object:
        """What the consumer annotates, of these partitions; None: the table is not partitioned.

        With `ALLOW_MISSING`, a table that was never published is None, and such a partition is left out.
        """
        options = context.definition_metadata or {}
        asset, columns, limit = context.asset_key.path[-1], options.get("columns"), options.get("limit")
        annotation = context.dagster_type.typing_type
        if partitions is None:
            if options.get(ALLOW_MISSING) and not self.exists(asset):
                return None
            note_read(context, lambda: self.versions(asset, [None]))
            return as_type(self.read(asset, None, columns, limit), annotation)
        asked = partitions
        note_read(context, lambda: self.versions(asset, asked), several=len(asked) > 1)
        if options.get(ALLOW_MISSING):
            partitions = self.published_partitions(asset, partitions)
        of_each = by_partition(annotation)
        if of_each is not None:
            return {key: as_type(self.read(asset, key, columns, limit), of_each) for key in partitions}
        if len(partitions) == 1:
            return as_type(self.read(asset, partitions[0], columns, limit), annotation)
        if not partitions:
            raise TableError(
                f"No partition of {context.asset_key.to_user_string()} has been published",
                where=self.place(asset).uri,
                fix="Materialize one first",
            )
        return as_type(concatenate([self.read(asset, key, columns) for key in partitions], limit), annotation)


class FileTableIOManager(TableIOManager, ABC):
    """Each asset as a file or folder ``<path>/<asset>.<extension>``; a partitioned one as
    ``<path>/<asset>/<partition>.<extension>``, of which a run replaces its own and no other.

    A subclass of your own says which `TableWriter` it uses.
    """

    @property
    @abstractmethod
    def writer(self) -> TableWriter:
        """How one table is written and read."""

    def table_place(self, asset: str, partition: str | None = None) -> Location:
        """Where an asset's table is, without the extension."""
        place = self.place(asset)
        return place if partition is None else place.child(self.partition_name(partition))

    def partition_name(self, partition: str) -> str:
        """A partition's key as the name of its table, without the extension."""
        return file_name(partition)

    def adapt_rows(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """The stream as the format can hold it; unchanged unless a subclass says otherwise."""
        return reader

    def read(
        self, asset: str, partition: str | None = None, columns: Sequence[str] | None = None, limit: int | None = None
    ) -> ds.Dataset:
        return self.writer.read(self.table_place(asset, partition), columns=columns, limit=limit)

    def read_whole(self, asset: str, partition: str | None = None) -> pa.Table:
        if type(self).read is not FileTableIOManager.read:
            return super().read_whole(asset, partition)
        return self.writer.read_whole(self.table_place(asset, partition))

    def exists(self, asset: str, partition: str | None = None) -> bool:
        return bool(self.writer.exists(self.table_place(asset, partition)))

    def published_partitions(self, asset: str, partitions: Iterable[str]) -> list[str]:
        # One listing, however many partitions there are.
        names = {name.split("/")[0] for name in self.place(asset).files()}
        return [key for key in partitions if f"{self.partition_name(key)}{self.writer.extension}" in names]

    def can_stage(self, asset: str, partition: str | None = None) -> bool:
        own = type(self)
        # A subclass that does something with the rows has to see them.
        if own.adapt_rows is not FileTableIOManager.adapt_rows or own.publish is not FileTableIOManager.publish:
            return False
        return self.writer.can_stage(self.table_place(asset, partition))

    def destination(self, asset: str, partition: str | None = None) -> Destination | None:
        if not self.can_stage(asset, partition):
            return None
        return Destination(self.writer, self.writer.staging(self.table_place(asset, partition)))

    def parts(self, asset: str, partition: str | None = None) -> tuple[SourcePart, ...]:
        return self._parts(asset, partition)

    def pieces(self, asset: str, partition: str | None = None) -> tuple[SourcePart, ...]:
        return self._parts(asset, partition, of_one_file=True)

    def _parts(self, asset: str, partition: str | None, *, of_one_file: bool = False) -> tuple[SourcePart, ...]:
        if type(self).read is not FileTableIOManager.read or not self.writer.knows_parts:
            return ()
        return SourcePart.all_of(self.writer, self.table_place(asset, partition), of_one_file=of_one_file)

    def publish(
        self,
        asset: str,
        table: object,
        partition: str | None = None,
        switch_guard: AbstractContextManager[object] | None = None,
    ) -> Written:
        if isinstance(table, StagedTable):
            return table.publish(switch_guard)
        rows = self.adapt_rows(table_reader(table))
        return self.writer.write(rows, self.table_place(asset, partition), switch_guard=switch_guard)


class ParquetIOManager(FileTableIOManager):
    """Parquet: every type survives, provenance is in the file's metadata."""

    KIND: ClassVar[Literal["ParquetIOManager"]] = "ParquetIOManager"

    @property
    def writer(self) -> TableWriter:
        return ParquetWriter()


class CsvIOManager(FileTableIOManager):
    """CSV for people and spreadsheets; a hidden file beside it keeps the types. No nested or binary columns.

    The reasons of rejected rows become text.
    """

    KIND: ClassVar[Literal["CsvIOManager"]] = "CsvIOManager"

    csv_formulas: Literal["keep", "escape"] = Field(
        default="keep", description="escape: text that a spreadsheet would execute gets an apostrophe before it."
    )

    @property
    def writer(self) -> TableWriter:
        return CsvWriter(escape_formulas=self.csv_formulas == "escape")

    def adapt_rows(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        return format_reasons(reader)


class DeltaIOManager(FileTableIOManager):
    """Delta: each asset is a table ``<path>/<asset>``, each publish one commit; the metadata names its version.

    Each partition is a table of its own, ``<path>/<asset>/<partition>``: so a partition's newest commit is its own
    publish, with its own provenance and columns, and runs of two partitions never meet in one log.
    """

    KIND: ClassVar[Literal["DeltaIOManager"]] = "DeltaIOManager"

    @property
    def writer(self) -> TableWriter:
        return DeltaWriter()

    def partition_name(self, partition: str) -> str:
        # deltalake decodes percent signs in a path; a tilde is in no file_name.
        return file_name(partition).replace("%", "~")

    def published_partitions(self, asset: str, partitions: Iterable[str]) -> list[str]:
        logs = {name.split("/")[0] for name in self.place(asset).files() if f"/{DELTA_LOG}/" in name}
        return [key for key in partitions if self.partition_name(key) in logs]


def _space(context: dg.OutputContext) -> str | None:
    space = context.output_metadata.get(SPACE)
    return None if space is None else str(getattr(space, "value", space))


def table_reader(obj: object) -> pa.RecordBatchReader:
    """A stream of whatever an asset returned that holds a table."""
    if isinstance(obj, pa.RecordBatchReader):
        return obj
    if isinstance(obj, StagedTable):
        return obj.reader()
    if isinstance(obj, pa.Table):
        return obj.to_reader()
    return from_arrow_like(obj).reader()
