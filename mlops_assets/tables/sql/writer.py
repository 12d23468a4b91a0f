"""Publishing a table in a database: staged aside, switched in one transaction."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Literal, Protocol

import pyarrow as pa

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.arrow.content_hash import ContentHash
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import MlopsAssetsError, TableError
from mlops_assets.progress.report import counted, track
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import PARTITION, PUBLICATION, RESERVED, ROW, TableName, quoted, refuse_names
from mlops_assets.tables.sql.publications import Publication, Publications, number_of
from mlops_assets.tables.sql.session import Session, column_list
from mlops_assets.tables.sql.storage import Storage, UnstorableError

WriteMode = Literal["replace", "append", "upsert"]
_STAGE = "mlops_assets_stage"
_ROWS = 16_384


class RereadableRows(Protocol):
    """Rows that can be read from the start any number of times: a `Spool`, an `InputTable`."""

    @property
    def schema(self) -> pa.Schema: ...

    def reader(self) -> pa.RecordBatchReader: ...


@dataclass(frozen=True)
class Target:
    """A table to be published.

    Attributes
    ----------
    partition
        Its rows alone are replaced, appended to, or updated; empty: the table has no partitions.
    mode
        ``replace``: every row that was there before goes. ``append``: rows of other versions stay; the same version
        published again takes its own rows' place. ``upsert``: rows with the same key are replaced, the others stay.
    key
        With ``upsert``: the columns that identify a row.
    renamed
        Columns of today -> what an earlier release called them. Where a table that keeps rows has only the old one, the
        new one is added and filled from it; the old one stays as it is.
    constants
        Column -> its one text in the rows of a publication that lacks the column, by its provenance.
    """

    address: SqlAddress
    name: TableName
    partition: str = ""
    mode: WriteMode = "replace"
    key: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    constants: Callable[[Provenance], Mapping[str, str]] | None = None

    @property
    def where(self) -> str:
        return f"{self.address.uri}, table {self.name}"


def check_storable(schema: pa.Schema, target: Target) -> None:
    """Refuse what the database cannot hold, before any row is made.

    Raises
    ------
    TableError
        Names the columns.
    """
    with open_session(target.address, writing=True) as session:
        _storages(session, schema, target)


def write(
    rows: RereadableRows, target: Target, switch_guard: AbstractContextManager[object] | None = None
) -> Publication:
    """Publish `rows` as a table.

    Guarantees
    ----------
    - Staged in a temporary table, switched in one transaction together with the record in `mlops_assets_provenance`:
      others see the rows of before or all of the new ones. Any failure leaves everything as it was.
    - Beside its own columns the table has `mlops_assets_publication` (which rows were published together) and
      `mlops_assets_row` (their order), and with partitions `mlops_assets_partition`.
    - Rights, indexes and views of a table that keeps its columns stay.
    - The same rows give the same content. Memory holds a few batches.

    Parameters
    ----------
    switch_guard
        Entered when all rows are staged and no other publisher can switch, left after the switch; refuses it by an
        exception.

    Raises
    ------
    TableError
        A column or a value cannot be held; the table was not published by this package; a column changed its type.
    """
    with open_session(target.address, writing=True) as session, session.translate_errors(target.where):
        storages = _storages(session, rows.schema, target)
        columns = {field.name: storage.sql for field, storage in zip(rows.schema, storages, strict=True)}
        number = number_of(target.partition, Provenance.of(rows.schema).data_version or _hash_content(rows))
        stage, staged = _stage_rows(session, rows, storages, columns, target)
        publication = Publication(target.name.table, target.partition, number, staged, rows.schema)
        if target.mode == "upsert":
            session.create_index(f"{_STAGE}_key", stage, target.key)
        with ExitStack() as switch, session.transaction(writing=True):
            switch.enter_context(switch_guard if switch_guard is not None else nullcontext())
            record = Publications(session, target.name.schema)
            record.create()
            _prepare_table(session, record, columns, target, publication)
            with track(f"moving {staged:,} rows into {target.name}", unit=""):
                _delete_replaced_rows(session, record, stage, target, number)
                _insert_rows(session, stage, columns, target, number)
                record.record(publication)
        return publication


def _storages(session: Session, schema: pa.Schema, target: Target) -> list[Storage]:
    storages = session.storages(schema, target.where)
    refuse_names([target.name.table], session.longest_name, False, target.where)
    if taken := [name for name in schema.names if name.lower() in RESERVED]:
        raise TableError(
            f"Columns {', '.join(map(repr, taken))} have names that published tables use themselves",
            where=target.where,
            fix="Give them other names",
        )
    names = set(schema.names)
    if missing := [name for name in target.key if name not in names]:
        raise TableError(
            f"Columns {', '.join(map(repr, missing))} of the key are not among the rows'",
            where=target.where,
            fix="Use mode: replace or append, or a row_key that the rows have",
        )
    return storages


def _stage_rows(
    session: Session, rows: RereadableRows, storages: Sequence[Storage], columns: Mapping[str, str], target: Target
) -> tuple[TableName, int]:
    """The rows, encoded, in a temporary table; and how many they are."""
    integer = _integer(session)
    stage = session.create_temporary(_STAGE, {**columns, ROW: integer})
    fields = [(field.name, storage.stored) for field, storage in zip(rows.schema, storages, strict=True)]
    schema = pa.schema([*fields, (ROW, pa.int64())])
    rows_done = 0

    def encode_batches() -> Iterator[pa.RecordBatch]:
        nonlocal rows_done
        for batch in stage_rows.count_batches(fixed_batches(rows.reader(), _ROWS)):
            arrays = [
                _encode(storage, column, name, target)
                for storage, column, name in zip(storages, batch.columns, batch.schema.names, strict=True)
            ]
            places = pa.array(range(rows_done, rows_done + batch.num_rows), pa.int64())
            rows_done += batch.num_rows
            yield pa.RecordBatch.from_arrays([*arrays, places], schema=schema)

    failures: list[BaseException] = []

    def note_failures() -> Iterator[pa.RecordBatch]:
        try:
            yield from encode_batches()
        except (MlopsAssetsError, pa.ArrowException, OSError) as error:
            failures.append(error)
            raise

    with track(f"loading rows for {target.name}", getattr(rows, "rows", None)) as stage_rows:
        try:
            session.load(stage, schema, note_failures())
        finally:
            # A driver that pulls the rows reports their failure by an error of its own.
            if failures:
                raise failures[0] from None
    return stage, rows_done


def _encode(storage: Storage, column: pa.Array, name: str, target: Target) -> pa.Array:
    try:
        return storage.encode(column)
    except (UnstorableError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        why = str(error) if isinstance(error, UnstorableError) else f"a value that {storage.sql} does not hold exactly"
        raise TableError(
            f"Column {name!r} ({storage.kind}) has {why}",
            where=target.where,
            fix="Round or cast the column in the inputs, or publish as Parquet",
        ) from None


def _prepare_table(
    session: Session, record: Publications, columns: Mapping[str, str], target: Target, new: Publication
) -> None:
    """The table with the columns that are needed: made, remade, or widened."""
    columns_before = session.columns(target.name)
    published = record.of(target.name.table)
    if columns_before is None:
        record.forget(target.name.table, None)
        _create_table(session, columns, target)
        return
    _refuse_foreign_rows(published, target, new)
    known = {
        field.name: storage.sql
        for publication in published
        for field in publication.schema
        if (storage := session.storage(field.type)) is not None
    }
    if target.mode == "replace" and not target.partition:
        if known != dict(columns) or not set(columns) <= set(columns_before):
            session.execute(f"DROP TABLE {target.name.sql}")
            _create_table(session, columns, target)
        return
    changed = [name for name in columns if known.get(name, columns[name]) != columns[name]]
    if changed:
        listed = ", ".join(
            f"{name!r} ({known[name] or 'a number'}, now {columns[name] or 'a number'})" for name in changed
        )
        raise TableError(
            f"Columns changed their types: {listed}",
            where=target.where,
            fix="Set another prefix for the new tables, or drop the old table",
        )
    added = [name for name in columns if name not in columns_before]
    for name in added:
        session.execute(f"ALTER TABLE {target.name.sql} ADD COLUMN {quoted(name)} {columns[name]}")
    _fill_added(session, added, published, columns_before, target)


def _fill_added(
    session: Session,
    added: Sequence[str],
    published: Sequence[Publication],
    columns_before: Mapping[str, str],
    target: Target,
) -> None:
    """What an earlier release wrote under another name, or did not write, in the columns of today."""
    table = target.name.sql
    for name in added:
        old = target.renamed.get(name)
        if old is not None and old in columns_before:
            session.execute(f"UPDATE {table} SET {quoted(name)} = {quoted(old)}")
    for publication in published if target.constants is not None and added else ():
        assert target.constants is not None
        for name, text in target.constants(publication.provenance).items():
            if name in added:
                session.execute(
                    f"UPDATE {table} SET {quoted(name)} = CAST($1 AS {session.text})"
                    f" WHERE {quoted(PUBLICATION)} = {publication.number}",
                    (text,),
                )


def _refuse_foreign_rows(published: Sequence[Publication], target: Target, new: Publication) -> None:
    if not published:
        raise TableError(
            "There is a table of this name that was not published by this package",
            where=target.where,
            fix="Set outputs.prefix or outputs.schema, or drop that table",
        )
    models = {publication.provenance.model for publication in published} - {None, new.provenance.model}
    if models and new.provenance.model is not None:
        raise TableError(
            f"The table holds predictions or explanations of the model {sorted(map(str, models))[0]!r}",
            where=target.where,
            fix="Give each model its own outputs.prefix or outputs.schema",
        )
    if any(bool(publication.partition) != bool(target.partition) for publication in published):
        was, now = ("without", "with") if target.partition else ("with", "without")
        raise TableError(
            f"The table was published {was} partitions, and now comes {now}",
            where=target.where,
            fix="Set another prefix for the new tables, or drop the old table",
        )


def _create_table(session: Session, columns: Mapping[str, str], target: Target) -> None:
    integer = _integer(session)
    hidden = {**({PARTITION: session.text} if target.partition else {}), PUBLICATION: integer, ROW: integer}
    session.execute(f"CREATE TABLE {target.name.sql} ({column_list({**columns, **hidden})})")
    digest = hashlib.sha256(str(target.name).encode()).hexdigest()[:16]
    session.create_index(f"mlops_assets_{digest}", target.name, (PUBLICATION, ROW))


def _delete_replaced_rows(
    session: Session, record: Publications, stage: TableName, target: Target, number: int
) -> None:
    """Delete the rows that the new ones replace, and their record."""
    name, partition = target.name.sql, quoted(PARTITION)
    if target.mode == "replace":
        record.forget(target.name.table, target.partition)
        if target.partition:
            session.execute(f"DELETE FROM {name} WHERE {partition} = $1", (target.partition,))
        else:
            session.execute(f"DELETE FROM {name}")
        return
    session.execute(f"DELETE FROM {name} WHERE {quoted(PUBLICATION)} = {number}")
    record.forget(target.name.table, target.partition, number)
    if target.mode == "upsert":
        same = " AND ".join(f"{quoted(_STAGE)}.{quoted(key)} = {name}.{quoted(key)}" for key in target.key)
        within, values = (f"{partition} = $1 AND ", (target.partition,)) if target.partition else ("", ())
        sql = f"DELETE FROM {name} WHERE {within}EXISTS (SELECT 1 FROM {stage.sql} AS {quoted(_STAGE)} WHERE {same})"
        session.execute(sql, values)


def _insert_rows(session: Session, stage: TableName, columns: Mapping[str, str], target: Target, number: int) -> None:
    data_columns = ", ".join(map(quoted, columns))
    hidden, constants = [PUBLICATION, ROW], f"{number}, {quoted(ROW)}"
    values: tuple[object, ...] = ()
    if target.partition:
        hidden, constants = [PARTITION, *hidden], f"CAST($1 AS {session.text}), {constants}"
        values = (target.partition,)
    names = ", ".join([*([data_columns] if data_columns else []), *map(quoted, hidden)])
    chosen = ", ".join([*([data_columns] if data_columns else []), constants])
    session.execute(
        f"INSERT INTO {target.name.sql} ({names}) SELECT {chosen} FROM {stage.sql} ORDER BY {quoted(ROW)}", values
    )


def _integer(session: Session) -> str:
    storage = session.native(pa.int64())
    assert storage is not None
    return storage.sql


def _hash_content(rows: RereadableRows) -> str:
    digest = ContentHash(rows.schema)
    for batch in counted(rows.reader(), "hashing rows"):
        digest.update(batch)
    return digest.hexdigest()
