"""What a predictions table predicts, and how outcomes are to be read: numbers, or classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.types as pt

from mlops_assets.errors import ConfigurationError, list_some
from mlops_assets.performance.metrics import Task
from mlops_assets.performance.vocabulary import label_in

PROBABILITY = "probability_"
DEFAULT_THRESHOLD = 0.5
WHERE = "outcomes"


@dataclass(frozen=True)
class Asked:
    """What the settings say of the problem; None: it follows from the table.

    Attributes
    ----------
    output
        The column of the predictions.
    positive
        The positive class, as text.
    threshold
        From which score on the positive class is predicted; None: 0.5, for probabilities.
    """

    task: Task | None = None
    output: str | None = None
    positive: str | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Problem:
    """How predictions are compared with outcomes.

    Attributes
    ----------
    columns
        Of the predictions that are read. Of two classes: the score of the positive one.
    answer
        What these columns hold: a number, scores, or a class label.
    classes
        As text. Of two classes the second is the positive one, and the first is None where it is every other label.
        Empty where labels are compared with labels, whatever they are.
    threshold
        From which score on the positive class is predicted; None: there are no decisions.
    """

    task: Task
    columns: tuple[str, ...]
    answer: Literal["number", "scores", "label"]
    classes: tuple[str | None, ...] = ()
    threshold: float | None = None

    @property
    def compares_labels(self) -> bool:
        """Whether labels are compared with labels, whatever they are."""
        return self.answer == "label" and not self.classes


def find_problem(outputs: pa.Schema, outcome: pa.DataType, asked: Asked) -> Problem:
    """What the output columns of the predictions say together with the outcomes' type and the settings.

    Raises
    ------
    ConfigurationError
        They fit no task, or more than one.
    """
    probabilities = [name for name in outputs.names if name.startswith(PROBABILITY)]
    if probabilities and len(probabilities) == len(outputs) and asked.output is None:
        return _of_probabilities(probabilities, asked)
    column = _one_column(outputs.names, asked.output)
    kind = outputs.field(column).type
    if pt.is_floating(kind) or pt.is_decimal(kind):
        if asked.task == "multiclass":
            raise ConfigurationError(
                f"outcomes.task is multiclass, and the prediction {column!r} is {kind}, which is no label",
                where=WHERE,
                fix="Set predict.method: predict_proba, or another outcomes.task",
            )
        if asked.task == "binary" or (asked.task is None and asked.positive is not None):
            positive, negative = _positive_of(outcome, asked.positive)
            threshold = DEFAULT_THRESHOLD if asked.threshold is None else asked.threshold
            return Problem("binary", (column,), "scores", (negative, positive), threshold)
        return Problem("regression", (column,), "number")
    if asked.task == "regression":
        if not pt.is_integer(kind):
            raise ConfigurationError(
                f"outcomes.task is regression, and the prediction {column!r} is {kind}",
                where=WHERE,
                fix="Leave outcomes.task out, or set outcomes.output to a column of numbers",
            )
        return Problem("regression", (column,), "number")
    if not (pt.is_integer(kind) or pt.is_boolean(kind) or pt.is_string(kind) or pt.is_large_string(kind)):
        raise ConfigurationError(
            f"The prediction {column!r} is {kind}, which no outcome can be compared with",
            where=WHERE,
            fix="Set outcomes.output to a column of numbers or labels",
        )
    if asked.task == "binary" or (asked.task is None and (asked.positive is not None or pt.is_boolean(kind))):
        positive, negative = _positive_of(kind, asked.positive)
        return Problem("binary", (column,), "label", (negative, positive))
    return Problem("multiclass", (column,), "label")


def _of_probabilities(columns: Sequence[str], asked: Asked) -> Problem:
    classes = [name.removeprefix(PROBABILITY) for name in columns]
    if asked.task == "regression" or (asked.task == "binary" and len(classes) != 2):
        raise ConfigurationError(
            f"outcomes.task is {asked.task}, and the predictions are probabilities of {len(classes)} classes",
            where=WHERE,
            fix="Leave outcomes.task out",
        )
    if asked.positive is not None and asked.positive not in classes:
        raise ConfigurationError(
            f"outcomes.positive is {asked.positive!r}, which is no class of the predictions",
            where=WHERE,
            fix=f"Use one of {list_some(classes)}; in quotes, where YAML would take it for another type",
        )
    if len(classes) != 2 or asked.task == "multiclass":
        return Problem("multiclass", tuple(columns), "scores", tuple(classes))
    positive = asked.positive or classes[1]
    negative = next(each for each in classes if each != positive)
    threshold = DEFAULT_THRESHOLD if asked.threshold is None else asked.threshold
    return Problem("binary", (PROBABILITY + positive,), "scores", (negative, positive), threshold)


def _one_column(names: Sequence[str], asked: str | None) -> str:
    if asked is not None and asked not in names:
        raise ConfigurationError(
            f"outcomes.output is {asked!r}, which is no output of the model",
            where=WHERE,
            fix=f"Use one of {list_some(names)}",
        )
    if asked is None and len(names) != 1:
        raise ConfigurationError(
            f"The model has {len(names)} outputs, and outcomes are of one of them",
            where=WHERE,
            fix=f"Set outcomes.output to one of {list_some(names)}",
        )
    return asked or names[0]


def _positive_of(kind: pa.DataType, positive: str | None) -> tuple[str, str | None]:
    """The positive class and the other one, where labels of this type say which it is."""
    pair = ("False", "True") if pt.is_boolean(kind) else ("0", "1") if pt.is_integer(kind) else None
    if positive is not None and pair is not None:
        positive = label_in(positive, pair)
    if positive is None:
        if pair is None:
            raise ConfigurationError(
                f"Labels of the type {kind} do not say which class is the positive one",
                where=WHERE,
                fix="Set outcomes.positive",
            )
        return pair[1], pair[0]
    if pair is not None and positive in pair:
        return positive, next(each for each in pair if each != positive)
    return positive, None
