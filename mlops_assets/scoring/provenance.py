"""How published predictions were made, as the table itself records it: the one way to and from its metadata."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.models.loaded_model import PredictMethod
from mlops_assets.scoring.batch_dependence import BatchDependence

ROWS_COMPARED, ROWS_THAT_DIFFER = "batches.rows_compared", "batches.rows_that_differ"


@dataclass(frozen=True)
class PredictionsProvenance:
    """What the readers of a predictions table need to know of its making.

    Attributes
    ----------
    predict_method
        The model's method that answered.
    params
        The inference params that it was given.
    batch_dependence
        Whether the answer for a row depended on the rows beside it, tried on a sample.
    """

    predict_method: PredictMethod
    params: Mapping[str, Any]
    batch_dependence: BatchDependence

    def to_extra(self) -> dict[str, str]:
        """For `Provenance.extra`. `of` reads it."""
        return {
            "predict_method": self.predict_method,
            "params": json.dumps(self.params, sort_keys=True, default=str),
            ROWS_COMPARED: str(self.batch_dependence.rows),
            ROWS_THAT_DIFFER: str(self.batch_dependence.different),
        }

    @classmethod
    def of(cls, provenance: Provenance) -> Self:
        """The provenance that a predictions table's metadata holds; a key that is missing gives the field's default.

        Tables written before a key existed, and tables of other tools, lack some: `predict`, no params, nothing
        compared.
        """
        extra = provenance.extra
        return cls(
            predict_method="predict_proba" if extra.get("predict_method") == "predict_proba" else "predict",
            params=json.loads(extra.get("params", "{}")),
            batch_dependence=BatchDependence(int(extra.get(ROWS_COMPARED, 0)), int(extra.get(ROWS_THAT_DIFFER, 0))),
        )
