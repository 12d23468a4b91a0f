"""Score a stream of conformed batches: the row key in front, the model's outputs behind, nothing held back."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mlops_assets.errors import PredictionError
from mlops_assets.models.loaded import LoadedModel, PredictMethod
from mlops_assets.scoring.outputs import output_columns
from mlops_assets.scoring.statistics import ColumnStatistics

if TYPE_CHECKING:
    from mlflow.types import Schema

MODEL_VERSION, MODEL_DIGEST = "model_version", "model_digest"


@dataclass
class Scorer:
    """Predictions of one pinned model, as a stream.

    Attributes
    ----------
    model
        The pinned model.
    to_input
        One conformed batch -> what the model's door takes.
    row_key
        Columns carried unchanged from the inputs.
    outputs
        The signature's outputs: names for results that have none; the types of an empty result.
    params, method
        Inference params, and which of the model's methods is asked.
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

    def stream(self, batches: Iterable[pa.RecordBatch], source: pa.Schema) -> pa.RecordBatchReader:
        """Predictions for `batches` (of schema `source`), one row per row and in the same order.

        The first batch is predicted at once, to learn the columns; the rest as the reader is read.

        Raises
        ------
        PredictionError
            The model returns another number of rows, columns that collide with the key, or columns whose type changes
            between batches in a way that loses values.
        """
        scored = self._scored(batch for batch in batches if batch.num_rows)
        first = next(scored, None)
        if first is None:
            return pa.RecordBatchReader.from_batches(self._empty_schema(source), iter(()))
        return pa.RecordBatchReader.from_batches(first.schema, self._aligned(first.schema, chain([first], scored)))

    def _scored(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        names = output_names(self.outputs)
        classes = getattr(self.model.inner, "classes_", None) if self.method == "predict_proba" else None
        for batch in batches:
            raw = self.model.predict(self.to_input(batch), params=self.params, method=self.method)
            columns = output_columns(raw, batch.num_rows, names, self.method, classes)
            self._check_names(columns)
            keys = {name: batch.column(name) for name in self.row_key}
            arrays = keys | columns | self._provenance(batch.num_rows)
            fields = [
                batch.schema.field(name) if name in keys else pa.field(name, array.type)
                for name, array in arrays.items()
            ]
            yield pa.RecordBatch.from_arrays(list(arrays.values()), schema=pa.schema(fields))

    def _aligned(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        own = (*self.row_key, MODEL_VERSION, MODEL_DIGEST)
        for batch in batches:
            if batch.schema != schema:
                batch = _cast(batch, schema)
            for name in schema.names:
                if name not in own:
                    self.statistics.setdefault(name, ColumnStatistics()).add(batch.column(name))
            yield batch

    def _provenance(self, rows: int) -> dict[str, pa.Array]:
        reference = self.model.reference
        return {
            MODEL_VERSION: pa.repeat(pa.scalar(reference.version, pa.int64()), rows),
            MODEL_DIGEST: pa.repeat(pa.scalar(reference.digest, pa.string()), rows),
        }

    def _check_names(self, columns: Iterable[str]) -> None:
        taken = sorted(set(columns) & {*self.row_key, MODEL_VERSION, MODEL_DIGEST})
        if taken:
            raise PredictionError(
                f"The model's output columns {taken} have the names of the row key or of the model's provenance",
                where=self.model.reference.uri,
                fix="Rename the row key column or the model's output",
            )

    def _empty_schema(self, source: pa.Schema) -> pa.Schema:
        from mlops_assets.signatures.arrow_types import arrow_schema

        names, types = output_names(self.outputs) or ["prediction"], [pa.float64()]
        if self.outputs is not None and self.method == "predict" and not self.outputs.is_tensor_spec():
            types = arrow_schema(self.outputs).types
        fields = [source.field(name) for name in self.row_key]
        fields += [pa.field(name, type_) for name, type_ in zip(names, types, strict=False)]
        return pa.schema([*fields, pa.field(MODEL_VERSION, pa.int64()), pa.field(MODEL_DIGEST, pa.string())])


def output_names(outputs: "Schema | None") -> Sequence[str]:
    """The names that a signature gives its outputs; empty where it gives none."""
    return [str(name) for name in outputs.input_names()] if outputs is not None and outputs.has_input_names() else []


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
