"""A column of outcomes as numbers, or as codes of classes."""

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from mlops_assets.errors import TableError
from mlops_assets.performance.problem import Problem
from mlops_assets.performance.vocabulary import UNKNOWN, Vocabulary, label_in, plain_label


def encode_outcomes(
    column: pa.ChunkedArray, problem: Problem, name: str, where: str
) -> tuple[NDArray[np.generic], Vocabulary, NDArray[np.bool_], dict[str, int]]:
    """Outcomes as numbers or codes, the texts of the codes, which are usable, and how many are not and why.

    Raises
    ------
    TableError
        The column is of no type that could be an outcome of the problem.
    """
    if problem.task == "regression":
        numbers, wrong = _as_numbers(column, name, where)
        finite = np.isfinite(numbers)
        return numbers, Vocabulary(), finite, {"wrong_type": wrong, "not_finite": int((~finite).sum()) - wrong}
    kind = column.type
    if pt.is_nested(kind) or pt.is_temporal(kind) or pt.is_binary(kind):
        raise TableError(
            f"The outcome {name!r} is {kind}, and the predictions are classes",
            where=where,
            fix="Set outcomes.column to a column of labels",
        )
    if not problem.classes:
        labels = Vocabulary()
        codes = labels.codes(column, plain_label)
    elif problem.classes[0] is None:
        labels = Vocabulary([f"not {problem.classes[1]}", str(problem.classes[1])])
        codes = np.asarray(
            Vocabulary([str(problem.classes[1])], closed=True).codes(
                column, lambda value: label_in(value, problem.classes)
            )
            + 1
        )
    else:
        labels = Vocabulary([str(each) for each in problem.classes], closed=True)
        codes = labels.codes(column, lambda value: label_in(value, problem.classes))
    known = codes != UNKNOWN
    return codes, labels, np.asarray(known), {"unknown_label": int((~known).sum())}


def _as_numbers(column: pa.ChunkedArray, name: str, where: str) -> tuple[NDArray[np.float64], int]:
    """Outcomes as numbers, and how many are none; all of them: refused."""
    kind = column.type
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_boolean(kind) or pt.is_decimal(kind):
        numbers = column.cast(pa.float64(), safe=False).to_numpy()
        return np.asarray(numbers, np.float64), 0
    texts = Vocabulary()
    if pt.is_string(kind) or pt.is_large_string(kind):
        codes = texts.codes(column, str)
        parsed = np.array([_parse(text) for text in texts.texts], np.float64)
        wrong = np.array([_parse(text) is None for text in texts.texts], bool)
        if not len(codes) or not wrong.all():
            return (parsed[codes], int(wrong[codes].sum())) if len(codes) else (np.zeros(0), 0)
    raise TableError(
        f"The outcome {name!r} is {kind}, and the predictions are numbers",
        where=where,
        fix="Set outcomes.column to a column of numbers, or outcomes.task to binary where the prediction is a score",
    )


def _parse(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
