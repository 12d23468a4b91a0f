"""Shapley values by antithetic walks from background rows to the explained row, or from all coalitions."""

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.coalitions import coalition_members, shapley_of_worth
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.masked_rows import MaskedRows
from mlops_assets.explain.explainers.sampling import frame_digest, row_hash
from mlops_assets.explain.explainers.walks import rounds_within, walk_errors, walk_orders
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

EXACT_FEATURES = 6
"""Up to this many columns every coalition is asked about unless a budget says otherwise: hardly slower than walks."""
_ROWS = 65_536  # masked rows per question to the model
_CELLS = 4_000_000  # and their cells


class MixtureExplainer(Explainer):
    """Interventional Shapley values from answers about mixtures of the explained row and background rows.

    See `PermutationExplainer`; a subclass says how mixtures are answered (`_ask`).

    Attributes
    ----------
    background_answers
        (background rows, outputs): what the response says of the background.
    """

    _exact_columns: ClassVar[int] = EXACT_FEATURES
    _times: ClassVar[int] = 1
    """As many walks as `ExplainConfig.permutations` says."""

    def __init__(self, subject: ExplanationSubject, background_answers: Floats | None = None) -> None:
        if len(subject.background) == 0:
            raise ExplanationError(
                "There are no background rows to compare with", fix="Give the explainer at least one row of inputs"
            )
        self.features, self.outputs = subject.features, subject.response.outputs
        self.space = subject.response.space
        self._response = subject.response
        self._seed = subject.config.seed
        self.background = subject.background
        self.background_digest = frame_digest(subject.background)
        if background_answers is None:
            background_answers = self._response.of(subject.background)
        self.background_answers = background_answers
        self.sampled = True
        width, background_rows, config = len(self.features), len(subject.background), subject.config
        all_coalitions = (2 ** min(width, 62) - 2) * background_rows
        limit = (2**self._exact_columns - 2) * background_rows if config.calls_per_row is None else config.calls_per_row
        self.exact = width == 1 or all_coalitions <= limit
        self._rounds = (
            0 if self.exact else rounds_within(config, width, background_rows, self._times * config.permutations)
        )
        questions = all_coalitions if self.exact else 2 * self._rounds * (width - 1) * background_rows
        self.rows_per_call = max(1, 1_000_000 // max(1, questions))
        self.cost_of_row = f"{questions:,} predictions of the model"
        # A single column has no mixtures: its rows are asked about together.
        self.same_bits_alone = len(self.features) > 1
        self.reason = "any model can be explained from its predictions alone" + (
            "; all coalitions of its few columns are asked, so it is exact"
            if self.exact
            else "; sampled, with an error"
        )

    def predict(self, inputs: "pd.DataFrame") -> Floats:
        return self._response.of(self.columns(inputs)) if len(inputs) else np.zeros((0, len(self.outputs)))

    def explain(self, inputs: "pd.DataFrame") -> Explanation:
        rows = self.columns(inputs)
        prediction, base, error = np.zeros((3, len(rows), len(self.outputs)))
        values = np.zeros((len(rows), len(self.features), len(self.outputs)))
        table = self._tabulate(rows)
        together = None if self.same_bits_alone else self.predict(inputs)
        for row, key in enumerate(row_hash(self._seed, rows)):
            own = None if together is None else together[row]
            try:
                if own is None and not table.keeps_types:
                    own = self.predict(inputs.iloc[row : row + 1])[0]
                base[row] = self._starts(row).mean(axis=0)
                if self.exact:
                    values[row], prediction[row] = self._exact(table, row, own)
                else:
                    values[row], prediction[row], error[row] = self._walk(table, row, own, int(key))
            except ExplanationError as failure:
                if failure.places:  # among what was asked about this row
                    failure.places = (row,)
                raise
        return Explanation(values, base, prediction, error)

    def _tabulate(self, rows: "pd.DataFrame") -> MaskedRows:
        assert self.background is not None
        return MaskedRows(self.background, rows)

    def _starts(self, row: int) -> Floats:
        """(background rows, outputs): what the background rows' own values are worth where this row is explained."""
        return self.background_answers

    def _ask(
        self, table: MaskedRows, row: int, own: Floats | None, from_row: NDArray[np.bool_], starts: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """(outputs,): the row's own prediction, asked together with the others where it is not known; and (questions,
        outputs): predictions with the columns `from_row` (questions, features) from the explained row.
        """
        if own is None:
            whole = np.ones((1, from_row.shape[1]), dtype=bool)
            from_row, starts = np.concatenate([whole, from_row]), np.concatenate([[0], starts])
        step = max(1, min(_ROWS, _CELLS // len(self.features)))
        parts = [np.zeros((0, self.background_answers.shape[1]))]
        for begin in range(0, len(from_row), step):
            chosen = slice(begin, begin + step)
            try:
                parts.append(self._response.of(table.rows(row, from_row[chosen], starts[chosen])))
            except ExplanationError as failure:
                if failure.places and not all(from_row[chosen][list(failure.places)].ravel()):
                    failure.what += "; asked was about this row with some of its columns from background rows"
                raise
        answers = np.concatenate(parts)
        return (answers[0], answers[1:]) if own is None else (own, answers)

    def _walk(self, table: MaskedRows, row: int, own: Floats | None, key: int) -> tuple[Floats, Floats, Floats]:
        """The row's attributions, its own prediction, and the standard error."""
        width, background_rows, rounds = len(self.features), len(self.background_answers), self._rounds
        orders, start = walk_orders(key, rounds * background_rows, width), self._starts(row)
        starts = np.tile(np.arange(background_rows), rounds)
        pairs = np.zeros((rounds * background_rows, width, len(self.outputs)))
        group = max(1, _ROWS // (2 * max(1, width - 1)))
        for begin in range(0, len(orders), group):
            chosen = slice(begin, begin + group)
            forward, backward = orders[chosen], orders[chosen, ::-1]
            both, origin = np.concatenate([forward, backward]), np.tile(starts[chosen], 2)
            ranks = np.argsort(both, axis=1)  # (walks, features): when each column is replaced
            # After s = 1 .. width-1 replacements; the walk's two ends are known already.
            from_row = ranks[:, None, :] < np.arange(1, width)[None, :, None]
            own, predictions = self._ask(table, row, own, from_row.reshape(-1, width), np.repeat(origin, width - 1))
            path = np.concatenate(
                [
                    start[origin][:, None],
                    predictions.reshape(len(both), width - 1, -1),
                    np.broadcast_to(own, (len(both), 1, len(self.outputs))),
                ],
                axis=1,
            )
            steps = np.diff(path, axis=1)  # (walks, step, outputs)
            credited = np.take_along_axis(steps, ranks[:, :, None], axis=1)
            pairs[chosen] = (credited[: len(forward)] + credited[len(forward) :]) / 2
        assert own is not None  # there is a background row, so it was asked
        errors = walk_errors(pairs.reshape(rounds, background_rows, width, -1))
        return pairs.mean(axis=0), own, np.asarray(errors.max(axis=0))

    def _exact(self, table: MaskedRows, row: int, own: Floats | None) -> tuple[Floats, Floats]:
        """The row's attributions and its own prediction."""
        width, background_rows = len(self.features), len(self.background_answers)
        worth = np.zeros((2**width, len(self.outputs)))
        worth[0] = self._starts(row).mean(axis=0)
        step = max(1, _ROWS // background_rows)
        # Even where there are no mixtures, the row itself is asked about.
        for start in range(1, max(2, len(worth) - 1), step):
            stop = min(start + step, len(worth) - 1)
            from_row = np.repeat(coalition_members(width, start, stop), background_rows, axis=0)
            own, answers = self._ask(table, row, own, from_row, np.tile(np.arange(background_rows), stop - start))
            worth[start:stop] = answers.reshape(stop - start, background_rows, answers.shape[1]).mean(axis=1)
        assert own is not None
        worth[-1] = own
        return shapley_of_worth(worth), own
