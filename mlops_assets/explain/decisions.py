"""How a classifier's published answer follows from the scores that are explained: labels by a rule, or scores."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal, Self, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Floats

Answer = Literal["labels", "probability", "log probability", "margin"]

# Single precision: boosters compute in it, and so do the libraries' own conversions of margins to probabilities.
RELATIVE, ABSOLUTE = 1e-5, 1e-6


@dataclass(frozen=True)
class Decision:
    """What `predict` makes of a row's scores.

    Attributes
    ----------
    labels
        The names of all classes, in the model's order.
    answer
        What `predict` returns.
    of
        The scale of the scores that decide: `probability`, or `margin`.
    threshold
        Of two classes: the second is predicted from this score on. None: the largest score decides, which is 0.5 for
        the probability of one of two classes, and 0 for a margin.
    undecided
        The scores between which a threshold lies that is known no better. None: it is known.
    follows
        The labels follow from the scores at all. A support vector machine's do not follow from its probabilities.
    floats
        The labels are floating-point numbers, which a table does not distinguish from scores.
    """

    labels: tuple[str, ...]
    answer: Answer = "labels"
    of: Literal["probability", "margin"] = "probability"
    threshold: float | None = None
    undecided: tuple[float, float] | None = None
    follows: bool = True
    floats: bool = False

    @property
    def is_usual(self) -> bool:
        """Whether it is what names and types of the published columns say without it."""
        usual_labels = self.answer == "labels" and self.threshold is None and not self.floats
        return self.follows and (usual_labels or self.answer == "probability")

    def misses(
        self, scores: Floats, places: NDArray[np.intp], absolute: float = ABSOLUTE, relative: float = RELATIVE
    ) -> NDArray[np.bool_]:
        """(n,): whether the label at each place is another one than the scores imply, beyond rounding.

        Parameters
        ----------
        scores
            (n, outputs), on the scale `of`: one column of two classes, else one per class.
        places
            Of the rows' labels; -1 is the place of none, and missed.
        """
        if len(self.labels) == 1:  # whatever the score, there is no other class
            return np.asarray(places < 0)
        if scores.shape[1] > 1:
            best = scores.max(axis=1, initial=-np.inf)
            behind = best - scores[np.arange(len(scores)), places]
            return np.asarray((behind > absolute + relative * np.abs(best)) | (places < 0))
        usual = 0.5 if self.of == "probability" else 0.0
        threshold = usual if self.threshold is None else self.threshold
        low, high = self.undecided or (threshold, threshold)
        score = scores[:, 0]
        wrong = np.where(places == 1, score < low - absolute, score > high + absolute)
        return np.asarray(wrong | (places < 0))

    def to_json(self) -> str:
        """For a ledger's metadata."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`; ValueError, TypeError or KeyError where the text is none of its."""
        fields = json.loads(text)
        if fields["answer"] not in get_args(Answer) or fields["of"] not in ("probability", "margin"):
            raise ValueError(text)
        interval = fields.pop("undecided")
        labels = tuple(str(label) for label in fields.pop("labels"))
        return cls(labels=labels, undecided=(float(interval[0]), float(interval[1])) if interval else None, **fields)


def label_places(values: pa.Array, labels: Sequence[str]) -> NDArray[np.intp]:
    """(n,): which of the label names each value is; -1 where it is none.

    Labels are compared as what they mean: 1 and 1.0 are one label, as text and the bytes of it are not.

    Examples
    --------
    >>> label_places(pa.array([1, 2, 3]), ["1.0", "2.0"]).tolist()
    [0, 1, -1]
    """
    places = {label: place for place, label in enumerate(labels)}
    encoded = pc.dictionary_encode(values, null_encoding="encode")
    known = np.array([_place(value, places) for value in encoded.dictionary.to_pylist()] or [-1], dtype=np.intp)
    return known[encoded.indices.to_numpy(zero_copy_only=False)] if len(values) else np.zeros(0, dtype=np.intp)


def _place(value: object, places: dict[str, int]) -> int:
    texts = [str(value)]
    if isinstance(value, float) and value.is_integer():
        texts.append(str(int(value)))
    elif isinstance(value, int) and not isinstance(value, bool):
        texts.append(str(float(value)))
    return next((places[text] for text in texts if text in places), -1)


def find_threshold(
    scores: Floats, places: NDArray[np.intp], known: Sequence[float], of: Literal["probability", "margin"]
) -> tuple[bool, float | None, tuple[float, float] | None]:
    """(follows, threshold, undecided) of a classifier that gave rows of these `scores` the labels at these `places`.

    Parameters
    ----------
    known
        Thresholds that the estimator itself names; one is taken only where it gives the labels, and before the usual
        rule, which may give the labels of few rows as well.
    """
    binary = scores.shape[1] == 1
    for threshold in (*(known if binary else ()), None):
        if not Decision((), of=of, threshold=threshold).misses(scores, places).any():
            return True, threshold, None
    if not binary:
        return False, None, None
    low = max(scores[places == 0, 0].tolist(), default=-np.inf)
    high = min(scores[places == 1, 0].tolist(), default=np.inf)
    if not np.isfinite([low, high]).all() or low > high:
        return False, None, None
    return True, (low + high) / 2, (low, high)
