"""How two model versions explain the same rows: what moved, what changed sign, what left the top."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.batching import fixed_batches
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import SHAP_PREFIX, SPACE, shap_column
from mlops_assets.explain.compare.changes import ExplanationDiff, FeatureChange, OutputChange
from mlops_assets.explain.ledger.stored import in_todays_columns
from mlops_assets.explain.ranking import ndcg, rank_by_size
from mlops_assets.trees.arrays import Floats

_ROWS = 8192
_WHERE = "explanation diff"


@dataclass
class _Sums:
    features: int
    rows: int = 0
    old_abs: Floats = field(init=False)
    new_abs: Floats = field(init=False)
    old: Floats = field(init=False)
    new: Floats = field(init=False)
    change: Floats = field(init=False)
    flips: Floats = field(init=False)

    def __post_init__(self) -> None:
        for name in ("old_abs", "new_abs", "old", "new", "change", "flips"):
            setattr(self, name, np.zeros(self.features))


def compare_ledgers(
    old: Iterable[pa.RecordBatch], new: Iterable[pa.RecordBatch], row_key: Sequence[str], *, top_k: int = 10
) -> ExplanationDiff:
    """Compare two ledgers of the same rows in the same order, streaming.

    Parameters
    ----------
    old, new
        Ledgers, for example of the previous and of the present champion. Outputs and features that only one of them
        has are named and left out.
    row_key
        The key columns, which must agree row by row.
    top_k
        What counts as the top of the ranking.

    Raises
    ------
    ExplanationError
        The ledgers do not hold the same rows in the same order (the first key that differs is named), or lack some of
        a row's outputs.
    """
    left, right = _Ledger(old), _Ledger(new)
    left_features, right_features = set(left.features), set(right.features)
    left_outputs, right_outputs = set(left.outputs), set(right.outputs)
    features = [name for name in right.features if name in left_features]
    columns = [*row_key, "output", *(shap_column(name) for name in features)]
    shared = _shared_outputs(left, right)
    spaces = None if left.space is None or right.space is None else (left.space, right.space)
    same_scale = spaces is None or spaces[0] == spaces[1]
    sums = {output: _Sums(len(features)) for output in shared}
    pairs = zip_longest(left.cut(columns, shared), right.cut(columns, shared))
    for one, other in pairs:
        _same_rows(one, other, [*row_key, "output"])
        before, after = _matrix(one, features), _matrix(other, features)
        outputs = np.asarray(one.column("output").to_pylist(), dtype=object)
        for output in pc.unique(one.column("output")).to_pylist():
            of_output = outputs == output
            _add(sums[output], before[of_output], after[of_output])
    return ExplanationDiff(
        tuple(_change(output, features, total, top_k, same_scale=same_scale) for output, total in sums.items()),
        sum(total.rows for total in sums.values()),
        spaces,
        tuple(name for name in right.features if name not in left_features),
        tuple(name for name in left.features if name not in right_features),
        tuple(name for name in right.outputs if name not in left_outputs),
        tuple(name for name in left.outputs if name not in right_outputs),
    )


def compare_rankings(old: pa.Table, new: pa.Table, *, top_k: int = 10) -> ExplanationDiff:
    """Compare two `model_explanations` tables: ranks, top and the sign of the mean; nothing per row."""
    before, after = _global(old), _global(new)
    shared = [output for output in after if output in before]
    old_features = dict.fromkeys(name for means in before.values() for name in means)
    new_features = dict.fromkeys(name for means in after.values() for name in means)
    changes = []
    for output in shared:
        features = [name for name in new_features if name in before[output] and name in after[output]]
        total = _Sums(len(features), 1)
        total.old_abs, total.old = (np.array([before[output][name][k] for name in features]) for k in (0, 1))
        total.new_abs, total.new = (np.array([after[output][name][k] for name in features]) for k in (0, 1))
        changes.append(_change(output, features, total, top_k, per_row=False))
    return ExplanationDiff(
        tuple(changes),
        0,
        None,
        tuple(name for name in new_features if name not in old_features),
        tuple(name for name in old_features if name not in new_features),
        tuple(name for name in after if name not in before),
        tuple(name for name in before if name not in after),
    )


class _Ledger:
    """A stream of ledger batches whose features and outputs are known before it is consumed."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._rest = (in_todays_columns(batch) for batch in batches if batch.num_rows)
        self._first = next(self._rest, None)
        names = self._first.schema.names if self._first is not None else []
        # None: a ledger of 0.1, whose rows do not say it.
        self.space: str | None = (
            self._first.column(SPACE)[0].as_py() if self._first is not None and SPACE in names else None
        )
        self.features = [name.removeprefix(SHAP_PREFIX) for name in names if name.startswith(SHAP_PREFIX)]
        self.outputs: list[str] = pc.unique(self._first.column("output")).to_pylist() if self._first is not None else []

    def cut(self, columns: list[str], outputs: list[str]) -> Iterator[pa.RecordBatch]:
        """Batches of the same number of rows, of these columns and outputs."""
        return fixed_batches(self._select(columns, outputs), _ROWS)

    def _select(self, columns: list[str], outputs: list[str]) -> Iterator[pa.RecordBatch]:
        output_names = pa.array(outputs, pa.string())
        if self._first is None:
            return
        for batches in ([self._first], self._rest):
            for batch in batches:
                late = sorted(set(pc.unique(batch.column("output")).to_pylist()) - set(self.outputs))
                if late:
                    raise ExplanationError(
                        f"The ledger's first batch lacks the outputs {late[:10]}",
                        where=_WHERE,
                        fix="Compare ledgers that hold every output of a row",
                    )
                yield batch.select(columns).filter(pc.is_in(batch.column("output"), value_set=output_names))


