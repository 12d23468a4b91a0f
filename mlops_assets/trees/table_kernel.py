"""The lookups of `pattern_tables`, compiled with numba.

Rows go through all trees a tile at a time, columns innermost: each line of a loop is vector instructions over rows, and
a tile's values and sums stay in the second cache. Additions are in the order of trees and blocks, none of them
reordered: what a row gets has the same bits in any company.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Flags, Floats, Indices, Ints, Words
from mlops_assets.trees.category_sets import in_set
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble
from mlops_assets.trees.numba_kernels import as_kernel_array, compile_inline, compile_kernel, run_on_all_cores
from mlops_assets.trees.pattern_tables import Block, Leaf, Plan, runs_of
from mlops_assets.trees.quadrature import gauss_legendre
from mlops_assets.trees.ranking import ZERO_THRESHOLD

ROWS_PER_TASK = 8192
_TILE_BYTES = 1 << 20
_MOST_ROWS, _FEWEST_ROWS = 2048, 64

Bits = npt.NDArray[Any]
"""uint32 or uint64: the conditions of a tree that hold for a row."""


@dataclass(frozen=True)
class Tables:
    """The tables of an ensemble, and how a row finds its places in them; arrays as of `_add_rows`."""

    arrays: tuple[npt.NDArray[Any], ...]
    tile_rows: int
    width: int
    """Sums of a row and output."""


def explain_by_tables(
    ensemble: TreeEnsemble, tables: Tables, X: npt.NDArray[np.generic]
) -> tuple[Floats, Floats, Floats]:
    """What the tables hold (n, width, outputs), its sum (n, outputs), and the raw margin (n, outputs).

    Of the tables of `tables_of` these are the attributions, (n, features, outputs). The margin is
    `raw_margin(ensemble, X)` to the last bit. Of memory that is ordered by columns nothing is copied.
    """
    columns = _columns(ensemble, X)
    rows, outputs = columns.shape[1], len(ensemble.outputs)
    values = np.empty((outputs, tables.width, rows))
    sums, margin = np.empty((outputs, rows)), np.empty((outputs, rows))
    offset = as_kernel_array(ensemble.offset)

    def task(low: int, high: int) -> None:
        tile = min(tables.tile_rows, high - low)
        _add_rows(columns, values, sums, margin, offset, low, high, tile, ensemble.float32_inputs, *tables.arrays)

    run_on_all_cores(task, rows, ROWS_PER_TASK)
    return values.transpose(2, 1, 0), sums.T, margin.T


def _columns(ensemble: TreeEnsemble, X: npt.NDArray[np.generic]) -> Floats:
    """(features, n), not to be written to: `ensemble.prepare(X)`, but for the rounding to 32 bits."""
    if ensemble.encodings or (ensemble.missing is not None and not np.isnan(ensemble.missing)):
        X = ensemble.prepare(X)
    if X.ndim != 2 or X.shape[1] != ensemble.n_features:
        raise ValueError(f"X has shape {X.shape}, the model takes (n, {ensemble.n_features})")
    # To numba, arrays that may be written to are of another type.
    columns: Floats = np.ascontiguousarray(X.T, np.float64).view()
    columns.flags.writeable = False
    return columns


_made: "WeakKeyDictionary[TreeEnsemble, Tables]" = WeakKeyDictionary()
_making = Lock()


def tables_of(ensemble: TreeEnsemble, plan: Plan) -> Tables:
    """The tables of an ensemble, made once."""
    with _making:
        if ensemble not in _made:
            _made[ensemble] = make_tables(ensemble, plan)
        return _made[ensemble]


def make_tables(ensemble: TreeEnsemble, plan: Plan) -> Tables:
    """Compute the tables of all attributions."""
    return arrange_tables(ensemble, plan, [block.features for block in plan.blocks], _fill, ensemble.n_features)


def arrange_tables(
    ensemble: TreeEnsemble,
    plan: Plan,
    columns: Sequence[Sequence[int]],
    fill: Callable[[Block, Floats], None],
    width: int,
) -> Tables:
    """Compute all tables of a plan.

    Parameters
    ----------
    columns
        Per block: the places, of `width`, of the sums that its tables add to.
    fill
        Writes the tables of one block, (its columns + 1, patterns), which are zero; the last one is the leaf's value.
    """
    blocks = plan.blocks
    kind = np.uint32 if max(len(tree.conditions) for tree in plan.trees) <= 32 else np.uint64
    nodes = np.array([node for tree in plan.trees for node in tree.conditions], np.int64)
    runs = [runs_of(block.inside) for block in blocks]
    sizes = [(len(each) + 1) << block.bits for each, block in zip(columns, blocks, strict=True)]
    table = np.zeros(sum(sizes))
    table_start = starts_of(sizes)
    for block, start, size in zip(blocks, table_start[:-1].tolist(), sizes, strict=True):
        fill(block, table[start : start + size].reshape(-1, 1 << block.bits))
    arrays: tuple[npt.NDArray[Any], ...] = (
        ensemble.tree_output,
        starts_of([len(tree.conditions) for tree in plan.trees]),
        ensemble.feature[nodes],
        ensemble.threshold[nodes],
        ensemble.decision[nodes],
        starts_of([len(tree.blocks) for tree in plan.trees]),
        starts_of([len(block.path) for block in blocks]),
        np.array([mask for block in blocks for mask, _ in block.path], kind),
        np.array([want for block in blocks for _, want in block.path], kind),
        starts_of([len(each) for each in runs]),
        np.array([run for each in runs for run in each], np.int64).reshape(-1, 2),
        starts_of([len(each) for each in columns]),
        np.array([column for each in columns for column in each], np.int64),
        table_start,
        table,
        ensemble.set_start,
        ensemble.set_words,
    )
    outputs = len(ensemble.outputs)
    row_bytes = 8 * (ensemble.n_features + outputs * (width + 1))
    tile = min(_MOST_ROWS, max(_FEWEST_ROWS, _TILE_BYTES // row_bytes // 64 * 64))
    return Tables(tuple(as_kernel_array(array) for array in arrays), tile, width)


def starts_of(counts: list[int]) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(counts, np.int64), dtype=np.int64)])


def _fill(block: Block, table: Floats) -> None:
    """(features + 1, patterns), zeros: the attributions of each pattern of answers, and the value of the leaf."""
    leaves = block.leaves
    # Adding it changes no number, not even the sign of a zero.
    table[-1] = -0.0
    _fill_table(
        table,
        len(block.path),
        *leaf_arrays(leaves),
    )


def leaf_arrays(leaves: list[Leaf]) -> tuple[npt.NDArray[Any], ...]:
    """A block's leaves as kernels read them: values, starts, features, z, masks and wants; starts of the points of
    quadrature that each needs, these points and their weights.
    """
    points = [gauss_legendre(max(1, (len(leaf.feature) + 1) // 2)) for leaf in leaves]
    return (
        np.array([leaf.value for leaf in leaves]),
        starts_of([len(leaf.feature) for leaf in leaves]),
        np.array([each for leaf in leaves for each in leaf.feature], np.int64),
        np.array([each for leaf in leaves for each in leaf.z], np.float64),
        np.array([each for leaf in leaves for each in leaf.mask], np.int64),
        np.array([each for leaf in leaves for each in leaf.want], np.int64),
        starts_of([len(q) for q, _ in points]),
        np.concatenate([q for q, _ in points]),
        np.concatenate([weights for _, weights in points]),
    )


@partial(compile_kernel, fastmath=False)
def _fill_table(
    table: Floats, above: int, value: Floats, start: Ints, feature: Ints, z: Floats, mask: Ints, want: Ints,
    point_start: Ints, points: Floats, weights: Floats,
) -> None:  # fmt: skip
    """phi_j = v (o_j - z_j) * integral of the product of (q o_k + p z_k) over k != j, for all o of each leaf."""
    factors, suffix = np.empty(64), np.empty(64)
    for leaf in range(len(value)):
        first = start[leaf]
        d = start[leaf + 1] - first
        parts = np.zeros((1 << d, d))
        for o in range(1 << d):
            for i in range(point_start[leaf], point_start[leaf + 1]):
                q = points[i]
                for k in range(d):
                    factors[k] = q * float((o >> k) & 1) + (1 - q) * z[first + k]
                product = weights[i] * value[leaf]
                suffix[d] = 1.0
                for k in range(d - 1, -1, -1):
                    suffix[k] = suffix[k + 1] * factors[k]
                for k in range(d):
                    parts[o, k] += product * suffix[k + 1] * (float((o >> k) & 1) - z[first + k])
                    product *= factors[k]
        for pattern in range(table.shape[1]):
            inside, o = pattern >> above, 0
            for k in range(d):
                j = feature[first + k]
                follows = (inside & mask[first + k]) == want[first + k]
                if j < above:
                    follows = follows and ((pattern >> j) & 1) == 1
                if follows:
                    o |= 1 << k
            if o == (1 << d) - 1:
                table[table.shape[0] - 1, pattern] = value[leaf]
            for k in range(d):
                table[feature[first + k], pattern] += parts[o, k]


@compile_inline
def _ask(word: Bits, x: Floats, rows: int, bit: Any, threshold: float, decision: int, sets: Ints, words: Words) -> None:
    """Set a bit of the word of each row that goes left."""
    none = bit ^ bit
    if decision & (CATEGORICAL | ZERO_IS_MISSING):
        for i in range(rows):
            if np.isnan(x[i]) or ((decision & ZERO_IS_MISSING) != 0 and abs(x[i]) <= ZERO_THRESHOLD):
                left = (decision & MISSING_LEFT) != 0
            elif decision & CATEGORICAL:
                left = in_set(x[i], int(threshold), sets, words)
            else:
                left = x[i] <= threshold
            word[i] |= bit if left else none
    elif decision & MISSING_LEFT:
        for i in range(rows):
            word[i] |= none if x[i] > threshold else bit
    else:
        for i in range(rows):
            word[i] |= bit if x[i] <= threshold else none


@partial(compile_kernel, fastmath=False)
def _add_rows(
    columns: Floats, values: Floats, sums: Floats, margin: Floats, offset: Floats, low: int, high: int, tile: int,
    narrow: bool, tree_output: Ints, condition_start: Ints, feature: Indices, threshold: Floats, decision: Flags,
    block_start: Ints, path_start: Ints, path_mask: Bits, path_want: Bits, run_start: Ints, runs: Ints,
    sum_start: Ints, sum_place: Ints, table_start: Ints, tables: Floats, sets: Ints, words: Words,
) -> None:  # fmt: skip
    """Write columns[:, low:high]'s part of values (outputs, width, n), sums and margin (outputs, n)."""
    features, outputs, width = columns.shape[0], values.shape[0], values.shape[1]
    one = np.ones(1, path_mask.dtype)[0]
    x, phi = np.empty((features, tile)), np.empty((outputs, width + 1, tile))
    word, place = np.empty(tile, path_mask.dtype), np.empty(tile, np.int32)
    for begin in range(low, high, tile):
        rows = min(tile, high - begin)
        for f in range(features):
            if narrow:
                for i in range(rows):
                    x[f, i] = np.float64(np.float32(columns[f, begin + i]))
            else:
                for i in range(rows):
                    x[f, i] = columns[f, begin + i]
        for o in range(outputs):
            phi[o, :width] = 0.0
            phi[o, width] = offset[o]
        for tree in range(len(tree_output)):
            output = tree_output[tree]
            word[:] = one ^ one
            for k in range(condition_start[tree], condition_start[tree + 1]):
                bit = one << (one * (k - condition_start[tree]))
                _ask(word, x[feature[k]], rows, bit, threshold[k], decision[k], sets, words)
            for block in range(block_start[tree], block_start[tree + 1]):
                above = path_start[block + 1] - path_start[block]
                place[:] = 0
                for a in range(above):
                    mask, want, answer = path_mask[path_start[block] + a], path_want[path_start[block] + a], 1 << a
                    for i in range(rows):
                        place[i] |= np.int32(answer) if (word[i] & mask) == want else np.int32(0)
                bits = above
                for run in range(run_start[block], run_start[block + 1]):
                    shift, count = one * runs[run, 0], runs[run, 1]
                    keep, up = one * ((1 << count) - 1), np.int32(bits)
                    for i in range(rows):
                        place[i] |= np.int32((word[i] >> shift) & keep) << up
                    bits += count
                first, patterns = sum_start[block], 1 << bits
                count = sum_start[block + 1] - first
                for k in range(count + 1):
                    total = phi[output, sum_place[first + k] if k < count else width]
                    table = tables[table_start[block] + k * patterns : table_start[block] + (k + 1) * patterns]
                    for i in range(rows):
                        total[i] += table[place[i]]
        for o in range(outputs):
            for i in range(rows):
                sums[o, begin + i] = 0.0
                margin[o, begin + i] = phi[o, width, i]
            for f in range(width):
                for i in range(rows):
                    values[o, f, begin + i] = phi[o, f, i]
                    sums[o, begin + i] += phi[o, f, i]
