"""Tree ensembles: exact Shapley values of the fitted trees, rolled up to the input columns."""

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers.agreement import name_outputs, settle_space
from mlops_assets.explain.explainers.design import Design, read_design
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.interaction_effects import chosen_groups
from mlops_assets.explain.explainers.library_margins import ask_margin
from mlops_assets.explain.explainers.multi_output import explained_classes
from mlops_assets.explain.explainers.readable import read_trees
from mlops_assets.explain.explainers.sampling import frame_digest
from mlops_assets.models.inner_boosters import frame_library
from mlops_assets.trees.arrays import Floats, Space
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.rescaling import Target, target_values
from mlops_assets.trees.shap_interactions import strongest_pairs, tree_interactions

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.trees.interventional import InterventionalTrees

_CELLS = 1_000_000
_VISITS = 2_000_000  # by one call; about two seconds
_SPACE_ROWS = 8
_BACKGROUND_ROWS = 65_536  # through the preprocessing at once
# Of one chunk of a large job.
_CHUNK_SECONDS, _CHUNK_ROWS = 0.5, 32_768


class TreeExplainer(Explainer):
    """SHAP values of decision trees, forests and boosted trees, alone or behind a traceable preprocessing.

    Mode `path_dependent`: exact, with the training covers as the distribution of what is not known (Lundberg et al.
    2020), no background. Mode `interventional`: exact, the mean over all background rows.

    Space: `identity` for regressions, or `log` where the objective has a log link; `probability` for trees and forests;
    for boosting `log-odds` (binary, one against all) or `softmax margin` (multiclass). Of binary boosting the mode
    `interventional` gives `probability` as well, where it is asked for: for each background row, the difference of the
    probabilities in proportion to the attributions of that of the log-odds.
    """

    KIND: ClassVar[Literal["TreeExplainer"]] = "TreeExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        self.subject = subject
        self._design: Design = read_design(subject)
        estimator = self._design.estimator
        trees = read_trees(read_ensemble, estimator, "trees")
        self._trees = trees.to_log_odds()
        self._interventional: InterventionalTrees | None = None
        self._target = self._wanted(subject)
        probe = self._design.matrix(self._design.transform(subject.background))
        if subject.config.mode == "interventional":
            self.background = subject.whole_background
            self.background_digest = frame_digest(self.background)
            start = time.perf_counter()
            self._interventional = _tabulate(self._trees, self.background, self._design, self._target)
            self.preparation = (
                f"The background of {len(self.background):,} rows was tabulated in {time.perf_counter() - start:.1f} s"
                f" for {len(self._trees.roots) - self._interventional.paired} trees"
            )
            self.variant = "interventional" if self._target is None else f"interventional {self._target}"
        self.features = subject.features
        width = len(self._trees.outputs)
        self.space = self._settled(subject, probe)
        self.outputs = name_outputs(subject, self.space, width)
        # Forests hold both classes of a binary output; the positive one is explained.
        self._chosen: slice | list[int] | None = None
        if width == 2 and len(self.outputs) == 1:
            self._chosen = slice(1, None)
        elif width != len(self.outputs):
            self._chosen = explained_classes(subject.model.native)
            if len(self._chosen) != len(self.outputs) or max(self._chosen) >= width:
                self._chosen = None
        if width != len(self.outputs) and self._chosen is None:
            raise NotApplicableError(f"its trees have {width} outputs where the model has {len(self.outputs)}")
        if frame_library(estimator) == "xgboost":
            self.precision = np.dtype(np.float32)
        importance = self._design.importance()
        if importance is not None:
            self.native_importance = {
                output: dict(zip(self.features, importance, strict=True)) for output in self.outputs
            }
        self.rows_per_call = max(64, _CELLS // max(1, probe.shape[1] * width))
        self.same_bits_alone = False
        if self._interventional is not None and self._interventional.paired:
            # Each row is compared with each background row, in each tree that is too large for tables.
            visits = self._interventional.background_rows * self._interventional.paired
            self.preparation += (
                f"; {self._interventional.paired} trees are too large for that, and their time per row grows with it"
            )
            self.rows_per_call = max(1, min(self.rows_per_call, _VISITS // visits))
            self.cost_of_row = f"{visits:,} paths of two rows through a tree"
        self.reason = f"{type(estimator).__name__} is made of trees: exact, {subject.config.mode.replace('_', ' ')}"
        if self._target == "probability":
            self.reason += ", of the log-odds; each difference of probabilities is divided in proportion to these"
        self._job_rows: int | None = None
        self.without_interactions = (
            "" if self._interventional is None else "those of trees are path-dependent, and explain.mode is not"
        )
        self._pairs: tuple[tuple[int, int], ...] = ()
        if subject.config.interactions and self._interventional is None:
            self._pairs = strongest_pairs(self._trees, probe, self._design.sources, subject.config.interactions)
            self.interaction_pairs = tuple((self.features[one], self.features[other]) for one, other in self._pairs)

    @property
    def has_one_sum(self) -> bool:
        """Whether the trees add up to one number per row."""
        return len(self._trees.outputs) == 1

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        if not len(inputs):
            return np.zeros((0, len(self.outputs)))
        return self._explained(self._margin(self._matrix(inputs)), self._labels(inputs))

    def own_margin(self, inputs: "pd.DataFrame") -> Floats | None:
        return ask_margin(self._design.estimator, self._design.transform(self.columns(inputs)))

    def expect(self, rows: int) -> None:
        if self._interventional is None:
            from mlops_assets.trees.shap_values import choose_way, seconds_per_row

            self._job_rows, self.variant = rows, choose_way(self._trees, rows)
            if self.variant != "plain":
                rows_in_time = int(_CHUNK_SECONDS / seconds_per_row(self._trees))
                self.rows_per_chunk = min(max(self.rows_per_chunk, rows_in_time), _CHUNK_ROWS)

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        if len(inputs) == 0:
            return Explanation.empty(len(self.features), len(self.outputs), len(self._pairs))
        X, labels = self._matrix(inputs), self._labels(inputs)
        total = margin = None
        if self._interventional is not None:
            values, base = self._interventional(X, labels)
            rolled = self._explained_outputs(values)
        else:
            from mlops_assets.trees.shap_values import tree_shap_sums

            sums = tree_shap_sums(self._trees, X, self._job_rows)
            values, base, total, margin = sums.values, sums.base, sums.total, sums.margin
            if not self._design.is_direct:
                # In one order of memory, whatever the kernel: NumPy adds in that order.
                values, total = np.ascontiguousarray(values), None
            rolled = self._design.roll_up(self._explained_outputs(values))
        starts = np.broadcast_to(self._explained_outputs(np.atleast_2d(base)), (len(X), len(self.outputs))).copy()
        interactions = None
        if self._pairs:
            interactions = self._explained_outputs(tree_interactions(self._trees, X, self._pairs, self._design.sources))
        margin = self._explained(self._margin(X) if margin is None else margin, labels)
        total = None if total is None else self._explained_outputs(total)
        return Explanation(rolled, starts, margin, interactions=interactions, total=total)

    def interactions(self, inputs: "pd.DataFrame", columns: Sequence[str]) -> Floats:
        if self.without_interactions:
            return super().interactions(inputs, columns)
        from mlops_assets.trees.interaction_values import interaction_values

        groups = chosen_groups(self.features, columns)[self._design.sources]
        values = interaction_values(self._trees, self._matrix(inputs), groups, len(columns))
        return self._explained_outputs(values)

    def _settled(self, subject: ExplanationSubject, probe: Floats) -> Space:
        if self._target == "probability":
            return "probability"
        few = slice(0, _SPACE_ROWS)
        answers = subject.response.of(subject.background.iloc[few])
        return settle_space(self._trees.space, raw_margin(self._trees, probe[few]), answers, subject.response.space)

    def _wanted(self, subject: ExplanationSubject) -> Target | None:
        """What is attributed in place of the margin."""
        is_wanted = subject.config.space == "probability" and subject.config.mode == "interventional"
        return "probability" if is_wanted and self._trees.space == "log-odds" and self.has_one_sum else None

    def _labels(self, inputs: "pd.DataFrame") -> Floats | None:
        """(n,): the true answers, where the target has such."""
        return None

    def _explained(self, margin: Floats, labels: Floats | None) -> Floats:
        chosen = self._explained_outputs(margin)
        if self._target is None:
            return chosen
        values = target_values(self._target, chosen[:, 0], np.zeros(0) if labels is None else labels)
        return values[:, None]

    def _margin(self, X: Floats) -> Floats:
        return raw_margin(self._trees, X, compiled=self.variant not in ("", "plain"))

    def _matrix(self, inputs: "pd.DataFrame") -> Floats:
        return self._design.matrix_of(self.columns(inputs))

    def _explained_outputs(self, values: Floats) -> Floats:
        return values if self._chosen is None else values[..., self._chosen]


def _tabulate(
    trees: TreeEnsemble, background: "pd.DataFrame", design: Design, target: Target | None
) -> "InterventionalTrees":
    from mlops_assets.trees.interventional import InterventionalTrees

    def batches() -> Iterator[Floats]:
        for low in range(0, len(background), _BACKGROUND_ROWS):
            yield design.matrix(design.transform(background.iloc[low : low + _BACKGROUND_ROWS]))

    return InterventionalTrees(trees, batches(), design.sources, design.features, target=target)
