"""Rows of a ledger beside the rows of another table that they explain: both in one order, found by their keys."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.errors import ConfigurationError, ExplanationError

WHERE = "predictions and sample_explanations"
AGAIN = "Materialize predictions and sample_explanations together, then join them again"


@dataclass(frozen=True)
class RowsByKey:
    """Rows of one batch, found by the hash of their key.

    Attributes
    ----------
    rows
        The batch.
    hashes
        Of their keys.
    """

    rows: pa.RecordBatch
    hashes: np.ndarray

    @classmethod
    def of(cls, rows: pa.RecordBatch | None, key: Sequence[str]) -> "RowsByKey | None":
        if rows is None:
            return None
        return cls(rows, key_hashes([rows.column(name) for name in key], key, WHERE))

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """The places of the first of `hashes`, as many as are here one after the other."""
        places = self._find_in_order(hashes)
        if places is not None:
            return places
        order, ordered = self._sorted
        at = np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)
        absent = np.flatnonzero(ordered[at] != hashes)
        return np.asarray(order[at[: absent[0]] if len(absent) else at])

    def _find_in_order(self, hashes: np.ndarray) -> np.ndarray | None:
        """The same, where those that are here are next to each other, as published tables have them; else None."""
        first = np.flatnonzero(self.hashes == hashes[0])
        if not len(first):
            return np.zeros(0, np.intp)
        # Several rows of a ledger explain one row.
        places = np.empty(len(hashes), dtype=np.intp)
        places[0] = first[0]
        np.cumsum(hashes[1:] != hashes[:-1], out=places[1:])
        places[1:] += first[0]
        places = places[: np.searchsorted(places, len(self.hashes))]
        count = len(places)
        if not np.array_equal(self.hashes[places], hashes[:count]):
            return None
        goes_on = count < len(hashes) and bool((self.hashes == hashes[count]).any())
        return None if goes_on else places

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        """The order of the hashes, and the hashes in it."""
        order = np.argsort(self.hashes, kind="stable")
        return order, self.hashes[order]


def match_rows(
    explained: Iterable[pa.RecordBatch], rows: Iterator[pa.RecordBatch], key: Sequence[str], schema: pa.Schema, of: str
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch, np.ndarray]]:
    """Rows of a ledger beside a batch of the table `of`, and the place in it of the row that each of them explains.

    Both are in the same order; several rows of the ledger may explain one row, and rows may not be explained.

    Parameters
    ----------
    schema
        Of the table `of`.

    Raises
    ------
    ConfigurationError
        As `hash_explained_keys`.
    ExplanationError
        An explained row is not among the others, or not in their order.
    """
    block = RowsByKey.of(next(rows, None), key)
    for ledger in explained:
        hashes = hash_explained_keys(ledger, key, schema, of)
        while ledger.num_rows:
            places = block.find(hashes) if block is not None else np.zeros(0, np.intp)
            if len(places):
                assert block is not None
                yield ledger.slice(0, len(places)), block.rows, places
                ledger, hashes = ledger.slice(len(places)), hashes[len(places) :]
            elif block is None:
                row = {name: ledger.column(name)[0].as_py() for name in key}
                raise ExplanationError(
                    f"The explained row {row} is not among the {of}, or not in their order", where=WHERE, fix=AGAIN
                )
            else:
                block = RowsByKey.of(next(rows, None), key)


def hash_explained_keys(rows: pa.RecordBatch, key: Sequence[str], schema: pa.Schema, of: str) -> np.ndarray:
    """Hashes of the keys of explained rows, in the types of the table `of`, whose schema this is.

    Raises
    ------
    ConfigurationError
        A key column cannot be converted.
    """
    # Equal keys of other types have other hashes.
    columns = []
    for name in key:
        column, kind = rows.column(name), schema.field(name).type
        try:
            columns.append(column.cast(kind))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigurationError(
                f"The row key column {name!r} is {kind} in the {of} and {column.type} in the explanations",
                where=WHERE,
                fix="Read both tables in the types that they were published with",
            ) from error
    return key_hashes(columns, key, WHERE)
