"""Do base and attributions add up to the prediction, as far as floating-point numbers can?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, DTypeLike

from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, SHAP_PREFIX
from mlops_assets.explain.ledger.attribution_sums import sum_attributions
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


def judged_columns(row_key: Sequence[str], names: Sequence[str]) -> list[str]:
    """Those of a ledger's columns that a `ResidualJudge` looks at: text that is the same in all rows is not read."""
    own = {*row_key, OUTPUT, EXPLAINED_VALUE, "base_value", "residual"}
    return [name for name in names if name in own or name.startswith(SHAP_PREFIX)]


class ResidualJudge:
    """Judges every row of a ledger by its own tolerance, batch by batch. A residual that is not finite is beyond any.

    Parameters
    ----------
    row_key
        The key's columns.
    dtype
        The type that the model computes in.
    listed
        How many of the rows beyond their tolerance are listed, the first ones.
    """

    def __init__(self, row_key: Sequence[str], dtype: DTypeLike = np.float64, listed: int = 20) -> None:
        self._row_key, self._dtype, self._listed = tuple(row_key), np.dtype(dtype), listed
        self._rows = self._beyond = 0
        self._largest = self._ratio = 0.0
        self._shown: list[dict[str, Any]] = []

    def add(self, batch: pa.RecordBatch | pa.Table, magnitude: Floats | None = None) -> None:
        """Judge the next rows of the ledger; `magnitude` is the sum of the absolute attributions of each, if known."""
        if batch.num_rows == 0:
            return
        columns = [name for name in batch.schema.names if name.startswith(SHAP_PREFIX) and name not in self._row_key]
        prediction, base, residual = (
            batch.column(name).to_numpy() for name in (EXPLAINED_VALUE, "base_value", "residual")
        )
        if magnitude is None:
            magnitude = sum_attributions(batch, columns).magnitude
        tolerance = residual_tolerance(prediction, base, len(columns), self._dtype, magnitude=magnitude)
        sizes = np.abs(residual)
        over = ~(sizes <= tolerance)
        self._rows += batch.num_rows
        self._beyond += int(over.sum())
        finite = np.where(np.isfinite(sizes), sizes, np.inf)
        self._largest = max(self._largest, float(finite.max()))
        self._ratio = max(self._ratio, float(np.where(np.isfinite(sizes), sizes / tolerance, np.inf).max()))
        for place in np.flatnonzero(over)[: self._listed - len(self._shown)].tolist():
            row = batch.slice(place, 1).select([*self._row_key, "output"]).to_pylist()[0]
            self._shown.append({**row, "residual": float(residual[place]), "tolerance": float(tolerance[place])})

    def merge(self, later: "ResidualJudge") -> None:
        """Add the verdict on the rows that come after these."""
        verdict = later.verdict()
        self._rows += verdict.rows
        self._beyond += verdict.beyond
        self._largest = max(self._largest, verdict.largest)
        self._ratio = max(self._ratio, verdict.largest_ratio)
        self._shown = [*self._shown, *verdict.listed][: self._listed]

    def verdict(self) -> ResidualVerdict:
        """On the rows so far."""
        return ResidualVerdict(self._rows, self._beyond, self._largest, self._ratio, tuple(self._shown))


def judge_residuals(
    batches: Iterable[pa.RecordBatch], row_key: Sequence[str], dtype: DTypeLike = np.float64, listed: int = 20
) -> ResidualVerdict:
    """The verdict of a `ResidualJudge` on a whole ledger."""
    judge = ResidualJudge(row_key, dtype, listed)
    for batch in batches:
        judge.add(batch)
    return judge.verdict()
