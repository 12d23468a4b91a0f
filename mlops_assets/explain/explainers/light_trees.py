"""The explainer of a model that was read without its library: for a few rows, that are compared and not kept."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import Explainer, Explanation
from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.light.tree_model import TreeModel
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.shap_few_rows import few_row_values

if TYPE_CHECKING:
    import pandas as pd


class LightTreeExplainer(Explainer):
    """`TreeExplainer` in its mode `path_dependent`, of trees that were read from their file alone.

    It takes a matrix in place of a frame; see `to_matrix`. The values are those of `TreeExplainer`, but for rounding.
    """

    KIND: ClassVar[Literal["TreeExplainer"]] = "TreeExplainer"

    def __init__(self, model: TreeModel) -> None:
        self._model = model
        self.features, self.outputs, self.space = model.features, model.outputs, model.ensemble.space
        self.reason = "made of trees: exact, path dependent; read from its file without its library"

    def to_matrix(self, rows: pa.RecordBatch) -> Any:
        """(rows, features), float64: NaN where a value is missing.

        Raises
        ------
        NotLightError
            A column is not there, or is none of numbers.
        """
        columns = []
        for name in self.features:
            place = rows.schema.get_field_index(name)
            kind = None if place < 0 else rows.schema.field(place).type
            if kind is None or not (pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind)):
                raise NotLightError(f"the rows have no numbers {name!r}")
            values = rows.column(place)
            values = values.cast(pa.uint8()) if pt.is_boolean(kind) else values
            columns.append(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False))
        return np.column_stack(columns)

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        X = self._ordered(inputs)
        values, base = few_row_values(self._model.ensemble, X)
        explained = self._model.explained
        by_feature = np.zeros((len(X), len(self.features), len(self.outputs)))
        by_feature[:, list(self._model.places)] = values[:, :, explained]
        starts = np.broadcast_to(base[explained], (len(X), len(self.outputs))).copy()
        return Explanation(by_feature, starts, self.predict(inputs))

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return np.asarray(raw_margin(self._model.ensemble, self._ordered(inputs))[:, self._model.explained])

    def _ordered(self, inputs: Any) -> Floats:
        """The ensemble's columns."""
        if not isinstance(inputs, np.ndarray):
            raise ExplanationError("Rows are given as a matrix", where=self.KIND)
        return np.ascontiguousarray(inputs[:, list(self._model.places)])
