"""How two explanations of the same rows differ: per feature, per output, and as a whole."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FeatureChange:
    """One feature in both versions, for one output.

    Attributes
    ----------
    old_mean_abs, new_mean_abs
        Mean absolute attributions.
    mean_abs_change
        Mean over the rows of ``|new - old|``; None where only the global tables were compared, or the two ledgers are
        on different scales.
    sign_flips
        Share of the rows whose attribution changed its sign (from or to zero does not count); None likewise.
    mean_sign_flipped
        The mean attribution changed its sign.
    old_rank, new_rank
        Among the features that both versions have; 1 is the highest mean absolute attribution.
    """

    output: str
    feature: str
    old_mean_abs: float
    new_mean_abs: float
    mean_abs_change: float | None
    sign_flips: float | None
    mean_sign_flipped: bool
    old_rank: int
    new_rank: int

    @property
    def rank_change(self) -> int:
        """Positions gained (positive) or lost (negative)."""
        return self.old_rank - self.new_rank


@dataclass(frozen=True)
class OutputChange:
    """The ranking of one output.

    Attributes
    ----------
    ndcg
        Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002) of the new ranking, with the old mean
        absolute attributions as gains: 1 for the same order of what mattered.
    top_k
        How many features count as the top.
    entered, left
        Features that came into the top, and that fell out of it, by rank.
    features
        Every common feature, by new rank.
    """

    output: str
    ndcg: float
    top_k: int
    entered: tuple[str, ...]
    left: tuple[str, ...]
    features: tuple[FeatureChange, ...]

    @property
    def churn(self) -> float:
        """The share of the top that is new, 0 to 1."""
        return len(self.entered) / self.top_k if self.top_k else 0.0


@dataclass(frozen=True)
class ExplanationDiff:
    """What `compare_ledgers` and `compare_rankings` find.

    Attributes
    ----------
    outputs
        The common outputs.
    rows
        Ledger rows compared; 0 where only global tables were.
    spaces
        The scales of the old and of the new ledger, where both say theirs. Where they differ, sizes are compared within
        each, never across, and no feature has a `mean_abs_change`.
    added_features, removed_features, added_outputs, removed_outputs
        What only the new, or only the old version has; it takes no part in the comparison.
    """

    outputs: tuple[OutputChange, ...]
    rows: int = 0
    spaces: tuple[str, str] | None = None
    added_features: tuple[str, ...] = ()
    removed_features: tuple[str, ...] = ()
    added_outputs: tuple[str, ...] = ()
    removed_outputs: tuple[str, ...] = ()

    @property
    def has_one_scale(self) -> bool:
        """Whether sizes of the old and of the new attributions may be compared, as far as is known."""
        return self.spaces is None or self.spaces[0] == self.spaces[1]

    @property
    def lowest_ndcg(self) -> float:
        """Over the outputs; 1 where there is none."""
        return min((output.ndcg for output in self.outputs), default=1.0)

    @property
    def highest_churn(self) -> float:
        """Over the outputs."""
        return max((output.churn for output in self.outputs), default=0.0)
