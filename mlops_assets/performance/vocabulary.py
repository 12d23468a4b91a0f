"""Values of a column as places in a list of texts: class labels, and values of segment columns."""

from collections.abc import Callable, Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MISSING = "(missing)"
UNKNOWN = -1


class Vocabulary:
    """Texts, each at a place of its own; grows with what it is asked for unless it is closed."""

    def __init__(self, texts: Sequence[str] = (), *, closed: bool = False) -> None:
        self.texts = list(texts)
        self._places = {text: place for place, text in enumerate(self.texts)}
        self._closed = closed

    def codes(self, column: pa.Array | pa.ChunkedArray, to_text: Callable[[object], str]) -> NDArray[np.int64]:
        """(n,): the place of each value's text; `UNKNOWN` for what a closed one does not have, and for null."""
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        encoded = pc.dictionary_encode(array)
        # One more for nulls.
        places = np.array(
            [*(self._place(to_text(value)) for value in encoded.dictionary.to_pylist()), UNKNOWN], np.int64
        )
        indices = encoded.indices.fill_null(len(places) - 1).to_numpy(zero_copy_only=False)
        return np.asarray(places[indices], np.int64)

    def place(self, text: str) -> int:
        """Of one text, which is added where it is new and the list not closed."""
        return self._place(text)

    def _place(self, text: str) -> int:
        place = self._places.get(text)
        if place is None:
            if self._closed:
                return UNKNOWN
            place = self._places[text] = len(self.texts)
            self.texts.append(text)
        return place


def plain_label(value: object) -> str:
    """A label as text: 1 and 1.0 are the same one, which a column with missing values makes of it."""
    if isinstance(value, float | Decimal) and value % 1 == 0:
        return str(int(value))
    return value.strip() if isinstance(value, str) else str(value)


def label_in(value: object, classes: Sequence[str | None]) -> str:
    """The class that a value names, in whatever type and case it is written; else its own text."""
    text = plain_label(value)
    if text in classes:
        return text
    number = plain_number(text)
    truth = {"1": "True", "0": "False", "true": "1", "false": "0"}.get(number.casefold(), number)
    alternatives = {each.casefold() for each in (str(value), text, number, truth)}
    same = [
        each
        for each in classes
        if each is not None and not alternatives.isdisjoint((each.casefold(), plain_number(each).casefold()))
    ]
    return same[0] if len(same) == 1 else text


def plain_number(text: str) -> str:
    """``1`` of ``1.0``: of models whose labels are floating-point numbers, and of such numbers in a column of text."""
    return text.removesuffix(".0")


def plain_truth(text: str) -> str:
    """The same text for all ways in which a number, or a truth value, is written."""
    number = plain_number(text)
    return {"true": "1", "false": "0"}.get(number.casefold(), number)
