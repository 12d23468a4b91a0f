"""Nearest neighbours: walks whose steps update the distances to the training rows, and ask the model about ties."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import ExplanationSubject
from mlops_assets.explain.explainers.masked_rows import MaskedRows
from mlops_assets.explain.explainers.mixtures import MixtureExplainer
from mlops_assets.explain.explainers.walks import walk_orders
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

_POWERS = {"euclidean": 2, "manhattan": 1}
_AGREES, _TIE, _MOST_TIES = 1e-9, 1e-10, 0.1
_TRIED_ROWS = 4


class NeighboursExplainer(MixtureExplainer):
    """Interventional Shapley values of scikit-learn's nearest neighbours, alone or behind a traceable preprocessing.

    As `PermutationExplainer`, from the training rows that the model keeps: replacing a column changes each of their
    distances by a difference, so that a step of a walk needs no search. The model is asked about the row itself, and
    where the last neighbour that counts and the next one are equally far. Exact up to eight columns; beyond, eight
    times as many walks as of a model that is asked.
    """

    KIND: ClassVar[Literal["NeighboursExplainer"]] = "NeighboursExplainer"
    _exact_columns: ClassVar[int] = 8
    _times: ClassVar[int] = 8

    def __init__(self, subject: ExplanationSubject) -> None:
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        self._training, self._targets = _read(estimator, len(subject.response.outputs))
        self._neighbours, self._power = int(estimator.n_neighbors), _POWERS[estimator.effective_metric_]
        self._is_weighted = estimator.weights == "distance"
        if self._training.shape[1] <= self._neighbours or len(self._training) != len(self._design.sources):
            raise NotApplicableError("its training rows have other columns, or all of them are neighbours")
        super().__init__(subject)
        matrix = self._design.matrix(self._design.transform(subject.background))
        self._rows = np.ascontiguousarray(matrix)
        gap = np.abs(self._rows[:, :, None] - self._training[None])
        self._distances = np.asarray((gap * gap if self._power == 2 else gap).sum(axis=1))
        self._size = float((np.abs(self._training) ** self._power).sum(axis=0).max(initial=0.0))
        self._require_agreement(subject.background.head(_TRIED_ROWS))
        self.rows_per_call = max(1, self.rows_per_call // 4)
        self.cost_of_row = self.cost_of_row.replace("predictions of the model", "searches for neighbours")
        self.reason = f"{type(estimator).__name__} keeps its training rows, whose distances are followed" + (
            "; all coalitions of its few columns are evaluated: exact" if self.exact else "; sampled, with an error"
        )

    def _tabulate(self, rows: "pd.DataFrame") -> "_Neighbours":
        assert self.background is not None
        return _Neighbours(self.background, rows, self._design.matrix(self._design.transform(rows)))

    def _ask(
        self, table: MaskedRows, row: int, own: Floats | None, from_row: NDArray[np.bool_], starts: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        assert isinstance(table, _Neighbours)
        if own is None:
            own, _ = super()._ask(table, row, None, from_row[:0], starts[:0])
        answers, is_unsure = self._answer(table.matrix[row], from_row, starts)
        if is_unsure.any():
            _, answers[is_unsure] = super()._ask(table, row, own, from_row[is_unsure], starts[is_unsure])
        return own, answers

    def _answer(
        self, row: Floats, from_row: NDArray[np.bool_], starts: NDArray[np.intp]
    ) -> tuple[Floats, NDArray[np.bool_]]:
        from mlops_assets.explain.explainers.neighbour_kernel import answer_neighbours

        answers, is_unsure = np.zeros((len(from_row), self._targets.shape[1])), np.zeros(len(from_row), dtype=bool)
        order = np.argsort(starts, kind="stable")
        bounds = np.searchsorted(starts[order], np.arange(len(self._rows) + 1))
        row = np.ascontiguousarray(row)
        answer_neighbours(
            row, self._rows, self._distances, np.ascontiguousarray(from_row), order, bounds,
            self._design.sources.astype(np.int64), self._training, self._targets, self._neighbours, self._is_weighted,
            self._power, _TIE * (self._size + float((np.abs(row) ** self._power).sum())), answers, is_unsure,
        )  # fmt: skip
        return answers, is_unsure

    def _require_agreement(self, rows: "pd.DataFrame") -> None:
        """Compare some mixtures with the model's answers, and see that few of them are ties."""
        table, width = self._tabulate(rows), len(self.features)
        starts = np.arange(len(self._rows))
        for row in range(len(rows)):
            from_row = walk_orders(row, len(starts), width) < width // 2
            answers, is_unsure = self._answer(table.matrix[row], from_row, starts)
            _, expected = super()._ask(table, row, np.zeros(answers.shape[1]), from_row, starts)
            if is_unsure.mean() > _MOST_TIES:
                raise NotApplicableError("many of its training rows are equally far")
            size = max(float(np.abs(expected).max(initial=0.0)), np.finfo(np.float64).tiny)
            if not np.abs(answers - expected)[~is_unsure].max(initial=0.0) <= _AGREES * size:
                raise NotApplicableError("its neighbours, as they are read, do not give the model's answers")


class _Neighbours(MaskedRows):
    """Mixtures, with the matrix of the explained rows."""

    def __init__(self, background: "pd.DataFrame", rows: "pd.DataFrame", matrix: Floats) -> None:
        super().__init__(background, rows)
        self.matrix = matrix


def _read(estimator: Any, outputs: int) -> tuple[Floats, Floats]:
    """(columns, training rows) and (training rows, outputs): what their mean is taken of.

    Raises
    ------
    NotApplicableError
        These are no neighbours whose distances add up over the columns.
    """
    name = type(estimator).__name__
    if not type(estimator).__module__.startswith("sklearn.neighbors") or name not in (
        "KNeighborsClassifier",
        "KNeighborsRegressor",
    ):
        raise NotApplicableError(f"{name} is no mean of nearest neighbours")
    if estimator.effective_metric_ not in _POWERS or estimator.effective_metric_params_:
        raise NotApplicableError(f"the distances of its {name} ({estimator.effective_metric_}) are no sum over columns")
    if estimator.weights not in ("uniform", "distance"):
        raise NotApplicableError(f"its {name} weighs neighbours in its own way")
    # Under no other names (scikit-learn 1.8).
    rows, targets = getattr(estimator, "_fit_X"), getattr(estimator, "_y")  # noqa: B009
    if not isinstance(rows, np.ndarray) or rows.dtype != np.float64:
        raise NotApplicableError(f"the training rows of its {name} are no doubles")
    if name == "KNeighborsClassifier":
        if estimator.outputs_2d_:
            raise NotApplicableError(f"its {name} has several outputs")
        targets = np.eye(len(estimator.classes_))[np.asarray(targets).ravel()]
        targets = targets[:, 1:] if targets.shape[1] == 2 and outputs == 1 else targets
    targets = np.asarray(targets, dtype=np.float64).reshape(len(rows), -1)
    if targets.shape[1] != outputs:
        raise NotApplicableError(f"its {name} has {targets.shape[1]} outputs, the model {outputs}")
    return np.ascontiguousarray(rows.T), np.ascontiguousarray(targets)