def _shared_outputs(left: _Ledger, right: _Ledger) -> list[str]:
    of_left = set(left.outputs)
    shared = [output for output in right.outputs if output in of_left]
    if not shared and left.outputs and right.outputs:
        raise ExplanationError(
            f"The ledgers have no output in common: {left.outputs[:10]} and {right.outputs[:10]}", where=_WHERE
        )
    return shared


def _same_rows(one: pa.RecordBatch | None, other: pa.RecordBatch | None, keys: list[str]) -> None:
    fix = "Compare ledgers of the same input table, explained with the same selection"
    if one is None or other is None or one.num_rows != other.num_rows:
        raise ExplanationError("One ledger has more rows than the other", where=_WHERE, fix=fix)
    for name in keys:
        different = pc.fill_null(pc.not_equal(one.column(name), other.column(name)), False)
        place = pc.index(different, True).as_py()
        if place >= 0:
            keyed = {key: one.column(key)[place].as_py() for key in keys}
            raise ExplanationError(f"The ledgers part at the row {keyed}", where=_WHERE, fix=fix)


def _matrix(batch: pa.RecordBatch, features: Sequence[str]) -> Floats:
    if not features:
        return np.zeros((batch.num_rows, 0))
    return np.column_stack([batch.column(shap_column(name)).to_numpy() for name in features])


def _add(total: _Sums, before: Floats, after: Floats) -> None:
    total.rows += len(before)
    total.old_abs += np.abs(before).sum(axis=0)
    total.new_abs += np.abs(after).sum(axis=0)
    total.old += before.sum(axis=0)
    total.new += after.sum(axis=0)
    total.change += np.abs(after - before).sum(axis=0)
    total.flips += (np.sign(before) * np.sign(after) < 0).sum(axis=0)


def _change(
    output: str,
    features: Sequence[str],
    total: _Sums,
    top_k: int,
    *,
    per_row: bool = True,
    same_scale: bool = True,
) -> OutputChange:
    rows = max(total.rows, 1)
    old_ranks, new_ranks = rank_by_size(total.old_abs), rank_by_size(total.new_abs)
    changes = [
        FeatureChange(
            output,
            name,
            float(total.old_abs[place] / rows),
            float(total.new_abs[place] / rows),
            float(total.change[place] / rows) if per_row and same_scale else None,
            float(total.flips[place] / rows) if per_row else None,
            bool(total.old[place] * total.new[place] < 0),
            int(old_ranks[place]),
            int(new_ranks[place]),
        )
        for place, name in enumerate(features)
    ]
    changes.sort(key=lambda change: change.new_rank)
    size = min(top_k, len(changes))
    entered = tuple(change.feature for change in changes if change.new_rank <= size < change.old_rank)
    left = tuple(
        change.feature
        for change in sorted(changes, key=lambda change: change.old_rank)
        if change.old_rank <= size < change.new_rank
    )
    return OutputChange(output, ndcg(total.old_abs, new_ranks), size, entered, left, tuple(changes))


def _global(table: pa.Table) -> dict[str, dict[str, tuple[float, float]]]:
    """Output -> feature -> (mean absolute, mean) attribution."""
    means: dict[str, dict[str, tuple[float, float]]] = {}
    for row in table.select(["output", "feature", "mean_abs_shap", "mean_shap"]).to_pylist():
        # Class labels in tables of today, their names in those of 0.1.
        means.setdefault(str(row["output"]), {})[row["feature"]] = (row["mean_abs_shap"], row["mean_shap"])
    return means
