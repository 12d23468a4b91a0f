"""What counts as a change of a prediction, for whom it is counted, and how much of it is too much."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from mlops_assets.arrow.content_hash import hash_of


@dataclass(frozen=True)
class ChangeLimits:
    """The most that may change; None: any.

    Attributes
    ----------
    max_changed_share
        Share of the rows whose prediction changes, 0 to 1.
    max_swapped_share
        Share of the rows that change sides of the decision threshold, 0 to 1.
    max_mean_abs_change
        Mean absolute change of the predictions, on their own scale.
    """

    max_changed_share: float | None = None
    max_swapped_share: float | None = None
    max_mean_abs_change: float | None = None

    def as_dict(self) -> dict[str, float]:
        """Those that are set."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class ChangeRules:
    """How two versions are compared.

    Attributes
    ----------
    tolerance
        A prediction changes where it moves by more than this, on its own scale; None: by more than single precision.
    decision_threshold
        Predictions from this value on are decided the one way, those below the other. None: see `Comparison`.
    segments
        Input column -> the values that separate its segments; none: each value is a segment.
    limits
        What may change at most.
    """

    tolerance: float | None = None
    decision_threshold: float | None = None
    segments: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    limits: ChangeLimits = ChangeLimits()

    @cached_property
    def digest(self) -> str:
        """Of what the rows of a comparison depend on: neither segments nor limits."""
        return hash_of("change rules", json.dumps([self.tolerance, self.decision_threshold]))
