"""The predictions of one version in one partition beside their outcomes, a block of rows at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import TableError
from mlops_assets.performance.history import KeptPredictions, Publication
from mlops_assets.performance.outcome_rows import key_column, segment_texts
from mlops_assets.performance.outcomes import ROW, Outcomes
from mlops_assets.performance.problem import Problem
from mlops_assets.performance.vocabulary import Vocabulary, plain_label

BLOCK_ROWS = 1 << 20
"""Rows of a publication that are joined at once."""


@dataclass(frozen=True)
class Scores:
    """The predictions of one version, in one partition, whose outcomes are known.

    Attributes
    ----------
    rows
        (n,): places among the outcomes, rising. A row key that was published more than once counts as it was last.
    predictions
        (n, columns): numbers or scores; of labels (n, 1) codes.
    segments
        Column -> (n,) codes.
    published
        Rows of the last publication.
    number
        Of the last publication.
    candidate
        They are those of a candidate.
    """

    version: int
    partition: str | None
    rows: NDArray[np.int64]
    predictions: NDArray[np.float64]
    segments: dict[str, NDArray[np.int64]]
    published: int
    number: int
    candidate: bool = False


class Matcher:
    """Gathers one version's predictions in one partition, the newest publication first."""

    def __init__(self, outcomes: Outcomes, problem: Problem, labels: Vocabulary, words: dict[str, Vocabulary]) -> None:
        self._outcomes, self._problem, self._labels, self._words = outcomes, problem, labels, words
        self._seen = np.zeros(len(outcomes.values), bool)
        self._rows: list[NDArray[np.int64]] = []
        self._predictions: list[NDArray[np.float64]] = []
        self._segments: dict[str, list[NDArray[np.int64]]] = {name: [] for name in words}
        self._newest: Publication | None = None
        self._published = 0
        self.not_finite = 0

    def add(self, kept: KeptPredictions, publication: Publication) -> None:
        """The predictions of row keys that no later publication has."""
        known = self._outcomes.of_partition(publication.partition)
        if self._newest is None:
            self._newest, self._published = publication, int(kept.rows.count_rows())
        columns = set(kept.rows.schema.names)
        own = [name for name in self._words if name in columns]
        names = {key_column(place): name for place, name in enumerate(kept.row_key)}
        names |= {f"prediction_{place}": name for place, name in enumerate(self._problem.columns)}
        names |= {f"segment_{place}": name for place, name in enumerate(own)}
        if len(kept.row_key) != sum(name.startswith("key_") for name in known.schema.names):
            raise _other_keys(publication, "other columns")
        needed = list(dict.fromkeys(names.values()))
        for block in _blocks(rows_of(kept.rows, needed), BLOCK_ROWS):
            self._add_block(
                pa.table({own_name: block[name] for own_name, name in names.items()}), known, own, publication
            )

    def _add_block(self, block: pa.Table, known: pa.Table, own: Sequence[str], publication: Publication) -> None:
        keys = [name for name in block.schema.names if name.startswith("key_")]
        for name in [name for name in block.schema.names if name.startswith("segment_")]:
            # Arrow joins no lists.
            if pa.types.is_nested(block.schema.field(name).type):
                block = block.set_column(block.schema.get_field_index(name), name, segment_texts(block[name]))
        try:
            for name in keys:
                kind = known.schema.field(name).type
                block = block.set_column(block.schema.get_field_index(name), name, block[name].cast(kind))
            matched = known.join(block, keys, join_type="inner", right_suffix="")
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
            raise _other_keys(publication, "values of another type") from None
        rows = matched[ROW].to_numpy()
        predictions = np.column_stack(
            [self._values(matched[f"prediction_{place}"]) for place in range(len(self._problem.columns))]
        )
        fresh = ~self._seen[rows]
        self._seen[rows] = True
        finite = np.isfinite(predictions).all(axis=1)
        self.not_finite += int((fresh & ~finite).sum())
        use = fresh & finite
        self._rows.append(rows[use])
        self._predictions.append(predictions[use])
        for name, codes in self._segments.items():
            column = matched[f"segment_{own.index(name)}"] if name in own else self._of_outcomes(name, rows)
            codes.append(_segment_codes(self._words[name], column, len(rows))[use])

    def _of_outcomes(self, name: str, rows: NDArray[np.int64]) -> pa.ChunkedArray | None:
        column = self._outcomes.segments.get(name)
        return None if column is None else column.take(pa.array(rows))

    def _values(self, column: pa.ChunkedArray) -> NDArray[np.float64]:
        if self._problem.answer != "label":
            return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
        if self._problem.task == "binary":
            positive = str(self._problem.classes[1])
            codes = Vocabulary([positive], closed=True).codes(column, lambda value: _matching(value, positive)) + 1
        else:
            codes = self._labels.codes(column, plain_label)
        return np.where(column.is_null().to_numpy(), np.nan, codes)

    def scores(self, *, candidate: bool) -> Scores | None:
        """All of them in the order of the outcomes; None: there was no publication."""
        if self._newest is None:
            return None
        rows = np.concatenate([np.zeros(0, np.int64), *self._rows])
        order = np.argsort(rows, kind="stable")
        width = len(self._problem.columns)
        predictions = np.concatenate([np.zeros((0, width)), *self._predictions])
        segments = {
            name: np.concatenate([np.zeros(0, np.int64), *codes])[order] for name, codes in self._segments.items()
        }
        newest = self._newest
        return Scores(
            newest.version,
            newest.partition,
            rows[order],
            predictions[order],
            segments,
            self._published,
            newest.number,
            candidate,
        )


def _matching(value: object, positive: str) -> str:
    text = plain_label(value)
    return positive if text == positive or str(value) == positive else text


def _segment_codes(words: Vocabulary, column: pa.ChunkedArray | None, rows: int) -> NDArray[np.int64]:
    if column is None:
        return np.zeros(rows, np.int64)
    codes = words.codes(segment_texts(column), str)
    return np.where(codes < 0, 0, codes)


def _blocks(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    pending: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        pending.append(batch)
        held += batch.num_rows
        if held >= rows:
            yield pa.Table.from_batches(pending)
            pending, held = [], 0
    if pending:
        yield pa.Table.from_batches(pending)


def _other_keys(publication: Publication, how: str) -> TableError:
    return TableError(
        f"The row key of the predictions kept as {publication.name} has {how} than that of the newest ones",
        where="prediction_history",
        fix="Remove the publications from before inputs.row_key was changed from that folder",
    )
