"""The ledger of a chunk, on whichever engine."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import pyarrow as pa

from mlops_assets.arrow.batching import join_batches
from mlops_assets.engines.work import ChunkFunction, Work, identity_of
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.explainers.same_bits import TRIED_ROWS, has_same_bits_alone
from mlops_assets.explain.explainers.setup import PreparedExplainer, prepare_explainer
from mlops_assets.explain.ledger.ledger import explain_rows, make_row_mask, schema_for
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.models.loaded_model import LoadedModel


@dataclass(frozen=True)
class ExplainWork(Work):
    """Explanations of chunks. Every process makes the explainer from the same background, so that all make the same.

    Attributes
    ----------
    model
        The pinned model.
    signature
        The signature's JSON, to which the rows conform.
    key
        The row key's fields.
    background
        Conformed rows: of `draw_background_pool`.
    config, selection
        How, and which rows.
    rows
        About how many there are; None: unknown. The same in all processes.
    own_failure
        See `choose_explainer`.
    """

    noun: ClassVar[str] = "explanations"
    RESULT_VERSION: ClassVar[int] = 9

    model: LoadedModel
    signature: str
    key: pa.Schema
    background: pa.Table = field(repr=False)
    config: ExplainConfig
    selection: Selection = field(default_factory=Selection)
    rows: int | None = None
    own_failure: str = ""

    @cached_property
    def identity(self) -> str:
        one = self.explainer
        parts = (
            self.signature,
            *self.key.names,
            json.dumps(self.config.as_dict(), sort_keys=True),
            # The background counts where the method compares with it, and only there: more rows in the table draw
            # another one.
            one.background_digest or "",
            json.dumps([one.KIND, one.space, one.features, one.outputs, one.interaction_pairs, one.variant]),
            self.selection.where or "",
        )
        return identity_of(self, self.model.reference, parts, (*self.model.strategies, one))

    @cached_property
    def prepared(self) -> PreparedExplainer:
        """The explainer and the way to it."""
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json

        inputs = signature_from_json(self.signature).inputs
        prepared = prepare_explainer(self.model, inputs, self.key.names, self.background, self.config, self.own_failure)
        if self.rows is not None:
            prepared.explainer.expect(self.rows)
        return prepared

    @property
    def explainer(self) -> Explainer:
        return self.prepared.explainer

    @property
    def doing(self) -> str:
        return "explaining"

    @cached_property
    def grain(self) -> int | None:
        explainer = self.explainer
        alone = explainer.same_bits_alone
        if alone is None:
            alone = has_same_bits_alone(explainer, self.prepared.to_frame(self.background.slice(0, TRIED_ROWS)))
        return 1 if alone else explainer.rows_per_call

    @property
    def cost_of_row(self) -> str:
        return self.explainer.cost_of_row

    @property
    def most_seconds(self) -> float | None:
        return self.config.seconds

    @property
    def cells_per_row(self) -> int:
        """Numbers that are made of a row."""
        return max(1, len(self.explainer.features) * len(self.explainer.outputs))

    @property
    def schema(self) -> pa.Schema:
        """Of the ledger."""
        return schema_for(self.key, self.explainer)

    def open(self) -> ChunkFunction:
        names, explainer = self.key.names, self.explainer

        def explain(rows: pa.RecordBatch) -> pa.RecordBatch:
            ledger = list(
                explain_rows(rows, explainer, self.prepared.to_frame, names, self.model.reference, self.selection)
            )
            if ledger:
                return join_batches(ledger)
            # The key's types are those of these rows. The function outlives the table that it was opened for, and the
            # identity that it is found under holds the key's names only.
            none = schema_for(pa.schema([rows.schema.field(name) for name in names]), explainer)
            return pa.RecordBatch.from_pylist([], none)

        return explain

    def select_rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of a stream that are explained."""
        return self.selection.select(batches, self._row_mask())

    def filter_rows(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The rows of a stream that pass the filter; all of them where there is none."""
        row_mask = self._row_mask()
        for batch in batches:
            yield batch if row_mask is None else batch.filter(row_mask(batch))

    def _row_mask(self) -> Callable[[pa.RecordBatch], pa.BooleanArray] | None:
        return make_row_mask(self.selection, self.explainer, self.prepared.to_frame, self.key.names)

    def __getstate__(self) -> dict[str, Any]:
        # The identity is this process's: another process compares it with its own, to see that it runs the same code.
        state = {**self.__dict__, "identity": self.identity}
        state.pop("prepared", None)
        state.pop("grain", None)
        return state
