"""The rows of one key in a large table, without reading the others."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

_Position = tuple[int, int]
"""A fragment, and one of its pieces that may have the key."""


@dataclass(frozen=True)
class RowsOfKey:
    """What was found.

    Attributes
    ----------
    rows
        In order; none where the key is not there.
    place
        How far down the table they are, from 0 to 1. Other tables of the same rows have them at about the same place.
    """

    rows: pa.Table
    place: float


def find_key(dataset: ds.Dataset, key: Mapping[str, pa.Scalar], near: float = 0.0) -> RowsOfKey:
    """The rows of a table with this key; they are next to each other, as everywhere in published tables.

    Of a Parquet table, row groups whose statistics exclude the key are not read, of others the key alone until it is
    found, outward from `near`. Where keys rise, as they do in most tables, that is one row group of one part.

    Parameters
    ----------
    key
        Key column -> its value, of the column's type. NaN is NaN.
    near
        The `place` of the key in another table of the same rows. What is found is the same without it.
    """
    pieces = _Pieces(dataset, _equals(key), list(key))
    ahead, behind = pieces.beside(near)
    while ahead or behind:
        for position in (ahead, behind):
            if position and (rows := pieces.rows(position)):
                before, after = (list(pieces.run(position, step)) for step in (pieces.before, pieces.after))
                return RowsOfKey(pa.concat_tables([*reversed(before), rows, *after]), pieces.place(position))
        ahead, behind = ahead and pieces.after(ahead), behind and pieces.before(behind)
    return RowsOfKey(dataset.schema.empty_table(), near)


def _equals(key: Mapping[str, pa.Scalar]) -> pc.Expression:
    chosen: pc.Expression = pc.scalar(True)
    for name, value in key.items():
        column = pc.field(name)
        if pa.types.is_float16(value.type):  # Arrow compares none
            column, value = column.cast(pa.float32()), value.cast(pa.float32())
        # Arrow calls no NaN equal to another one.
        is_nan = pa.types.is_floating(value.type) and pc.is_nan(value).as_py()
        chosen = chosen & (pc.is_nan(column) if is_nan else column == value)
    return chosen


class _Pieces:
    """The row groups of a dataset that may have the chosen rows, in order; a fragment is opened when asked for."""

    def __init__(self, dataset: ds.Dataset, chosen: pc.Expression, columns: list[str]) -> None:
        self._fragments = list(dataset.get_fragments())
        self._chosen, self._columns = chosen, columns
        self._scanned = {"schema": dataset.schema, "filter": chosen}
        self._of_fragment, self.rows = cache(self._split), cache(self._read)

    def beside(self, near: float) -> tuple[_Position | None, _Position | None]:
        """The piece at this share of the table or behind it, and the one before."""
        fragment, within = divmod(near * len(self._fragments), 1.0)
        number = int(fragment)
        if number >= len(self._fragments):
            return None, self.before((number, 0))
        at = sum(1 for share, _ in self._of_fragment(number) if share < within)
        return self.after((number, at - 1)), self.before((number, at))

    def after(self, position: _Position) -> _Position | None:
        """The next piece."""
        fragment, at = position
        if at + 1 < len(self._of_fragment(fragment)):
            return fragment, at + 1
        later = range(fragment + 1, len(self._fragments))
        return next(((number, 0) for number in later if self._of_fragment(number)), None)

    def before(self, position: _Position) -> _Position | None:
        """The piece before this one."""
        fragment, at = position
        if at:
            return fragment, at - 1
        earlier = range(fragment - 1, -1, -1)
        return next(((n, len(self._of_fragment(n)) - 1) for n in earlier if self._of_fragment(n)), None)

    def run(self, position: _Position, step: Callable[[_Position], _Position | None]) -> Iterator[pa.Table]:
        """The rows of the pieces from there on, as long as they have some."""
        following = step(position)
        while following and (rows := self.rows(following)):
            yield rows
            following = step(following)

    def place(self, position: _Position) -> float:
        """How far down the dataset a piece begins."""
        fragment, at = position
        return (fragment + self._of_fragment(fragment)[at][0]) / len(self._fragments)

    def _split(self, fragment: int) -> list[tuple[float, ds.Fragment]]:
        """Pieces, and how far down the fragment each begins."""
        whole = self._fragments[fragment]
        if not isinstance(whole, ds.ParquetFileFragment):
            return [(0.0, whole)]
        pieces = whole.split_by_row_group(self._chosen, schema=self._scanned["schema"])
        return [(piece.row_groups[0].id / whole.num_row_groups, piece) for piece in pieces]

    def _read(self, position: _Position) -> pa.Table | None:
        fragment, at = position
        _, piece = self._of_fragment(fragment)[at]
        if not piece.scanner(columns=self._columns, **self._scanned).count_rows():
            return None
        return piece.to_table(**self._scanned)
