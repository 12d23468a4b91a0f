"""Interventional Shapley values of tree ensembles: exact, against every row of a background of any size.

What is not known of a row has the values of a background row, each in turn, and the attributions are the mean over the
background (Janzing, Minorics and Bloebaum 2020; Lundberg et al. 2020). Trees of up to `LEAF_BITS` players on a path are
tabulated once, so that the time per explained row does not depend on the background; of larger ones each row is
compared with the background by 64 rows at a time.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.input_columns import Sources
from mlops_assets.trees.interventional_pairs import add_pairs
from mlops_assets.trees.interventional_plan import LEAF_BITS, MOST_NUMBERS, Plan, make_plan
from mlops_assets.trees.interventional_tables import count_background, fill_tables, look_up
from mlops_assets.trees.margin_kernel import compiled_margin
from mlops_assets.trees.numba_kernels import LANES, as_kernel_array, run_on_all_cores
from mlops_assets.trees.rescaling import (
    MARGIN,
    NEEDS_LABELS,
    NUMBERS,
    PairFactors,
    Target,
    TargetMean,
    pair_factors,
)

_BATCH = 512 * LANES


class InterventionalTrees:
    """The attributions of an ensemble's raw margin against a background.

    The result for a row depends on the row, the trees and the background alone: not on the rows beside it. Where all
    trees have tables, nor on the order of the background.

    Parameters
    ----------
    background
        (rows, columns), numbers; NaN is a missing value. Or several such, which are read once, one after the other. Not
        kept, unless some trees are too large for tables.
    sources
        (columns,): the input column that each column comes from: what is known or not as a whole. None: each is one.
    inputs
        How many input columns there are; None: as many as `sources` names.
    target
        What is attributed in place of the margin, of an ensemble with one output: see `rescaling`. Some ten tables take
        the place of each one, and two of a squared error.

    Attributes
    ----------
    base
        (outputs,): the mean of the raw margin over the background, or of the probability. Of a loss, which has another
        mean for each label, empty.
    background_rows
        How many there are.
    paired
        How many trees have no tables: the time for these grows with the background.

    Raises
    ------
    ValueError
        The background has no rows, or another number of columns than the model takes; the ensemble has no such target.
    """

    def __init__(
        self,
        ensemble: TreeEnsemble,
        background: npt.NDArray[np.generic] | Iterable[npt.NDArray[np.generic]],
        sources: Sources | None = None,
        inputs: int | None = None,
        *,
        target: Target | None = None,
    ) -> None:
        is_scale = target in (None, "squared error") or ensemble.space == "log-odds"
        if target is not None and not (is_scale and len(ensemble.outputs) == 1):
            raise ValueError(f"No {target} follows from {len(ensemble.outputs)} outputs in {ensemble.space}")
        self._ensemble, self._target = ensemble, target
        self._sources = np.arange(ensemble.n_features) if sources is None else sources
        self._inputs = int(self._sources.max(initial=-1)) + 1 if inputs is None else inputs
        plan = make_plan(ensemble, self._sources)
        low, high = (0.0, 0.0) if target is None else _range_of_margins(ensemble)
        self._factors = None if target is None else _factors(target, plan, low, high)
        if target is not None and self._factors is None:
            plan = Plan(skipped=list(range(len(ensemble.roots))))
        self.paired = len(plan.skipped)
        self._pairs = np.array(plan.skipped, np.int64)
        self._plan = plan.arrays(ensemble)
        self._sets = as_kernel_array(ensemble.set_start), as_kernel_array(ensemble.set_words)
        self._value = as_kernel_array(ensemble.value[:, : ensemble.walk.leaf_value.shape[2]])
        self._leaf_value = as_kernel_array(self._value[self._plan.leaf_node])
        counts = np.zeros((1 if self._factors is None else self._factors.terms, plan.counts))
        self._mean_target = None if target is None else TargetMean(target, 0.5 * (low + high))
        kept, self.background_rows = [], 0
        for batch in (background,) if isinstance(background, np.ndarray) else background:
            self.background_rows += len(batch)
            for low in range(0, len(batch), _BATCH):
                rows = ensemble.prepare(batch[low : low + _BATCH])
                weights = None
                if self._mean_target is not None:
                    margins = self._margins_of(rows)
                    self._mean_target.add(margins)
                    weights = None if self._factors is None else self._factors.of_other(margins)
                self._count(rows, counts, weights)
                kept += [rows] if self.paired else []
        if not self.background_rows:
            raise ValueError("The background has no rows")
        self._tables = [self._filled(each, plan.numbers) for each in counts]
        self._background = as_kernel_array(np.concatenate(kept)) if self.paired else None
        self._margins = np.zeros(0) if target is None else self._margins_of(self._background)
        self.base: Floats
        if self._mean_target is None:
            self.base = ensemble.offset + self._mean(counts[0]) + self._mean_of_pairs()
        else:
            self.base = self._mean_target.of(np.zeros(0))

    def __call__(self, X: npt.NDArray[np.generic], labels: Floats | None = None) -> tuple[Floats, Floats]:
        """Attributions (n, inputs, outputs) of every row, and `base`; of a loss (n, 1), that of each row's label.

        Parameters
        ----------
        labels
            (n,), of a loss: the true number, or 1.0 for the positive class and 0.0 for the other one.
        """
        ensemble, plan = self._ensemble, self._plan
        rows = as_kernel_array(ensemble.prepare(X))
        values = np.zeros((len(rows), self._inputs, len(ensemble.outputs)))
        width = self._value.shape[1]
        if (labels is None) == (self._target in NEEDS_LABELS):
            raise ValueError(
                f"Labels are {'needed' if labels is None else 'of no use'} for {self._target or 'margins'}"
            )
        given = as_kernel_array(np.zeros(len(rows)) if labels is None else labels, np.float64)
        margins = np.zeros(0) if self._target is None else self._margins_of(rows)
        factors = None if self._factors is None else self._factors.of_one(margins, given)
        for number, tables in enumerate(self._tables if len(plan.tree_output) else ()):
            added = values if factors is None else np.zeros_like(values)

            def look(low: int, high: int, tables: Floats = tables, added: Floats = added) -> None:
                look_up(
                    rows, added, low, high, width, tables, plan.tree_output, plan.decision_start, plan.feature,
                    plan.threshold, plan.decision, plan.and_start, plan.and_of_rows, plan.ands, plan.block_start,
                    plan.bit_start, plan.bits, plan.column_start, plan.columns, plan.table_start, plan.has_lines,
                    plan.leaf_start, self._leaf_value, plan.factor_start, plan.factors, *self._sets,
                )  # fmt: skip

            if len(rows):
                run_on_all_cores(look, len(rows))
            if factors is not None:
                values += factors[number][:, None, None] * added

        if self._background is not None and len(rows):
            pairs = partial(add_pairs, rows, values)
            number = MARGIN if self._target is None else NUMBERS[self._target]
            of_background = number, given, self._pairs, self._background, margins, self._margins, *self._nodes
            run_on_all_cores(lambda low, high: pairs(low, high, *of_background), len(rows))
        if ensemble.walk.complement:
            values[:, :, -1] = -values[:, :, :-1].sum(axis=2)
        if self._mean_target is None or labels is None:
            return values, self.base
        return values, self._mean_target.of(given)[:, None]

    def _margins_of(self, rows: Floats | None) -> Floats:
        return as_kernel_array(np.zeros(0) if rows is None else compiled_margin(self._ensemble, rows)[:, 0])

    def _count(self, rows: Floats, counts: Floats, weights: Floats | None = None) -> None:
        """Add rows to each of the counts, (terms, numbers), with these weights (terms, rows)."""
        plan = self._plan
        blocks = -(-len(rows) // LANES)
        padded = np.zeros((blocks * LANES, rows.shape[1]))
        padded[: len(rows)] = rows
        X = as_kernel_array(padded.reshape(blocks, LANES, rows.shape[1]).transpose(0, 2, 1))
        for term, own in enumerate(counts):
            padding = np.zeros(blocks * LANES)
            padding[: len(rows)] = 1.0 if weights is None else weights[term]
            each = padding.reshape(blocks, LANES)

            def task(low: int, high: int, own: Floats = own, each: Floats = each) -> None:
                count_background(
                    X, each, low, high, own, plan.decision_start, plan.feature, plan.threshold, plan.decision,
                    plan.and_start, plan.ands, plan.block_start, plan.leaf_start, plan.count_start, plan.factor_start,
                    plan.factors, *self._sets,
                )  # fmt: skip

            _for_trees(task, len(plan.tree_output))

    def _filled(self, counts: Floats, numbers: int) -> Floats:
        plan, tables = self._plan, np.zeros(numbers)
        plus, minus = shapley_weights(LEAF_BITS)

        def task(low: int, high: int) -> None:
            fill_tables(
                low, high, counts, float(self.background_rows), self._leaf_value, plus, minus, tables,
                plan.block_start, plan.bit_start, plan.column_start, plan.table_start, plan.has_lines, plan.leaf_start,
                plan.count_start, plan.factor_start, plan.factors,
            )  # fmt: skip

        _for_trees(task, len(plan.tree_output))
        return tables

    def _mean(self, counts: Floats) -> Floats:
        """(outputs,): the mean over the background of the trees that have tables."""
        plan, ensemble = self._plan, self._ensemble
        leaves = np.diff(plan.leaf_start[plan.block_start])
        arrived = counts[plan.count_start[:-1]] / self.background_rows
        result = np.zeros(len(ensemble.outputs))
        for w in range(ensemble.value.shape[1]):
            np.add.at(result, np.repeat(plan.tree_output + w, leaves), arrived * ensemble.value[plan.leaf_node, w])
        return result

    def _mean_of_pairs(self) -> Floats:
        """(outputs,): that of the others."""
        ensemble, trees = self._ensemble, self._pairs
        offset = np.zeros(len(ensemble.outputs))
        if self._background is None:
            return offset
        some = replace(ensemble, roots=ensemble.roots[trees], tree_output=ensemble.tree_output[trees], offset=offset)
        return np.asarray(compiled_margin(some, self._background).sum(axis=0) / self.background_rows)

    @property
    def _nodes(self) -> tuple[Any, ...]:
        ensemble = self._ensemble
        stops = np.append(ensemble.roots[1:], len(ensemble.left))
        depth = ensemble.walk.depth
        player = self._sources[ensemble.feature].astype(np.int64)
        splits = ensemble.feature, player, ensemble.threshold, ensemble.decision, self._value
        arrays = ensemble.roots, stops, ensemble.tree_output, ensemble.left, ensemble.right, *splits
        return (
            depth,
            shapley_weights(min(depth, self._inputs))[0],
            *(as_kernel_array(array) for array in arrays),
            *self._sets,
        )


def _range_of_margins(ensemble: TreeEnsemble) -> tuple[float, float]:
    """The least and the largest margin that the trees of one output can give."""
    low = high = float(ensemble.offset[0])
    for root, stop in zip(ensemble.roots, [*ensemble.roots[1:], len(ensemble.left)], strict=True):
        leaves = ensemble.value[root:stop, 0][ensemble.left[root:stop] < 0]
        low, high = low + float(leaves.min()), high + float(leaves.max())
    return low, high


def _factors(target: Target, plan: Plan, low: float, high: float) -> PairFactors | None:
    """For all margins that the trees can give; None where these are too many, or not all trees have tables."""
    factors = None if plan.skipped else pair_factors(target, low, high)
    return factors if factors is not None and plan.numbers * factors.terms <= MOST_NUMBERS else None


@cache
def shapley_weights(most: int) -> tuple[Floats, Floats]:
    """w(a, b) and w(a, b - 1) of `interventional_tables`, for a, b up to `most`."""
    plus = np.zeros((most + 2, most + 2))
    for a in range(most + 2):
        plus[a, 0] = 1 / a if a else 0.0
        for b in range(1, most + 2):
            # (a - 1)! b! / (a + b)! from (a - 1)! (b - 1)! / (a + b - 1)!
            plus[a, b] = plus[a, b - 1] * b / (a + b) if a else plus[0, b - 1] - 1 / b
    minus = np.zeros_like(plus)
    minus[:, 1:] = plus[:, :-1]
    return plus, minus


def _for_trees(task: Callable[[int, int], None], trees: int) -> None:
    """Run task(low, high) over all trees, on the cores that this process may use."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    step = max(1, min(8, -(-trees // threads)))
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda low: task(low, min(low + step, trees)), range(0, trees, step)):
            pass
