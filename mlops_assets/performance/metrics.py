"""The metrics by name: which way is better, and which numbers they may be."""

from dataclasses import dataclass
from typing import Literal

Task = Literal["regression", "binary", "multiclass"]
Range = Literal["any", "unit", "positive", "below one", "proportion"]


@dataclass(frozen=True)
class Metric:
    """What is known of a metric without data.

    Attributes
    ----------
    tasks
        For which it is computed.
    better
        Which values are better; of `mean_error` those near zero.
    range
        ``proportion``: a share of a number of rows; ``unit``: another number from 0 to 1.
    unit
        In words.
    """

    tasks: tuple[Task, ...]
    better: Literal["higher", "lower", "near zero"]
    range: Range
    unit: str

    def is_worse(self, value: float, bound: float) -> bool:
        """Whether a value is on the wrong side of a bound: below it where higher is better, else above it."""
        if self.better == "higher":
            return value < bound
        return (abs(value) if self.better == "near zero" else value) > bound


_BINARY: tuple[Task, ...] = ("binary",)
_REGRESSION: tuple[Task, ...] = ("regression",)
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")
_MULTICLASS: tuple[Task, ...] = ("multiclass",)

METRICS: dict[str, Metric] = {
    "mae": Metric(_REGRESSION, "lower", "positive", "the outcome's"),
    "rmse": Metric(_REGRESSION, "lower", "positive", "the outcome's"),
    "r2": Metric(_REGRESSION, "higher", "below one", "share of the variance"),
    "mean_error": Metric(_REGRESSION, "near zero", "any", "the outcome's; prediction minus outcome"),
    "roc_auc": Metric(_BINARY, "higher", "unit", "probability of the right order of two rows"),
    "average_precision": Metric(_BINARY, "higher", "unit", "mean precision"),
    "log_loss": Metric(_CLASSES, "lower", "positive", "nats"),
    "brier": Metric(_BINARY, "lower", "positive", "squared probability"),
    "accuracy": Metric(_CLASSES, "higher", "proportion", "share of rows"),
    "precision": Metric(_BINARY, "higher", "proportion", "share of rows predicted positive"),
    "recall": Metric(_BINARY, "higher", "proportion", "share of positive rows"),
    "f1": Metric(_BINARY, "higher", "unit", "harmonic mean of precision and recall"),
    "macro_f1": Metric(_MULTICLASS, "higher", "unit", "mean F1 of the classes"),
    "macro_roc_auc": Metric(_MULTICLASS, "higher", "unit", "mean ROC AUC of each class against the others"),
}
"""In the order in which they are shown."""

MAIN: dict[Task, tuple[str, ...]] = {
    "regression": ("rmse",),
    "binary": ("roc_auc", "accuracy"),
    "multiclass": ("log_loss", "accuracy"),
}
"""The metric whose fall is looked for where the settings name none: the first of these that the predictions allow."""
