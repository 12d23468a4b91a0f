"""An input table in splits: consecutive rows as small values, which workers open where the files are."""

import hashlib
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, groupby
from typing import TypeVar

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.input_table import ROW_NUMBER, InputTable, keep_index_names
from mlops_assets.storage.location import Location
from mlops_assets.tables.file_format import FileFormat
from mlops_assets.tables.many_files import look_at_each
from mlops_assets.tables.part_size import Piece, group_pieces
from mlops_assets.tables.reading_plan import FilePart, ReadingPlan

SPLIT_VERSION = 1
"""Goes up with every change of what reading a split gives."""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Split:
    """Consecutive rows of a table. Small, and to be sent to other processes: it holds addresses, and no rows.

    Attributes
    ----------
    number
        Its place among the table's splits, from 0.
    identity
        64 hex digits that stand for all that its rows depend on: of each file the name below the table, what the file
        system and the footer say of it, and its row groups; every setting of reading, the columns that all files
        together have, and Arrow's version. Equal in every table that holds the same rows at the same place.
    rows
        How many; None where only reading shows it.
    first_row
        The position of its first row in the table; None likewise.
    lacks_first_row
        Whether rows are numbered, and `starting_at` has to say with what this split begins before it is opened.
    """

    number: int
    identity: str
    rows: int | None
    first_row: int | None
    _plan: ReadingPlan = field(repr=False, compare=False)
    lacks_first_row: bool = False

    @property
    def location(self) -> Location:
        """The first file that its rows are in."""
        return self._plan.parts[0].location

    def count_rows(self) -> int:
        """How many rows it has; where nothing else shows it they are read, with as few columns as possible."""
        return self.rows if self.rows is not None else self._plan.count_rows()

    def starting_at(self, first_row: int) -> "Split":
        """The same rows, the first of which has this position in the table; numbered rows have another identity."""
        if not self.lacks_first_row:
            return replace(self, first_row=first_row)
        identity = hashlib.sha256(f"{first_row} {self.identity}".encode()).hexdigest()
        plan = replace(self._plan, first_row=first_row)
        return replace(self, identity=identity, first_row=first_row, _plan=plan, lacks_first_row=False)

    def open(self) -> InputTable:
        """Its rows as a table of the same columns, types and row numbers as the whole; no folder is listed again.

        Reading it raises what reading the whole table would raise at these rows, and `ConcurrentRunError` at a file
        that was replaced since the split was made.
        """
        return self._plan.open()


def open_plan(
    plan: ReadingPlan,
    lazy: Callable[[pa.Schema], ds.Dataset] | None = None,
    count: Callable[[], int | None] | None = None,
) -> InputTable:
    """A whole table, which can say its splits; see `ReadingPlan.open`."""
    table = plan.open(lazy, count)
    return replace(table, _splits=lambda: plan_splits(plan, table))


def plan_splits(plan: ReadingPlan, table: InputTable) -> tuple[Split, ...] | None:
    """The splits of a table of files, in order; none where it is one piece, None where it cannot be cut.

    Parameters
    ----------
    plan
        Of the whole table.
    table
        What it opens.

    Raises
    ------
    TableError
        A file is gone or unreadable.
    """
    if plan.limit is not None:
        return None
    generated = table.row_key == (ROW_NUMBER,) and ROW_NUMBER not in plan.schema.names
    files = _for_each_file(plan, lambda part: _PlannedFile.look_up(part, plan.reader))
    uncounted = generated and any(piece.rows is None for file in files for piece in file.pieces)
    pieces = ((piece, (at, number)) for at, file in enumerate(files) for number, piece in enumerate(file.pieces))
    groups = list(group_pieces(pieces))
    if len(groups) < 2:
        return ()
    facts = _for_each_file(plan, FilePart.look_up_facts)
    settings, splits = _settings(plan, table), []
    sent = replace(plan, schema=keep_index_names(plan.schema))
    first: int | None = 0
    for number, group in enumerate(groups):
        parts = tuple(
            replace(files[at].cut([number for _, number in numbers]), facts=facts[at])
            for at, numbers in groupby((each for _, each in group), key=lambda each: each[0])
        )
        known = [piece.rows for piece, _ in group if piece.rows is not None]
        rows = sum(known) if len(known) == len(group) else None
        identity = _identity(settings, parts, first if generated and not uncounted else None)
        own = replace(sent, parts=parts, first_row=first or 0, rows=rows)
        splits.append(Split(number, identity, rows, None if uncounted else first, own, uncounted))
        first = None if first is None or rows is None else first + rows
    return tuple(splits) if _can_be_sent(splits[0]) else None


@dataclass(frozen=True)
class _PlannedFile:
    """A file, and what it can be cut into.

    Attributes
    ----------
    pieces
        With the rows that still count.
    starts
        The rows of the file before each piece, and before its end; empty where they are unknown.
    """

    part: FilePart
    pieces: tuple[Piece, ...]
    starts: tuple[int, ...]

    @classmethod
    def look_up(cls, part: FilePart, reader: FileFormat) -> "_PlannedFile":
        found = reader.pieces(part.location)
        known = replace(part, digest=found.digest)
        rows = [piece.rows for piece in found.pieces if piece.rows is not None]
        if len(rows) < len(found.pieces):
            return cls(known, found.pieces, ())
        starts = tuple(accumulate(rows, initial=0))
        counts = [count - part.count_deleted(start, count) for start, count in zip(starts, rows, strict=False)]
        return cls(known, tuple(map(Piece, counts, (piece.bytes for piece in found.pieces))), starts)

    def cut(self, numbers: Sequence[int]) -> FilePart:
        """These consecutive pieces of it."""
        if not self.starts:
            return self.part
        pieces = range(numbers[0], numbers[-1] + 1)
        live = self.part.live_slice(self.starts[pieces.start], self.starts[pieces.stop])
        return replace(self.part, pieces=pieces, live=live)


def _for_each_file(plan: ReadingPlan, look: Callable[[FilePart], Found]) -> list[Found]:
    return list(look_at_each(plan.parts, look, one_by_one=all(part.location.is_local for part in plan.parts)))


def _settings(plan: ReadingPlan, table: InputTable) -> bytes:
    """All that decides about rows beside the files."""
    schema = keep_index_names(plan.schema)
    described = [
        SPLIT_VERSION,
        pa.__version__,
        plan.reader.name,
        plan.reader.settings(),
        *(_describe_columns(each) for each in (schema, table.schema)),
        sorted((schema.metadata or {}).items()),
        table.row_key,
        sorted(table.text_columns),
        sorted((name, str(kind)) for name, kind in plan.mixed.items()),
        sorted((name, str(kind)) for name, kind in table.types.items()),
        sorted(plan.partitions),
    ]
    return repr(described).encode()


def _describe_columns(schema: pa.Schema) -> list[tuple[object, ...]]:
    return [(field.name, str(field.type), field.nullable, sorted((field.metadata or {}).items())) for field in schema]


def _identity(settings: bytes, parts: Sequence[FilePart], first_row: int | None) -> str:
    total = hashlib.sha256(settings)
    for text in (repr(first_row), *(part.describe() for part in parts)):
        total.update(f"{len(text)} {text}\n".encode())
    return total.hexdigest()


def _can_be_sent(split: Split) -> bool:
    """Whether another process can have it: options of a store may be objects that live in this one alone."""
    try:
        pickle.dumps(split)
    except (TypeError, AttributeError, pickle.PicklingError):
        return False
    return True
