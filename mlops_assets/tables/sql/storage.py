"""How a column of an Arrow type is kept in a database: its declared type, its encoding, and the way back."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.tables.sql.nested import from_json, to_json


class UnstorableError(Exception):
    """A value that the column's type in the database does not hold; says why, without the value."""


@dataclass(frozen=True)
class Storage(ABC):
    """One column's.

    Attributes
    ----------
    sql
        The declared type.
    kind
        The Arrow type of the column as published and as read back.
    stored
        The Arrow type that goes into the database and comes out of it.
    """

    sql: str
    kind: pa.DataType
    stored: pa.DataType

    @abstractmethod
    def encode(self, array: pa.Array) -> pa.Array:
        """From `kind` to `stored`; raises `UnstorableError`, or Arrow's own errors, where something would be lost."""

    @abstractmethod
    def decode(self, array: pa.Array) -> pa.Array:
        """From `stored` to `kind`."""


@dataclass(frozen=True)
class Cast(Storage):
    """A type of the database that Arrow casts to without loss, or refuses to; `least` and `most` bound its values."""

    least: int | None = None
    most: int | None = None

    def encode(self, array: pa.Array) -> pa.Array:
        cast = array.cast(self.stored)
        if self.least is not None or self.most is not None:
            ends = pc.min_max(cast.cast(pa.int32() if cast.type.bit_width == 32 else pa.int64())).as_py()
            if (self.least is not None and ends["min"] is not None and ends["min"] < self.least) or (
                self.most is not None and ends["max"] is not None and ends["max"] > self.most
            ):
                raise UnstorableError("a value out of the database's range")
        return cast

    def decode(self, array: pa.Array) -> pa.Array:
        return array.cast(self.kind)


@dataclass(frozen=True)
class Ticks(Storage):
    """Times and durations as their number of ticks."""

    def encode(self, array: pa.Array) -> pa.Array:
        return array.view(pa.int32() if self.kind.bit_width == 32 else pa.int64()).cast(self.stored)

    def decode(self, array: pa.Array) -> pa.Array:
        return array.cast(pa.int32() if self.kind.bit_width == 32 else pa.int64()).view(self.kind)


@dataclass(frozen=True)
class Nothing(Storage):
    """A column of Arrow's type null: there are no values."""

    def encode(self, array: pa.Array) -> pa.Array:
        return pa.nulls(len(array), self.stored)

    def decode(self, array: pa.Array) -> pa.Array:
        return pa.nulls(len(array))


@dataclass(frozen=True)
class Checked(Storage):
    """Text that is read back at once while it is written: what would not come back the same is refused."""

    def encode(self, array: pa.Array) -> pa.Array:
        texts = self.text(array)
        try:
            same = self.decode(texts).equals(array) or _equal_with_nan(self.decode(texts), array)
        except (pa.ArrowException, ValueError, OverflowError):
            same = False
        if not same:
            raise UnstorableError(f"a value that {self.sql} would not give back the same")
        return texts

    @abstractmethod
    def text(self, array: pa.Array) -> pa.Array: ...


class JsonText(Checked):
    """Lists, structs and maps."""

    def text(self, array: pa.Array) -> pa.Array:
        return to_json(array)

    def decode(self, array: pa.Array) -> pa.Array:
        return from_json(array, self.kind)


class PlainText(Checked):
    """What Arrow writes as text and reads again: decimals, dates, times, big integers."""

    def text(self, array: pa.Array) -> pa.Array:
        return array.cast(self.stored)

    def decode(self, array: pa.Array) -> pa.Array:
        return array.cast(self.kind)


class IsoText(Checked):
    """Timestamps as ISO 8601 text, in UTC and with a Z where they have a zone."""

    def text(self, array: pa.Array) -> pa.Array:
        texts = array.view(pa.int64()).view(pa.timestamp(self.kind.unit)).cast(self.stored)
        if self.kind.tz is None:
            return texts
        return pc.binary_join_element_wise(texts, pa.scalar("Z"), pa.scalar(""))

    def decode(self, array: pa.Array) -> pa.Array:
        zone = None if self.kind.tz is None else "UTC"
        return array.cast(pa.timestamp(self.kind.unit, zone)).view(pa.int64()).view(self.kind)


class TimeText(Checked):
    """Times of day as ISO 8601 text."""

    def text(self, array: pa.Array) -> pa.Array:
        return array.cast(self.stored)

    def decode(self, array: pa.Array) -> pa.Array:
        # Arrow reads times of day only as part of a date.
        moments = pc.binary_join_element_wise(pa.scalar("1970-01-01 "), array, pa.scalar(""))
        ticks = moments.cast(pa.timestamp(self.kind.unit)).view(pa.int64())
        return ticks.cast(pa.int32() if self.kind.bit_width == 32 else pa.int64()).view(self.kind)


@dataclass(frozen=True)
class Extension(Storage):
    """An extension type by what carries it."""

    carrier: Storage

    def encode(self, array: pa.Array) -> pa.Array:
        return self.carrier.encode(array.storage)

    def decode(self, array: pa.Array) -> pa.Array:
        return self.kind.wrap_array(self.carrier.decode(array))


def _equal_with_nan(one: pa.Array, other: pa.Array) -> bool:
    """Equal, where a NaN is equal to a NaN at any depth."""
    from mlops_assets.arrow.content_hash import ContentHash

    digests = []
    for array in (one, other):
        batch = pa.RecordBatch.from_arrays([array], ["column"])
        digest = ContentHash(batch.schema)
        digest.update(batch)
        digests.append(digest.hexdigest())
    return digests[0] == digests[1]
