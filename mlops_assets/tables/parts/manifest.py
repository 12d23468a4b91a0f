"""The list of a table's parts, which is the first of its files: one without rows, with the schema of the whole table.

It is an ordinary Parquet file that sorts before the parts. Whoever reads a folder or a Delta table file by file thus
gets the table's columns and provenance from it, and needs to know nothing of parts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_assets.errors import TableError
from mlops_assets.storage.location import Location
from mlops_assets.tables.files import translate_read_errors
from mlops_assets.tables.parquet_files import ParquetFiles
from mlops_assets.tables.parts.part import PublishedPart

MANIFEST = "manifest.parquet"
PARTS = b"mlops_assets.parts_of_table"
"""In the metadata of the manifest's schema: its parts in order, as JSON."""


@dataclass(frozen=True)
class ListedPart:
    """What a manifest says of a part; `name` is below the table's folder."""

    name: str
    key: str
    rows: int
    bytes: int
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """The parts of a table in order, and its schema as it is stored, without the list itself."""

    schema: pa.Schema
    parts: tuple[ListedPart, ...]

    def published(self, folder: Location) -> tuple[PublishedPart, ...]:
        """The parts as files below the table's folder."""
        return tuple(
            PublishedPart(folder.child(part.name), number, part.rows, part.bytes, part.key, part.facts)
            for number, part in enumerate(self.parts)
        )


def write_manifest(schema: pa.Schema, parts: Sequence[ListedPart], sink: pa.NativeFile) -> None:
    """Write the manifest of a table whose stored schema is `schema`."""
    listed = [[part.name, part.key, part.rows, part.bytes, dict(sorted(part.facts.items()))] for part in parts]
    text = json.dumps(listed, ensure_ascii=False, separators=(",", ":")).encode()
    stored = schema.with_metadata({**(schema.metadata or {}), PARTS: text})
    pq.ParquetWriter(sink, stored, compression="snappy", version="2.6").close()


def read_manifest(file: Location) -> Manifest | None:
    """The manifest that is in a file; None where the file is another one.

    Raises
    ------
    TableError
        It is not there, or damaged.
    """
    with translate_read_errors(file), file.filesystem.open_input_file(file.path) as stream:
        return manifest_in(ParquetFiles().schema_of(stream, file), file)


def manifest_in(stored: pa.Schema, file: Location) -> Manifest | None:
    """The manifest whose file has the schema `stored`; None where it is no manifest."""
    metadata = dict(stored.metadata or {})
    text = metadata.pop(PARTS, None)
    if text is None:
        return None
    try:
        parts = tuple(ListedPart(*entry) for entry in json.loads(text))
    except (ValueError, TypeError) as error:
        raise TableError(
            "The list of the table's parts is damaged", where=file.uri, fix="Materialize the asset that writes it"
        ) from error
    return Manifest(stored.with_metadata(metadata or None), parts)


def refuse_changed(parts: Sequence[PublishedPart]) -> None:
    """Refuse a table of which a part is missing or of another size than it was published with.

    Raises
    ------
    TableError
        Names the file.
    """
    if not parts:
        return
    infos = parts[0].location.filesystem.get_file_info([part.location.path for part in parts])
    for part, info in zip(parts, infos, strict=True):
        if info.size != part.bytes:
            what = "is missing" if info.size is None else f"has {info.size} bytes in place of {part.bytes}"
            raise TableError(
                f"A part of the table {what}", where=part.location.uri, fix="Materialize the asset that writes it"
            )
