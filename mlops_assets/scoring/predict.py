"""Score accepted rows as a stream: the row key, then the model's outputs, then which model made them."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from mlops_assets.arrow.row_keys import rows_in_errors
from mlops_assets.engines.work import ChunkFunction, Work, identity_of
from mlops_assets.errors import PredictionError
from mlops_assets.models.loaded_model import LoadedModel, PredictMethod, declared_output_names
from mlops_assets.scoring.accelerated_model import accelerated_model, expect_rows, works_in_threads
from mlops_assets.scoring.prediction_columns import MODEL_DIGEST, MODEL_VERSION, model_output_columns
from mlops_assets.scoring.statistics import ColumnStatistics
from mlops_assets.trees.accelerate import final_estimator

if TYPE_CHECKING:
    from mlflow.types import Schema


@dataclass
class Scorer:
    """Predictions of one pinned model, as a stream.

    Attributes
    ----------
    model
        The pinned model.
    to_input
        A batch of accepted rows -> what the model takes.
    row_key
        Columns carried unchanged from the inputs.
    outputs
        The signature's outputs: names for results that have none; the types of an empty result.
    params, method
        Inference params, and which of the model's methods is called.
    statistics
        Filled while the stream is read: one per output column.
    """

    model: LoadedModel
    to_input: Callable[[pa.RecordBatch], Any]
    row_key: tuple[str, ...]
    outputs: "Schema | None" = None
    params: Mapping[str, Any] = field(default_factory=dict)
    method: PredictMethod = "predict"
    statistics: dict[str, ColumnStatistics] = field(default_factory=dict)

    def score_stream(self, batches: Iterable[pa.RecordBatch], source: pa.Schema) -> pa.RecordBatchReader:
        """Predictions for `batches` (of schema `source`), one row per row and in the same order.

        The first batch is predicted at once, because its columns are the stream's; the others when they are read.

        Raises
        ------
        PredictionError
            The model returns another number of rows, columns that collide with the key, or columns whose type changes
            between batches in a way that loses values.
        """
        return self.combine((self.score(batch) for batch in batches if batch.num_rows), source)

    def combine(
        self, scored: Iterator[pa.RecordBatch], source: pa.Schema, schema: pa.Schema | None = None
    ) -> pa.RecordBatchReader:
        """One stream of the batches that `score` returned, all with the columns and types of `schema`, or of the first.

        Raises
        ------
        PredictionError
            Columns change between batches, or their types do in a way that loses values.
        """
        if schema is not None:
            return pa.RecordBatchReader.from_batches(schema, self._align(schema, scored))
        first = next(scored, None)
        if first is None:
            return pa.RecordBatchReader.from_batches(self._empty_schema(source), iter(()))
        return pa.RecordBatchReader.from_batches(first.schema, self._align(first.schema, chain([first], scored)))

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Predictions for one batch: row key, output columns as the model typed them, version and digest.

        Raises
        ------
        PredictionError
            The model returns another number of rows, or columns that collide with the key.
        """
        with rows_in_errors(batch, self.row_key):
            columns = self.model.answer(self.to_input(batch), self.params, self.method, self.outputs)
        self._check_names(columns)
        keys = {name: batch.column(name) for name in self.row_key}
        arrays = keys | columns | self._provenance(batch.num_rows)
        fields = [
            batch.schema.field(name) if name in keys else pa.field(name, array.type) for name, array in arrays.items()
        ]
        return pa.RecordBatch.from_arrays(list(arrays.values()), schema=pa.schema(fields))

    def _align(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        outputs = model_output_columns(schema, self.row_key)
        for batch in batches:
            if batch.schema != schema:
                batch = _cast(batch, schema)
            for name in outputs:
                self.statistics.setdefault(name, ColumnStatistics()).add(batch.column(name))
            yield batch

    def _provenance(self, rows: int) -> dict[str, pa.Array]:
        reference = self.model.reference
        return {
            MODEL_VERSION: pa.repeat(pa.scalar(reference.version, pa.int64()), rows),
            MODEL_DIGEST: pa.repeat(pa.scalar(reference.digest, pa.string()), rows),
        }

    def _check_names(self, columns: Iterable[str]) -> None:
        reserved = sorted(set(columns) & {*self.row_key, MODEL_VERSION, MODEL_DIGEST})
        if reserved:
            raise PredictionError(
                f"The model's output columns {reserved} have the names of the row key or of the model's provenance",
                where=self.model.reference.uri,
                fix="Rename the row key column or the model's output",
            )

    def _empty_schema(self, source: pa.Schema) -> pa.Schema:
        from mlops_assets.signatures.contract.arrow_types import arrow_schema

        names, types = declared_output_names(self.outputs) or ["prediction"], [pa.float64()]
        if self.outputs is not None and self.method == "predict" and not self.outputs.is_tensor_spec():
            types = arrow_schema(self.outputs).types
        fields = [source.field(name) for name in self.row_key]
        fields += [pa.field(name, type_) for name, type_ in zip(names, types, strict=False)]
        return pa.schema([*fields, pa.field(MODEL_VERSION, pa.int64()), pa.field(MODEL_DIGEST, pa.string())])


@dataclass(frozen=True)
class PredictWork(Work):
    """Predictions of chunks, on whichever engine.

    Attributes
    ----------
    model
        The pinned model.
    signature
        The signature's JSON, to which the rows conform.
    row_key, params, method
        As in `Scorer`.
    rows
        About how many rows there will be. Results do not depend on it; whether the model is accelerated does.
    may_be_cut
        A prediction was found to have the same bits in any company, and is costly: chunks may be cut by that cost.
    """

    noun: ClassVar[str] = "predictions"
    RESULT_VERSION: ClassVar[int] = 5

    model: LoadedModel
    signature: str
    row_key: tuple[str, ...]
    params: Mapping[str, Any] = field(default_factory=dict)
    method: PredictMethod = "predict"
    rows: int = 0
    may_be_cut: bool = False

    @cached_property
    def identity(self) -> str:
        parts = (self.signature, *self.row_key, json.dumps(self.params, sort_keys=True, default=str), self.method)
        return identity_of(self, self.model.reference, parts, self.model.strategies)

    @property
    def doing(self) -> str:
        return "predicting"

    @property
    def grain(self) -> int | None:
        return 1 if self.may_be_cut else None

    @property
    def is_sequential(self) -> bool:
        # Histogram boosting's threads wait for each other after every tree of every batch, and spin while one of them
        # has lost its core to another process; beside other work that doubles the processor time. Predicting changes
        # nothing in the model and releases the GIL, with scikit-learn's code as with the kernel that replaces it.
        has_threads = type(final_estimator(self.model.native)).__module__.startswith("sklearn.ensemble._hist")
        return not has_threads and not works_in_threads(self.model, self.rows)

    @cached_property
    def scorer(self) -> Scorer:
        """What predicts."""
        from mlops_assets.signatures.mlflow.model_input import to_model_input
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json

        signature = signature_from_json(self.signature)
        return Scorer(
            accelerated_model(self.model),
            lambda batch: to_model_input(batch, signature.inputs, self.row_key),
            self.row_key,
            signature.outputs,
            self.params,
            self.method,
        )

    def open(self) -> ChunkFunction:
        return self.scorer.score

    def prepare(self) -> None:
        expect_rows(self.model, self.rows)

    def __getstate__(self) -> dict[str, Any]:
        # The identity is computed in this process: it names the code that the other process should run.
        state = {**self.__dict__, "identity": self.identity}
        state.pop("scorer", None)
        return state


def _cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.names != schema.names:
        raise PredictionError(
            f"The model returned columns {batch.schema.names} after {schema.names} for earlier rows",
            fix="Return the same columns for every batch",
        )
    arrays = []
    for field_, column in zip(schema, batch.columns, strict=True):
        try:
            arrays.append(column.cast(field_.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise PredictionError(
                f"The model returned {column.type} after {field_.type} for earlier rows, and values would be lost",
                where=f"output column {field_.name!r}",
                fix="Return the same type for every batch (for example always floats)",
            ) from error
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
