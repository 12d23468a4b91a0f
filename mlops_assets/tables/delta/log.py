"""The log of a Delta table: which files a version is made of, and how the next version is committed."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from pyarrow import fs as arrow_fs

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.delta.store import deltalake, file_in, store_options, table_url, translate_errors
from mlops_assets.tables.files import DELTA_LOG

_NTZ = "timestampNtz"
# Reader features under which the rows are those of the files, but for the deleted ones.
# deltalake adds variantType by itself; a column of that type comes as a struct of bytes.
_KNOWN = {_NTZ, "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors", "typeWidening", "variantType"}
_SLACK = timedelta(milliseconds=1)


@dataclass(frozen=True)
class DataFile:
    """One data file of a version: its path below the table, and the values of the table's partition columns in it."""

    location: Location
    inside: str
    partition: Mapping[str, pa.Scalar]


@dataclass(frozen=True)
class DeltaVersion:
    """One version of a table.

    Attributes
    ----------
    schema
        Delta's own types as Arrow's, the partition columns included.
    files
        In the order in which they were added; those of one commit by name. It is the order of the rows.
    partition_columns
        Those whose values are in the log and not in the files.
    deleted
        File's path below the table -> which of its rows are left (a boolean array, rows beyond its end are).
    """

    place: Location
    version: int
    schema: pa.Schema
    files: tuple[DataFile, ...]
    partition_columns: tuple[str, ...]
    deleted: Mapping[str, pa.BooleanArray]

    @property
    def uri(self) -> str:
        """The table with its version, as in ``file:///tables/churn@v12``."""
        return f"{self.place.uri}@v{self.version}"


def is_delta(place: Location) -> bool:
    """Whether a folder has a Delta log; asks no more than the file system."""
    return bool(place.child(DELTA_LOG).kind() == arrow_fs.FileType.Directory)


def has_table(place: Location) -> bool:
    """Whether a Delta table was ever committed there."""
    if place.is_local and not is_delta(place):
        return False
    with translate_errors(place):
        return bool(deltalake().DeltaTable.is_deltatable(table_url(place), store_options(place)))


def newest_version(place: Location) -> tuple[str, str] | None:
    """The table's id and the number of its newest version; None where there is no table.

    Raises
    ------
    TableError
        The store does not answer.
    """
    if not has_table(place):
        return None
    with translate_errors(place):
        table = deltalake().DeltaTable(table_url(place), storage_options=store_options(place))
        return str(table.metadata().id), str(table.version())


def parse_timestamp(text: str) -> datetime:
    """A point in time, as a person writes it in YAML.

    Raises
    ------
    ConfigurationError
        It is not ISO 8601, or has no zone.
    """
    fix = "Write it like 2026-11-01T00:00:00Z"
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"timestamp is {text!r}, which is not ISO 8601", fix=fix) from error
    if time.tzinfo is None:
        raise ConfigurationError(f"timestamp is {text!r}, which has no time zone", fix=fix)
    return time


def open_version(place: Location, version: int | None = None, timestamp: str | None = None) -> DeltaVersion:
    """The newest version, that of a number, or the one that was the newest at a time.

    Raises
    ------
    TableError
        No table, no such version, nothing at that time, or a table that needs a reader's feature that is not known.
    """
    table = _open_table(place, version, timestamp)
    protocol = table.protocol()
    if unknown := sorted(set(protocol.reader_features or ()) - _KNOWN):
        raise TableError(
            f"The table needs readers that know {', '.join(unknown)}",
            where=place.uri,
            fix="Write it again without, or publish it as Parquet",
        )
    if "delta.columnMapping.mode" in table.metadata().configuration:
        raise TableError("The table renames its columns (columnMapping)", where=place.uri, fix="Write it again without")
    with translate_errors(place):
        actions = pa.table(table.get_add_actions()).to_pylist()
        schema = pa.schema(table.schema())
        partition_columns = tuple(table.metadata().partition_columns)
        deleted = _deletion_vectors(table) if "deletionVectors" in (protocol.reader_features or ()) else {}
    files = []
    for action in sorted(actions, key=lambda each: (each["modification_time"], each["path"])):
        if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:/|/", action["path"]):
            raise TableError(
                "The table is a shallow clone: its files are elsewhere", where=place.uri, fix="Clone it whole"
            )
        values = action.get("partition") or {}
        constants = {name: pa.scalar(values[name], schema.field(name).type) for name in partition_columns}
        # The log's paths are URLs.
        inside = unquote(action["path"])
        files.append(DataFile(file_in(place, inside), inside, constants))
    return DeltaVersion(place, table.version(), schema, tuple(files), partition_columns, deleted)


