"""What a format of files has to say: a strategy for each."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from mlops_assets.storage.location import Location
from mlops_assets.tables.part_size import Piece


@dataclass(frozen=True)
class FilePieces:
    """What a file can be cut into.

    Attributes
    ----------
    pieces
        In order; one, of unknown rows, where a file is read as a whole.
    digest
        Of the file's own bookkeeping, by which it is known again; None where there is none.
    """

    pieces: tuple[Piece, ...]
    digest: bytes | None = None


class FileFormat(ABC):
    """How the files of one format are read: a strategy."""

    name: ClassVar[str]
    extensions: ClassVar[tuple[str, ...]]

    @abstractmethod
    def schema(self, file: Location) -> pa.Schema:
        """The columns of one file, with its own metadata.

        Raises
        ------
        TableError
            The file is not of this format.
        """

    def is_without_rows(self, _file: Location, /) -> bool:
        """Whether a file's own bookkeeping says that it has no rows; False where only reading would show it."""
        return False

    def several_kinds(self, _name: str, /) -> pa.Field | None:
        """The column that carries values of several kinds, for the contract to judge; None where a format has none."""
        return None

    def promoted(self, first: pa.Field, _second: pa.Field, both: pa.DataType, /) -> pa.Field | None:
        """The column of two files whose types one type holds; None: perhaps not every value."""
        return first.with_type(both)

    def count_rows(self, _file: Location, /) -> int | None:
        """How many rows a file's own bookkeeping says that it has; None where only reading would show it."""
        return None

    def settings(self) -> str:
        """Everything beside the file that decides how it is read, as text."""
        return ""

    def pieces(self, file: Location, /) -> FilePieces:
        """What a file can be cut into, without reading its rows."""
        return FilePieces((Piece(None, file.size()),))

    @abstractmethod
    def batches(
        self,
        file: Location,
        schema: pa.Schema,
        columns: Sequence[str],
        watch: Callable[[pa.NativeFile], None] = lambda _stream: None,
        /,
        *,
        pieces: range | None = None,
        digest: bytes | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """The rows of one file in order, with at least those of `columns` that it has; bounded memory.

        Of these `pieces` alone, where they are given (a file that has one piece is always read whole). `digest` is the
        one that was found with them: a file that has another one now is refused.

        `schema` is the whole table's: what the formats without types of their own read the columns as. `watch` is given
        the stream that is read, where its position says how much of the file that is.
        """
