"""Rows of a ledger beside the rows of another table that they explain: both in one order, found by their keys."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.key_hash import key_hashes
from mlops_assets.errors import ConfigurationError, ExplanationError

WHERE = "predictions and sample_explanations"
AGAIN = "Materialize predictions and sample_explanations together, then join them again"


@dataclass(frozen=True)
class RowsByKey:
    """Predictions of one batch, found by the hash of their key."""

    rows: pa.RecordBatch
    order: np.ndarray
    hashes: np.ndarray  # sorted

    @classmethod
    def of(cls, rows: pa.RecordBatch | None, key: Sequence[str]) -> "RowsByKey | None":
        if rows is None:
            return None
        hashes = key_hashes([rows.column(name) for name in key], key, WHERE)
        order = np.argsort(hashes, kind="stable")
        return cls(rows, order, hashes[order])

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """The places of the first of `hashes`, as many as are here one after the other."""
        at = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        absent = np.flatnonzero(self.hashes[at] != hashes)
        return np.asarray(self.order[at[: absent[0]] if len(absent) else at])


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
