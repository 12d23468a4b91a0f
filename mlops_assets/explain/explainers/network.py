"""Neural networks by their own layers: walks that cost a column of the first layer per step, or all coalitions."""

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.coalitions import shapley_of_worth
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.networks import Network, read_network
from mlops_assets.explain.explainers.sampling import frame_digest, row_hash
from mlops_assets.explain.explainers.walks import rounds_within, walk_errors, walk_orders
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

ENUMERATED = 131_072
"""So many evaluations for a row are made, where all coalitions need no more: 10 columns and 100 background rows."""
_ROUNDS = 8  # times those of a model that is asked
_EVALUATIONS = 4_000_000  # of one call; about half a second
_AGREES = 1e-9


class NetworkExplainer(Explainer):
    """Interventional Shapley values of scikit-learn's networks, alone or behind a traceable preprocessing.

    What `PermutationExplainer` asks the model, computed from the network's layers: replacing a column changes the sums
    of the first layer by one of its columns, so that a step of a walk needs no product with all of them. Up to ten
    columns and 100 background rows all coalitions are evaluated: exact. Beyond, eight times as many walks as of a model
    that is asked are made, at a fraction of the time, with standard errors.

    Space: that of the model's answers, `identity` or `probability`.
    """

    KIND: ClassVar[Literal["NetworkExplainer"]] = "NetworkExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self._design: Design = read_design(subject)
        self._network: Network = read_network(self._design.estimator)
        self.features, self.outputs = subject.features, subject.response.outputs
        self.space, self._response = subject.response.space, subject.response
        if self._network.outputs != len(self.outputs):
            raise NotApplicableError(f"its network has {self._network.outputs} outputs, the model {len(self.outputs)}")
        self.background = subject.background
        self.background_digest = frame_digest(subject.background)
        self._rows = np.ascontiguousarray(self._design.matrix(self._design.transform(subject.background)))
        if self._rows.shape[1] != len(self._network.first):
            raise NotApplicableError(f"its network has {len(self._network.first)} columns, not {self._rows.shape[1]}")
        self._starts = self._network.of(self._rows)
        self._require_agreement(subject)
        self._sums = self._rows @ self._network.first + self._network.offset
        width, background_rows, config = len(self.features), len(self._rows), subject.config
        self._seed = config.seed
        self._columns = np.argsort(self._design.sources, kind="stable").astype(np.int64)
        self._bounds = np.searchsorted(self._design.sources[self._columns], np.arange(width + 1)).astype(np.int64)
        all_coalitions = (2 ** min(width, 62) - 2) * background_rows
        limit = ENUMERATED if config.calls_per_row is None else config.calls_per_row
        self.exact = width == 1 or all_coalitions <= limit
        self._rounds = rounds_within(config, width, background_rows, _ROUNDS * config.permutations)
        self.sampled = not self.exact
        evaluations = all_coalitions if self.exact else 2 * self._rounds * (width - 1) * background_rows
        self.rows_per_call = max(1, min(4096, _EVALUATIONS // max(1, evaluations)))
        self.same_bits_alone = True
        self.cost_of_row = f"{evaluations:,} evaluations of its network"
        self.reason = f"{type(self._design.estimator).__name__} is a network that is read" + (
            "; all coalitions of its few columns are evaluated: exact" if self.exact else "; sampled, with an error"
        )

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return self._network.of(self._matrix(inputs)) if len(inputs) else np.zeros((0, len(self.outputs)))

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        if not len(inputs):
            return Explanation.empty(len(self.features), len(self.outputs))
        rows = self.columns(inputs)
        X = self._matrix(rows)
        if not np.isfinite(X).all():
            self._response.of(rows)  # which refuses them, and says why
        prediction = self._network.of(X)
        values = np.zeros((len(X), len(self.features), len(self.outputs)))
        error = None if self.exact else np.zeros_like(prediction)
        keys = None if self.exact else row_hash(self._seed, rows)
        for place in range(len(X)):
            if error is None or keys is None:
                values[place] = self._enumerate(X[place], prediction[place])
            else:
                values[place], errors = self._walk(X[place], prediction[place], int(keys[place]))
                error[place] = errors.max(axis=0)
        base = np.broadcast_to(self._starts.mean(axis=0), prediction.shape).copy()
        return Explanation(values, base, prediction, error)

    def _enumerate(self, row: Floats, own: Floats) -> Floats:
        from mlops_assets.explain.explainers.network_kernel import enumerate_network

        worth = np.zeros((2 ** len(self.features), len(self.outputs)))
        network = self._network
        enumerate_network(
            row, own, self._rows, self._sums, self._starts, self._bounds, self._columns, network.first,
            network.widths, network.weights, network.biases, network.codes, worth,
        )  # fmt: skip
        return shapley_of_worth(worth / len(self._rows))

    def _walk(self, row: Floats, own: Floats, key: int) -> tuple[Floats, Floats]:
        """(features, outputs): the attributions, and their standard errors."""
        from mlops_assets.explain.explainers.network_kernel import walk_network

        orders = walk_orders(key, self._rounds * len(self._rows), len(self.features))
        pairs = np.zeros((*orders.shape, len(self.outputs)))
        network = self._network
        walk_network(
            row, own, self._rows, self._sums, self._starts, orders, self._bounds, self._columns, network.first,
            network.widths, network.weights, network.biases, network.codes, pairs,
        )  # fmt: skip
        return pairs.mean(axis=0), walk_errors(pairs.reshape(self._rounds, len(self._rows), *pairs.shape[1:]))

    def _matrix(self, inputs: "pd.DataFrame") -> Floats:
        return np.ascontiguousarray(self._design.matrix(self._design.transform(self.columns(inputs))))

    def _require_agreement(self, subject: ExplanationSubject) -> None:
        answers = subject.response.of(subject.background)
        size = max(float(np.abs(answers).max(initial=0.0)), np.finfo(np.float64).tiny)
        if answers.shape != self._starts.shape or not np.abs(answers - self._starts).max() <= _AGREES * size:
            raise NotApplicableError("its network, as it is read, does not give the model's answers")
