"""Do base and attributions add up to the prediction, as far as floating-point numbers can?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, DTypeLike

from mlops_assets.explain.columns import EXPLAINED_VALUE, SHAP_PREFIX
from mlops_assets.trees.arrays import Floats


def residual_tolerance(
    prediction: ArrayLike,
    base: ArrayLike,
    n_terms: int,
    dtype: DTypeLike = np.float64,
    *,
    magnitude: ArrayLike = 0.0,
) -> Floats:
    """The residual that rounding alone may leave.

    ``eps(dtype) ** (2/3) * sqrt(n_terms) * (|prediction| + |base| + magnitude)``: two thirds of the type's digits must
    hold (11 of float64, 5 of float32), relative to the size of the numbers that are added up. No absolute floor: a
    model that predicts in millionths must add up to millionths.

    Parameters
    ----------
    prediction, base
        The row's.
    n_terms
        How many attributions are added up.
    dtype
        The type that the model computes in: `Explainer.precision`.
    magnitude
        The sum of the absolute attributions, which may be much larger than the prediction where they cancel.
    """
    scale = np.abs(np.asarray(prediction, np.float64)) + np.abs(np.asarray(base, np.float64)) + np.asarray(magnitude)
    precision = float(np.finfo(np.dtype(dtype)).eps) ** (2 / 3)
    return np.asarray(precision * np.sqrt(max(n_terms, 1)) * scale + np.finfo(np.float64).tiny, dtype=np.float64)


@dataclass(frozen=True)
class ResidualVerdict:
    """The result of `judge_residuals`.

    Attributes
    ----------
    rows
        Ledger rows judged.
    beyond
        How many of them have a residual beyond their tolerance.
    largest
        The largest absolute residual.
    largest_ratio
        The largest residual in units of its tolerance; above 1 is beyond.
    listed
        The first rows beyond: row key, output, residual and tolerance.
    """

    rows: int
    beyond: int
    largest: float
    largest_ratio: float
    listed: tuple[dict[str, Any], ...]

    @property
    def passed(self) -> bool:
        return self.beyond == 0


def judge_residuals(
    batches: Iterable[pa.RecordBatch], row_key: Sequence[str], dtype: DTypeLike = np.float64, listed: int = 20
) -> ResidualVerdict:
    """Judge every row of a ledger by its own tolerance, streaming. A residual that is not finite is beyond any."""
    rows = beyond = 0
    largest = ratio = 0.0
    shown: list[dict[str, Any]] = []
    for batch in batches:
        if batch.num_rows == 0:
            continue
        columns = [name for name in batch.schema.names if name.startswith(SHAP_PREFIX) and name not in row_key]
        prediction, base, residual = (
            batch.column(name).to_numpy() for name in (EXPLAINED_VALUE, "base_value", "residual")
        )
        magnitude = np.zeros(batch.num_rows)
        for name in columns:
            magnitude += np.abs(batch.column(name).to_numpy())
        tolerance = residual_tolerance(prediction, base, len(columns), dtype, magnitude=magnitude)
        sizes = np.abs(residual)
        over = ~(sizes <= tolerance)
        rows, beyond = rows + batch.num_rows, beyond + int(over.sum())
        finite = np.where(np.isfinite(sizes), sizes, np.inf)
        largest = max(largest, float(finite.max()))
        ratio = max(ratio, float(np.where(np.isfinite(sizes), sizes / tolerance, np.inf).max()))
        for place in np.flatnonzero(over)[: listed - len(shown)].tolist():
            row = batch.slice(place, 1).select([*row_key, "output"]).to_pylist()[0]
            shown.append({**row, "residual": float(residual[place]), "tolerance": float(tolerance[place])})
    return ResidualVerdict(rows, beyond, largest, ratio, tuple(shown))
