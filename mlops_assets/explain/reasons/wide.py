"""Predictions with their reasons beside them: one row per prediction and output, whatever its reasons are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import OUTPUT
from mlops_assets.explain.labels import to_labels, to_names
from mlops_assets.explain.ledger.joined import refuse_other_rows
from mlops_assets.explain.ledger.match_rows import RowsByKey, hash_explained_keys
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.reasons.reason_rows import CODE, FEATURE, MODEL_DIGEST, MODEL_VERSION, RANK, STABLE, TEXT

REASONS_STABLE = "reasons_stable"
_TAKEN = (FEATURE, CODE, TEXT)


def wide_columns(top: int) -> list[str]:
    """The columns with reasons: `reason_1`, `reason_1_code`, `reason_1_text`, and so on, then `reasons_stable`."""
    ranks = range(1, top + 1)
    return [f"reason_{rank}{end}" for rank in ranks for end in ("", "_code", "_text")] + [REASONS_STABLE]


def join_reasons(predictions: ds.Dataset, reasons: ds.Dataset) -> pa.RecordBatchReader:
    """Every prediction with its reasons side by side; streams, and memory holds a few batches.

    Columns: the row key; the model's outputs (``predicted_<name>`` where the name is taken); `output`; `wide_columns`,
    null where a row has fewer reasons or was not explained; `model_version` and `model_digest`. One row per prediction
    and explained output, in the order of the predictions.

    Raises
    ------
    ExplanationError
        The tables are of different model versions or rows, or not in the same order.
    """
    scored, source = Provenance.of(predictions.schema), Provenance.of(reasons.schema)
    refuse_other_rows(scored, source)
    origin = LedgerProvenance.of(source)
    wide = _Wide(
        predictions.schema, source.row_key, origin.outputs, origin.output_type, int(source.extra["reasons_top"])
    )
    return pa.RecordBatchReader.from_batches(wide.schema, wide.batches(predictions, reasons))


class _Found(NamedTuple):
    """Reasons of the predictions of a batch, and of which of them each is."""

    rows: pa.Table
    places: NDArray[np.intp]


@dataclass(frozen=True)
class _Wide:
    predictions: pa.Schema
    key: tuple[str, ...]
    outputs: tuple[str, ...]
    output_type: pa.DataType
    top: int

    @property
    def schema(self) -> pa.Schema:
        texts = [pa.field(name, pa.string()) for name in wide_columns(self.top)[:-1]]
        of = self.predictions
        return pa.schema(
            [
                *(of.field(name) for name in self.key),
                *(of.field(name).with_name(shown) for name, shown in self.names.items()),
                pa.field(OUTPUT, self.output_type, nullable=False),
                *texts,
                pa.field(REASONS_STABLE, pa.bool_()),
                *(of.field(name) for name in (MODEL_VERSION, MODEL_DIGEST)),
            ]
        )

    @property
    def names(self) -> dict[str, str]:
        """What each of the model's outputs is called here."""
        own = {*self.key, MODEL_VERSION, MODEL_DIGEST}
        taken = {*own, OUTPUT, *wide_columns(self.top)}
        names = {}
        for name in self.predictions.names:
            if name not in own:
                shown = name
                while shown in taken:
                    shown = f"predicted_{shown}"
                names[name] = shown
                taken.add(shown)
        return names

    def batches(self, predictions: ds.Dataset, reasons: ds.Dataset) -> Iterator[pa.RecordBatch]:
        columns = [*self.key, OUTPUT, RANK, *_TAKEN, STABLE]
        left = _Reasons(rows_of(reasons, columns), self.key, self.predictions)
        for batch in rows_of(predictions):
            yield self._joined(batch, left.of(batch))
        left.refuse_rest()

    def _joined(self, scored: pa.RecordBatch, found: _Found) -> pa.RecordBatch:
        outputs, rows = len(self.outputs), scored.num_rows
        repeated = pa.array(np.repeat(np.arange(rows), outputs))
        of_output = pc.index_in(
            to_names(found.rows.column(OUTPUT).combine_chunks()), pa.array(self.outputs, pa.string())
        )
        lines = found.places * outputs + of_output.to_numpy(zero_copy_only=False)
        ranks = found.rows.column(RANK).to_numpy()
        texts, stable = [], pa.nulls(rows * outputs, pa.bool_())
        for rank in range(1, self.top + 1):
            chosen = np.flatnonzero(ranks == rank)
            at = np.full(rows * outputs, -1)
            at[lines[chosen]] = chosen
            taken = pa.array(at, mask=at < 0)
            texts += [found.rows.column(name).combine_chunks().take(taken) for name in _TAKEN]
            if rank == 1:
                stable = found.rows.column(STABLE).combine_chunks().take(taken)
        labels = to_labels(pa.array(self.outputs, pa.string()), self.output_type)
        arrays = [
            *(scored.column(name).take(repeated) for name in (*self.key, *self.names)),
            labels.take(pa.array(np.tile(np.arange(outputs), rows))),
            *texts,
            stable,
            *(scored.column(name).take(repeated) for name in (MODEL_VERSION, MODEL_DIGEST)),
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


class _Reasons:
    """A stream of reasons from which those of the next predictions are taken."""

    def __init__(self, rows: Iterator[pa.RecordBatch], key: Sequence[str], predictions: pa.Schema) -> None:
        self._rows, self._key, self._predictions = rows, key, predictions
        self._batch: pa.RecordBatch | None = None
        self._hashes = np.zeros(0, np.uint64)
        self._advance()

    def of(self, scored: pa.RecordBatch) -> _Found:
        """The reasons of a batch of predictions."""
        block = RowsByKey.of(scored, self._key)
        assert block is not None
        rows, places = [], []
        while self._batch is not None:
            found = block.find(self._hashes)
            rows.append(self._batch.slice(0, len(found)))
            places.append(found)
            if len(found) < self._batch.num_rows:
                self._batch, self._hashes = self._batch.slice(len(found)), self._hashes[len(found) :]
                break
            self._advance()
        if not rows:
            return _Found(pa.Table.from_batches([], _REASONS), np.zeros(0, np.intp))
        return _Found(pa.Table.from_batches(rows), np.concatenate(places))

    def refuse_rest(self) -> None:
        """Raise where reasons are left of which there is no prediction."""
        if self._batch is not None:
            raise ExplanationError(
                "A row that has reasons is not among the predictions, or not in their order",
                where="predictions and reasons",
                fix="Materialize predictions, sample_explanations and reasons together",
            )

    def _advance(self) -> None:
        self._batch = next(self._rows, None)
        if self._batch is not None:
            self._hashes = hash_explained_keys(self._batch, self._key, self._predictions, "predictions")


_REASONS = pa.schema(
    [(OUTPUT, pa.string()), (RANK, pa.int32()), *((name, pa.string()) for name in _TAKEN), (STABLE, pa.bool_())]
)