def _open_table(place: Location, version: int | None, timestamp: str | None) -> Any:
    url, options = table_url(place), store_options(place)
    with translate_errors(place):
        newest = deltalake().DeltaTable(url, storage_options=options)
    if version is not None and version != newest.version():
        if version > newest.version():
            raise TableError(
                f"The table has no version {version}, its newest is {newest.version()}",
                where=place.uri,
                fix="Correct inputs.version",
            )
        with translate_errors(place):
            return deltalake().DeltaTable(url, version=version, storage_options=options)
    if timestamp is not None:
        time = parse_timestamp(timestamp)
        with translate_errors(place):
            newest.load_as_version(time)
        # deltalake answers with the oldest version there is when the table is younger than the time.
        written = _committed_at(place, newest.version())
        if written is not None and written > time + _SLACK:
            raise TableError(
                f"The table has no version as old as {timestamp}: version {newest.version()} was written later",
                where=place.uri,
                fix="Correct inputs.timestamp, or name a version",
            )
    return newest


def _committed_at(place: Location, version: int) -> datetime | None:
    """When a version was committed, as Delta counts it; None when its own log entry is gone."""
    entry = file_in(place, f"{DELTA_LOG}/{version:020}.json")
    if not entry.exists():
        return None
    with entry.filesystem.open_input_stream(entry.path) as stream:
        first = json.loads(bytes(stream.read()).partition(b"\n")[0])
    inside = first.get("commitInfo", {}).get("inCommitTimestamp")
    if inside is not None:
        return datetime.fromtimestamp(inside / 1000, UTC)
    written: datetime | None = entry.filesystem.get_file_info(entry.path).mtime
    return written


def _deletion_vectors(table: Any) -> dict[str, pa.BooleanArray]:
    """Path below the table -> which rows are left."""
    found, root = pa.table(table.deletion_vectors()), table.table_uri.rstrip("/") + "/"
    return {
        unquote(path.as_py().removeprefix(root)): rows.values
        for path, rows in zip(found.column(0), found.column(1), strict=True)
    }


@dataclass(frozen=True)
class NewFile:
    """A data file that is written and not committed yet; `name` is below the table's folder."""

    name: str
    size: int
    rows: int


def commit(place: Location, files: Sequence[NewFile], schema: pa.Schema, metadata: Mapping[str, str]) -> int:
    """Make these files the whole content of the table, in this order: exactly one commit; returns its version.

    Parameters
    ----------
    files
        They are there already.
    schema
        Their columns, in Delta's types; it becomes the table's schema.
    metadata
        What goes into the commit info, under names that the log does not use itself.

    Raises
    ------
    ConcurrentRunError
        Another writer committed at the same moment; nothing was changed.
    TableError
        The log cannot be written.
    """
    package, url, options = deltalake(), table_url(place), store_options(place)
    from deltalake.transaction import AddAction, create_table_with_add_actions

    now = int(datetime.now(UTC).timestamp() * 1000)
    # The order of the rows is that of these times (see `DeltaVersion.files`): each is a millisecond after the other.
    adds = [
        AddAction(file.name, file.size, {}, now - behind, True, json.dumps({"numRecords": file.rows}))
        for behind, file in zip(range(len(files) - 1, -1, -1), files, strict=True)
    ]
    # Never tried again on top of what another writer has committed meanwhile: the table would hold the rows of both.
    properties = package.CommitProperties(custom_metadata=dict(metadata), max_commit_retries=0)
    with translate_errors(place):
        delta_schema = package.Schema.from_arrow(schema)
        table = package.DeltaTable(url, storage_options=options) if has_table(place) else None
        if table is not None and _accepts(table, schema):
            table.create_write_transaction(adds, "overwrite", delta_schema, commit_properties=properties)
        else:
            # Only so are the protocol and the partition columns changed in the same commit as the rows.
            create_table_with_add_actions(
                url,
                delta_schema,
                adds,
                mode="error" if table is None else "overwrite",
                configuration=table.metadata().configuration if table is not None else None,
                storage_options=options,
                commit_properties=properties,
            )
        return int(package.DeltaTable(url, storage_options=options).version())


def _accepts(table: Any, schema: pa.Schema) -> bool:
    if table.metadata().partition_columns:
        return False
    return _NTZ in (table.protocol().writer_features or ()) or not any(map(_is_local_time, schema.types))


def _is_local_time(kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return kind.tz is None
    if pa.types.is_nested(kind):
        return any(_is_local_time(kind.field(index).type) for index in range(kind.num_fields))
    return False


def refers_to(place: Location, name: str) -> bool:
    """Whether the newest version is made of the file `name`; True also where this cannot be found out."""
    try:
        return has_table(place) and any(file.inside == name for file in open_version(place).files)
    except TableError:
        return True
