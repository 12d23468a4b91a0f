"""Interaction values of a chunk, on whichever engine, and the columns of their table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import ClassVar

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import join_batches
from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.row_keys import rows_in_errors
from mlops_assets.engines.work import ChunkFunction
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.columns import (
    EXPLAINED_VALUE,
    OUTPUT,
    SPACE,
    interaction_column,
    main_column,
    others_column,
)
from mlops_assets.explain.explainers.explainer import Explainer
from mlops_assets.explain.ledger.ledger import columns_of_model, columns_of_rows, failure_of, filter_columns
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.models.prediction_failure import call_model
from mlops_assets.trees.interaction_slots import InteractionSlots


def interaction_schema(key_schema: pa.Schema, explainer: Explainer, columns: Sequence[str]) -> pa.Schema:
    """The columns of a table of interactions.

    Row key columns (types unchanged), ``output``, ``space``, ``main_<column>`` for each of `columns`,
    ``interaction_<column>__<other>`` for each pair of them in order, ``others_<column>`` for each where the model has
    further input columns, ``model_version``, ``model_digest``. Nothing but the key is ever null.

    Raises
    ------
    ConfigurationError
        Two of the columns would have the same name.
    """
    names = [OUTPUT, SPACE, *value_columns(explainer.features, columns), "model_version", "model_digest"]
    taken = [*key_schema.names, *names]
    if twice := sorted({name for name in names if taken.count(name) > 1}):
        raise ConfigurationError(
            f"Two columns of the table of interactions would be called {twice[0]}",
            where="explain.interactions",
            fix="Name other columns in explain.interactions.columns, or rename the row key or the model's columns",
        )
    types = {
        OUTPUT: explainer.output_type,
        SPACE: pa.string(),
        "model_version": pa.int64(),
        "model_digest": pa.string(),
    }
    keys = [pa.field(field.name, field.type, field.nullable) for field in key_schema]
    return pa.schema([*keys, *(pa.field(name, types.get(name, pa.float64()), False) for name in names)])


def value_columns(features: Sequence[str], columns: Sequence[str]) -> list[str]:
    """The columns of numbers, in the table's order."""
    names = [main_column(name) for name in columns]
    names += [interaction_column(*pair) for pair in combinations(columns, 2)]
    return names + ([] if _are_all(features, columns) else [others_column(name) for name in columns])


def _are_all(features: Sequence[str], columns: Sequence[str]) -> bool:
    return len(columns) == len(features)


@dataclass(frozen=True)
class InteractionWork(ExplainWork):
    """Interaction values of chunks of the rows that a ledger explains, with the ledger's explainer.

    Attributes
    ----------
    columns
        The input columns of which all pairs are computed.
    """

    noun: ClassVar[str] = "interactions"
    RESULT_VERSION: ClassVar[int] = 3

    columns: tuple[str, ...] = ()

    @cached_property
    def identity(self) -> str:
        return hash_of("interactions", super().identity, *self.columns)

    @property
    def cells_per_row(self) -> int:
        return max(1, InteractionSlots(len(self.columns)).size * len(self.explainer.outputs))

    @property
    def schema(self) -> pa.Schema:
        """Of the table of interactions."""
        return interaction_schema(self.key, self.explainer, self.columns)

    def open(self) -> ChunkFunction:
        explainer, key = self.explainer, self.key.names

        def explain(rows: pa.RecordBatch) -> pa.RecordBatch:
            # The key's types are those of these rows; see `ExplainWork.open`.
            schema = interaction_schema(pa.schema([rows.schema.field(name) for name in key]), explainer, self.columns)
            made = list(self._explain(rows, schema))
            return join_batches(made) if made else pa.RecordBatch.from_pylist([], schema)

        return explain

    def _explain(self, rows: pa.RecordBatch, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        explainer, key, row_filter = self.explainer, self.key.names, self.selection.row_filter
        for start in range(0, rows.num_rows, explainer.rows_per_call):
            part = rows.slice(start, explainer.rows_per_call)
            frame = self.prepared.to_frame(part)
            with rows_in_errors(part, key):
                failure = partial(failure_of, explainer, part)
                values = call_model(partial(explainer.interactions, frame, self.columns), failure)
                explained = None if row_filter is None else call_model(partial(explainer.predict, frame), failure)
            before = columns_of_rows(part, explainer, key)
            count = part.num_rows * len(explainer.outputs)
            # (slots, rows x outputs), each slot's run contiguous.
            slots = np.ascontiguousarray(values.transpose(1, 0, 2)).reshape(values.shape[1], count)
            numbers = [pa.array(run) for run in self._in_order(slots)]
            table = pa.RecordBatch.from_arrays(
                [*before, *numbers, *columns_of_model(self.model.reference, count)], schema=schema
            )
            if row_filter is not None and explained is not None:
                ledger = pa.RecordBatch.from_arrays(
                    [table.column(OUTPUT), pa.array(explained.ravel())], names=[OUTPUT, EXPLAINED_VALUE]
                )
                table = table.filter(row_filter.mask(filter_columns(part, ledger, explainer, key)))
            if table.num_rows:
                yield table

    def _in_order(self, slots: np.ndarray) -> Iterator[np.ndarray]:
        """Slots as the table has them: main effects, pairs, the rest last and only where there is any."""
        count = len(self.columns)
        yield from slots[:count]
        yield from slots[2 * count :]
        if not _are_all(self.explainer.features, self.columns):
            yield from slots[count : 2 * count]
