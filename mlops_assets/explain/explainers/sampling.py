"""Seeded draws that do not depend on how a stream is cut into batches."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_assets.arrow.plain_types import plain_batch, plain_schema

if TYPE_CHECKING:
    import pandas as pd

HASHES = 1 << 64
"""How many values a `position_hash` may have."""

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def position_hash(seed: int, start: int, count: int) -> NDArray[np.uint64]:
    """A uniform 64-bit number for each of the positions `start` .. `start + count - 1`.

    SplitMix64 (Steele, Lea and Flood 2014) at the position: random access, so a row's number is the same in any batch.
    """
    with np.errstate(over="ignore"):
        # The seed is mixed before it is added: neighbouring seeds would else be shifted copies of one sequence.
        offset = _mix(np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) + _GOLDEN)
        return _mix(offset + (np.arange(start, start + count, dtype=np.uint64) + np.uint64(1)) * _GOLDEN)


def row_hash(seed: int, rows: "pd.DataFrame") -> NDArray[np.uint64]:
    """A 64-bit number per row that follows from its values, its columns' order and the seed alone."""
    hashes = np.full(len(rows), seed & 0xFFFFFFFFFFFFFFFF, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for column_hashes in _column_hashes(rows):
            hashes = _mix(np.add(hashes * _GOLDEN, column_hashes, dtype=np.uint64))
    return hashes


def _column_hashes(rows: "pd.DataFrame") -> Iterator[NDArray[np.uint64]]:
    import pandas as pd

    kinds = set(rows.dtypes)
    if len(kinds) == 1 and all(isinstance(kind, np.dtype) and kind.kind in "fiu" for kind in kinds):
        # The same hashes as column by column, of which there may be thousands.
        values = np.ascontiguousarray(rows.to_numpy().T)
        hashes: NDArray[np.uint64] = pd.util.hash_array(values.ravel(), categorize=False).astype(np.uint64, copy=False)
        yield from np.split(hashes, values.shape[0])
        return
    for place in range(rows.shape[1]):
        column = rows.iloc[:, place]
        if column.dtype == object:
            # Lists have no hash, and pandas hashes mixed types by what else is in the column: hash their texts.
            column = column.map(lambda value: value if isinstance(value, str) else repr(value)).astype(object)
        yield np.asarray(pd.util.hash_pandas_object(column, index=False, categorize=False), dtype=np.uint64)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def draw_positions(rows: int, count: int, seed: int) -> NDArray[np.intp]:
    """`count` of the positions 0 .. `rows` - 1, drawn uniformly with the seed, in ascending order."""
    hashes = position_hash(seed, 0, rows)
    return np.sort(np.argsort(hashes, kind="stable")[:count])


def hash_bound(capacity: int, rows: int) -> int:
    """The least `capacity` of the `position_hash` of `rows` positions are below it, but in one table of 10^12.

    Eight standard deviations more than `capacity` are expected below it.
    """
    expected = capacity + 8 * math.sqrt(capacity) + 32
    return HASHES if expected >= rows else int(HASHES * (expected / rows))


class Reservoir:
    """A uniform, seeded sample of at most `capacity` rows of a stream, in the stream's order.

    Holds twice `capacity` rows and one batch at most. The same rows are drawn however the stream is cut, also by
    several reservoirs, one per piece, that are merged.

    Parameters
    ----------
    start
        The position in the whole stream of the first row that is added.
    bound
        Rows whose `position_hash` is not below it are left out: of `hash_bound`, where the rows of the whole stream are
        counted. Then a reservoir of one of many pieces holds few rows; whoever merges them asks `is_whole`.
    """

    def __init__(self, capacity: int, seed: int, start: int = 0, bound: int = HASHES) -> None:
        self.capacity, self.seed = capacity, seed
        self.seen = start
        self.bound = bound
        self._rows: pa.Table | None = None
        self._hashes = np.empty(0, dtype=np.uint64)

    def add(self, batch: pa.RecordBatch | pa.Table) -> None:
        """The next rows; encoded columns become plain."""
        if isinstance(batch, pa.Table):
            # Piece by piece: of a column in pieces Arrow takes rows after it has joined them.
            for piece in batch.to_batches():
                self.add(piece)
            return
        hashes = position_hash(self.seed, self.seen, batch.num_rows)
        self.seen += batch.num_rows
        bound = self.bound
        if len(self._hashes) >= self.capacity:
            bound = min(bound, int(self.hashes.max(initial=0)))
        if bound < HASHES:
            better = np.flatnonzero(hashes < np.uint64(bound))
            batch, hashes = batch.take(pa.array(better)), hashes[better]
        if batch.num_rows == 0 and self._rows is not None:
            return
        rows = pa.Table.from_batches([plain_batch(batch, plain_schema(batch.schema))])
        if batch.num_rows == 0:
            self._rows = rows
            return
        self._take_in(rows, hashes)

    def merge(self, later: "Reservoir") -> None:
        """Add what was drawn from the rows that come after these, with the same seed and capacity."""
        self.seen = later.seen
        if later.rows is not None:
            self._take_in(later.rows, later.hashes)

    def is_whole(self, rows: int) -> bool:
        """Whether `bound` has left out nothing that belongs to the sample of a stream of so many rows."""
        return len(self.hashes) == min(self.capacity, rows)

    def _take_in(self, rows: pa.Table, hashes: NDArray[np.uint64]) -> None:
        self._rows = rows if self._rows is None else pa.concat_tables([self._rows, rows])
        self._hashes = np.concatenate([self._hashes, hashes])
        if len(self._hashes) > 2 * self.capacity:
            self._thin_out()

    def _thin_out(self) -> None:
        if self._rows is None:
            return
        if len(self._hashes) > self.capacity:
            chosen = np.sort(np.argpartition(self._hashes, self.capacity - 1)[: self.capacity])
            self._rows, self._hashes = self._rows.take(pa.array(chosen)), self._hashes[chosen]
        self._rows = self._rows.combine_chunks()

    @property
    def rows(self) -> pa.Table | None:
        """The sample; None when no batch, not even an empty one, was added."""
        self._thin_out()
        return self._rows

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """By which the rows were drawn, one each."""
        self._thin_out()
        return self._hashes

    def __getstate__(self) -> dict[str, object]:
        self._thin_out()
        return self.__dict__


def draw_rows(batches: Iterable[pa.RecordBatch], count: int, seed: int) -> pa.Table | None:
    """At most `count` rows of the stream, drawn uniformly with the seed, in its order; the background of a table."""
    reservoir = Reservoir(count, seed)
    for batch in batches:
        reservoir.add(batch)
    return reservoir.rows


def sample_fraction(batches: Iterable[pa.RecordBatch], fraction: float, seed: int) -> Iterator[pa.RecordBatch]:
    """Each row of the stream with probability `fraction`, in its order."""
    seen = 0
    for batch in batches:
        keep = is_in_fraction(position_hash(seed, seen, batch.num_rows), fraction) if fraction < 1 else None
        seen += batch.num_rows
        yield batch if keep is None else batch.filter(pa.array(keep))


def is_in_fraction(hashes: NDArray[np.uint64], fraction: float) -> NDArray[np.bool_]:
    """Whether each position, by its hash, belongs to this fraction of all."""
    # 2**64 itself is no uint64: compared as floats.
    inside: NDArray[np.bool_] = hashes.astype(np.float64) < fraction * 2.0**64
    return inside


def frame_digest(rows: "pd.DataFrame") -> str:
    """SHA-256 (hex) over column names, types and values."""
    digest = hashlib.sha256()
    for name, kind in zip(rows.columns, rows.dtypes, strict=True):
        digest.update(f"{name}\0{kind}\0".encode())
    digest.update(row_hash(0, rows).tobytes())
    return digest.hexdigest()
