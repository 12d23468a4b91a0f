"""Model-agnostic Shapley values by antithetic walks from background rows to the explained row."""

from collections.abc import Iterator
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import Explainer, Explanation, ExplanationSubject
from mlops_assets.explain.explainers.sampling import frame_digest, row_hash
from mlops_assets.trees.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

EXACT_FEATURES = 6
"""Up to this many columns every coalition is evaluated: exact, and hardly slower than sampling."""
_ROWS = 65_536  # masked rows per question to the model
_CELLS = 4_000_000  # and their cells


class PermutationExplainer(Explainer):
    """Interventional Shapley values of any model, from nothing but its predictions.

    A walk starts at a background row and replaces its columns by the explained row's, one after the other in a random
    order; each step's change of the prediction is credited to that column (Castro, Gómez and Tejada 2009; Štrumbelj
    and Kononenko 2014). Every walk is repeated in reverse order (antithetic: Mitchell et al. 2022), and every
    background row takes part equally often, so that base (the background's mean prediction) and attributions add up to
    the prediction by construction.

    The permutations of a row are seeded by its values, and the model is asked about a row together with its own
    mixtures alone: it gets the same attributions, bit for bit, in any batch and at any position.
    `Explanation.error` is a standard error from the spread between the walks of the same background row; it is zero
    where all coalitions are asked (up to six columns). Masked rows keep the types of the inputs, column by column.
    """

    KIND: ClassVar[Literal["PermutationExplainer"]] = "PermutationExplainer"

    def __init__(self, subject: ExplanationSubject) -> None:
        if len(subject.background) == 0:
            raise ExplanationError(
                "There are no background rows to compare with", fix="Give the explainer at least one row of inputs"
            )
        self.features, self.outputs = subject.features, subject.response.outputs
        self.space = subject.response.space
        self._response = subject.response
        self._rounds, self._seed = subject.config.permutations, subject.config.seed
        self.background = subject.background
        self.background_digest = frame_digest(subject.background)
        self._start = self._response.of(subject.background)  # (background rows, outputs)
        self.exact = len(self.features) <= EXACT_FEATURES
        self.sampled = True
        questions = 2 ** len(self.features) if self.exact else 2 * self._rounds * (len(self.features) - 1)
        questions *= len(subject.background)
        self.rows_per_call = max(1, 1_000_000 // questions)
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
        prediction, error = np.zeros((2, len(rows), len(self.outputs)))
        values = np.zeros((len(rows), len(self.features), len(self.outputs)))
        table = _Masked(self._background(), rows)
        together = None if self.same_bits_alone else self.predict(rows)
        for row, key in enumerate(row_hash(self._seed, rows)):
            own = None if together is None else together[row]
            try:
                if own is None and not table.keeps_types:
                    own = self.predict(rows.iloc[row : row + 1])[0]
                if self.exact:
                    values[row], prediction[row] = self._exact(table, row, own)
                else:
                    values[row], prediction[row], error[row] = self._walk(table, row, own, int(key))
            except ExplanationError as failure:
                if failure.places:  # among what was asked about this row
                    failure.places = (row,)
                raise
        base = np.broadcast_to(self._start.mean(axis=0), prediction.shape).copy()
        return Explanation(values, base, prediction, error)

    def _background(self) -> "pd.DataFrame":
        assert self.background is not None
        return self.background

    def _ask(
        self, table: "_Masked", row: int, own: Floats | None, from_row: NDArray[np.bool_], starts: NDArray[np.intp]
    ) -> tuple[Floats, Floats]:
        """(outputs,): the row's own prediction, asked together with the others where it is not known; and (questions,
        outputs): predictions with the columns `from_row` (questions, features) from the explained row.
        """
        if own is None:
            whole = np.ones((1, from_row.shape[1]), dtype=bool)
            from_row, starts = np.concatenate([whole, from_row]), np.concatenate([[0], starts])
        step = max(1, min(_ROWS, _CELLS // len(self.features)))
        parts = [np.zeros((0, len(self.outputs)))]
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

    def _walk(self, table: "_Masked", row: int, own: Floats | None, key: int) -> tuple[Floats, Floats, Floats]:
        """The row's attributions, its own prediction, and the standard error."""
        width, background_rows, rounds = len(self.features), len(self._start), self._rounds
        random = np.random.Generator(np.random.Philox(key=key))
        orders = random.permuted(np.tile(np.arange(width), (rounds * background_rows, 1)), axis=1)
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
                    self._start[origin][:, None],
                    predictions.reshape(len(both), width - 1, -1),
                    np.broadcast_to(own, (len(both), 1, len(self.outputs))),
                ],
                axis=1,
            )
            steps = np.diff(path, axis=1)  # (walks, step, outputs)
            credited = np.take_along_axis(steps, ranks[:, :, None], axis=1)
            pairs[chosen] = (credited[: len(forward)] + credited[len(forward) :]) / 2
        assert own is not None  # there is a background row, so it was asked
        return pairs.mean(axis=0), own, self._error(pairs.reshape(rounds, background_rows, width, -1))

    def _error(self, pairs: Floats) -> Floats:
        """(outputs,): the largest standard error over the columns; background rows are strata, not a sample."""
        rounds, background_rows = pairs.shape[:2]
        if rounds == 1:
            # One pair per stratum shows no spread within it; the spread between strata bounds it from above.
            spread = (
                pairs[0].var(axis=0, ddof=1) / background_rows
                if background_rows > 1
                else np.full(pairs.shape[2:], np.nan)
            )
        else:
            spread = pairs.var(axis=0, ddof=1).sum(axis=0) / (rounds * background_rows**2)
        return np.asarray(np.sqrt(spread).max(axis=0))

    def _exact(self, table: "_Masked", row: int, own: Floats | None) -> tuple[Floats, Floats]:
        """The row's attributions and its own prediction."""
        width, background_rows = len(self.features), len(self._start)
        coalitions = list(_coalitions(width))
        from_row = np.zeros((len(coalitions), width), dtype=bool)
        for place, members in enumerate(coalitions):
            from_row[place, list(members)] = True
        partial = from_row[1:-1]
        own, predictions = self._ask(
            table,
            row,
            own,
            np.repeat(partial, background_rows, axis=0),
            np.tile(np.arange(background_rows), len(partial)),
        )
        worth = {(): self._start.mean(axis=0), tuple(range(width)): own}
        for members, mean in zip(
            coalitions[1:-1],
            predictions.reshape(len(partial), background_rows, len(self.outputs)).mean(axis=1),
            strict=True,
        ):
            worth[members] = mean
        values = np.zeros((width, len(self.outputs)))
        for members in coalitions:
            for feature in set(range(width)) - set(members):
                gain = worth[tuple(sorted((*members, feature)))] - worth[members]
                values[feature] += gain / (width * comb(width - 1, len(members)))
        return values, own


def _coalitions(width: int) -> Iterator[tuple[int, ...]]:
    for size in range(width + 1):
        yield from combinations(range(width), size)


class _Masked:
    """Rows put together from the explained row and background rows, each column in its own type."""

    def __init__(self, background: "pd.DataFrame", rows: "pd.DataFrame") -> None:
        import pandas as pd

        self._names, self._background_rows = list(rows.columns), len(background)
        self._columns = []
        self.keeps_types = True
        """Whether a row put together is of the same types as the explained rows."""
        for name in self._names:
            # Background first, then the rows: one array to take from, in the inputs' own type.
            values = background[name]
            # An optional column is one of integers or booleans where none of its values is missing: they cannot hold a
            # missing one of the background, and both become objects or pandas' own numbers.
            if rows[name].dtype.kind not in "biu" or not values.isna().any():
                values = values.astype(rows[name].dtype)
            joined = pd.concat([values, rows[name]], ignore_index=True)
            self.keeps_types = self.keeps_types and joined.dtype == rows[name].dtype
            self._columns.append(joined.array)

    def rows(self, row: int, from_row: NDArray[np.bool_], starts: NDArray[np.intp]) -> "pd.DataFrame":
        import pandas as pd

        places = np.where(from_row, self._background_rows + row, starts[:, None])
        return pd.DataFrame(
            {
                name: column.take(places[:, place])
                for place, (name, column) in enumerate(zip(self._names, self._columns, strict=True))
            },
            copy=False,
        )
