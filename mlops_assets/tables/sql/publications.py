"""The record of what was published: one row per table, partition and version, in the tables' own database."""

import base64
import hashlib
import json
from dataclasses import dataclass

import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.tables.sql.names import TableName, quoted
from mlops_assets.tables.sql.session import Session

TABLE = "mlops_assets_provenance"
_FIELDS = (
    ("table_name", pa.string()),
    ("partition_key", pa.string()),
    ("publication", pa.int64()),
    ("is_current", pa.bool_()),
    ("data_version", pa.string()),
    ("row_count", pa.int64()),
    ("metadata", pa.string()),
    ("arrow_schema", pa.string()),
)


@dataclass(frozen=True)
class Publication:
    """Rows that one run published.

    Attributes
    ----------
    table, partition
        Where they are; the partition is empty where there is none.
    number
        Which rows: their column `mlops_assets_publication`. A hash of the partition and the data version, so that the
        same inputs give the same rows.
    schema
        Arrow types, and the metadata that a Parquet file would hold.
    is_current
        Whether these are the rows that the next asset reads: those that were published last.
    """

    table: str
    partition: str
    number: int
    rows: int
    schema: pa.Schema
    is_current: bool = True

    @property
    def provenance(self) -> Provenance:
        return Provenance.of(self.schema)


def number_of(partition: str, version: str) -> int:
    """A publication's number: 63 bits of a SHA-256."""
    digest = hashlib.sha256(json.dumps([partition, version]).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class Publications:
    """The side table `mlops_assets_provenance` of one schema."""

    def __init__(self, session: Session, schema: str | None) -> None:
        self._session = session
        self.name = TableName(TABLE, schema)

    def create(self) -> None:
        """Make the table where it is missing."""
        declared = []
        for name, kind in _FIELDS:
            storage = self._session.native(kind)
            assert storage is not None
            declared.append(f"{quoted(name)} {storage.sql}")
        self._session.execute(f"CREATE TABLE IF NOT EXISTS {self.name.sql} ({', '.join(declared)})")

    def of(self, table: str, partition: str | None = None) -> list[Publication]:
        """All of a table, or of one of its partitions; none where nothing was ever published."""
        if self._session.columns(self.name) is None:
            return []
        columns = ", ".join(
            quoted(name)
            for name in ("table_name", "partition_key", "publication", "row_count", "arrow_schema", "is_current")
        )
        where, values = '"table_name" = $1', [table]
        if partition is not None:
            where, values = f'{where} AND "partition_key" = $2', [table, partition]
        return [
            Publication(str(name), str(key), int(str(number)), int(str(rows)), _schema(str(text)), bool(current))
            for name, key, number, rows, text, current in self._session.rows(
                f'SELECT {columns} FROM {self.name.sql} WHERE {where} ORDER BY "partition_key", "publication"', values
            )
        ]

    def current(self, table: str, partition: str = "") -> Publication | None:
        """The one that the next asset reads."""
        return next((publication for publication in self.of(table, partition) if publication.is_current), None)

    def forget(self, table: str, partition: str | None, number: int | None = None) -> None:
        """Remove the record of a table's, a partition's, or one publication."""
        conditions: list[tuple[str, object]] = [("table_name", table)]
        conditions += [("partition_key", partition)] if partition is not None else []
        conditions += [("publication", number)] if number is not None else []
        where = " AND ".join(f"{quoted(name)} = ${at}" for at, (name, _) in enumerate(conditions, 1))
        self._session.execute(f"DELETE FROM {self.name.sql} WHERE {where}", [value for _, value in conditions])

    def record(self, publication: Publication) -> None:
        """Note a publication; those before it of the same partition are no longer the current one."""
        self._session.execute(
            f'UPDATE {self.name.sql} SET "is_current" = FALSE WHERE "table_name" = $1 AND "partition_key" = $2',
            [publication.table, publication.partition],
        )
        metadata = {
            key.decode("utf-8", "replace"): value.decode("utf-8", "replace")
            for key, value in (publication.schema.metadata or {}).items()
        }
        text = base64.b64encode(publication.schema.serialize().to_pybytes()).decode()
        values = [
            publication.table,
            publication.partition,
            publication.number,
            True,
            publication.provenance.data_version or "",
            publication.rows,
            json.dumps(metadata, ensure_ascii=False, sort_keys=True),
            text,
        ]
        places = ", ".join(f"${at}" for at in range(1, len(values) + 1))
        self._session.execute(f"INSERT INTO {self.name.sql} VALUES ({places})", values)


def _schema(text: str) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))
