"""Exact path-dependent Shapley values of tree ensembles, computed in the way that suits the trees and the job."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlops_assets.trees import shap_few_rows
from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.numba_kernels import ROWS_PER_TASK, as_kernel_array
from mlops_assets.trees.pattern_tables import choose_plan, nanoseconds_of_walk
from mlops_assets.trees.quadrature import plan_walks
from mlops_assets.trees.shap_kernel import add_by_walks
from mlops_assets.trees.shap_numpy import add_shap_values, estimate_seconds
from mlops_assets.trees.table_kernel import explain_by_tables, tables_of

PATIENCE = 3.0
"""Seconds, by estimate, of uncompiled walks for which a job does not load or compile the kernel."""

Way = Literal["plain", "compiled", "tables"]


def is_compiled(ensemble: TreeEnsemble, rows: int) -> bool:
    """Whether a job of so many rows is computed by a compiled kernel."""
    return estimate_seconds(ensemble.walk, rows, ROWS_PER_TASK) > PATIENCE


def choose_way(ensemble: TreeEnsemble, rows: int, by_tables: bool = True) -> Way:
    """How a job of so many rows is computed: with NumPy, by the compiled walk, or by tables where these are faster.

    It depends on the trees and the job alone, not on what this process has done before: the ways agree to 1e-12 of the
    prediction's scale, not to the last bit.
    """
    if not is_compiled(ensemble, rows):
        return "plain"
    return "tables" if by_tables and choose_plan(ensemble) is not None else "compiled"


def seconds_per_row(ensemble: TreeEnsemble) -> float:
    """About what a row of a large job costs one core."""
    plan = choose_plan(ensemble)
    return 1e-9 * (nanoseconds_of_walk(ensemble) if plan is None else plan.nanoseconds_per_row)


def tree_shap(
    ensemble: TreeEnsemble, X: npt.NDArray[np.generic], job_rows: int | None = None, *, by_tables: bool = True
) -> tuple[Floats, Floats]:
    """Exact path-dependent Shapley values of every row.

    Small jobs are computed with NumPy and start at once; those that would take longer than `PATIENCE` with a compiled
    kernel, which is loaded from disk or, the first time on a machine, compiled (some seconds per version). The few rows
    of a check, within `shap_few_rows.walk_quickly`, are walked level by level.

    Parameters
    ----------
    X
        (n, features), numbers; NaN is a missing value. They are rounded here as the model rounds them. By tables,
        an array that is ordered by columns is not copied.
    job_rows
        Rows of the job that these are a part of; None where these are all.
    by_tables
        Tables, which take up to 128 MiB per ensemble, may be used.

    Returns
    -------
    values
        (n, features, outputs), float64; ordered by columns where computed by tables.
    base
        (outputs,): `base + values.sum(axis=1)` is `raw_margin(ensemble, X)`.
    """
    sums = tree_shap_sums(ensemble, X, job_rows, by_tables=by_tables)
    return sums.values, sums.base


@dataclass(frozen=True)
class ShapSums:
    """What `tree_shap` returns, and what the kernel adds up meanwhile.

    Attributes
    ----------
    values, base
        As of `tree_shap`.
    total
        (n, outputs): the sum of a row's values; None where it was not added up.
    margin
        (n, outputs): `raw_margin` to the last bit; None likewise.
    """

    values: Floats
    base: Floats
    total: Floats | None = None
    margin: Floats | None = None


def tree_shap_sums(
    ensemble: TreeEnsemble, X: npt.NDArray[np.generic], job_rows: int | None = None, *, by_tables: bool = True
) -> ShapSums:
    """`tree_shap`, with the sums and margins of the rows where they cost nothing."""
    if shap_few_rows.is_quick(len(X)):
        return ShapSums(*shap_few_rows.few_row_values(ensemble, X))
    walk = ensemble.walk
    base = ensemble.offset + walk.expected
    way = choose_way(ensemble, len(X) if job_rows is None else job_rows, by_tables)
    if way == "tables" and (plan := choose_plan(ensemble)) is not None:
        values, total, margin = explain_by_tables(ensemble, tables_of(ensemble, plan), X)
        return ShapSums(values, base, total, margin)
    rows = as_kernel_array(ensemble.prepare(X))
    values = np.zeros((len(rows), ensemble.n_features, len(ensemble.outputs)))
    if way == "compiled":
        add_by_walks(ensemble, rows, values, plan_walks(walk))
    else:
        for low in range(0, len(rows), ROWS_PER_TASK):
            add_shap_values(ensemble, rows[low : low + ROWS_PER_TASK], values[low : low + ROWS_PER_TASK])
    if walk.complement:
        values[:, :, -1] = -values[:, :, :-1].sum(axis=2)
    return ShapSums(values, base)
