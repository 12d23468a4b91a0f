"""All predictions of one version whose outcomes are known, in an order that all versions share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlops_assets.performance.matcher import Scores
from mlops_assets.performance.outcomes import Outcomes
from mlops_assets.performance.vocabulary import Vocabulary, plain_truth


@dataclass(frozen=True)
class VersionRows:
    """All rows of one version, over its partitions, in an order that all versions share.

    Attributes
    ----------
    identity
        (n,): the same for the same row key in the same partition, rising.
    """

    version: int
    identity: NDArray[np.int64]
    outcomes: NDArray[np.generic]
    predictions: NDArray[np.float64]
    partitions: NDArray[np.int64]
    segments: dict[str, NDArray[np.int64]]

    def only(self, rows: NDArray[np.generic]) -> "VersionRows":
        """Some of the rows: a mask, or places."""
        return VersionRows(
            self.version,
            self.identity[rows],
            self.outcomes[rows],
            self.predictions[rows],
            self.partitions[rows],
            {name: codes[rows] for name, codes in self.segments.items()},
        )


def rows_of_version(
    scores: Sequence[Scores], outcomes: Outcomes, partitions: Sequence[str], recode: NDArray[np.int64] | None
) -> VersionRows:
    """The scores of one version, of all its partitions.

    Parameters
    ----------
    recode
        For each code of a label another one; None: codes stay.
    """
    places = np.concatenate(
        [np.full(len(each.rows), partitions.index(each.partition or ""), np.int64) for each in scores]
    )
    rows = np.concatenate([each.rows for each in scores])
    identity = rows * len(partitions) + places
    order = np.argsort(identity, kind="stable")
    predictions = np.concatenate([each.predictions for each in scores])[order]
    values = outcomes.values[rows[order]]
    if recode is not None:
        predictions, values = recode[predictions.astype(np.int64)].astype(np.float64), recode[values.astype(np.int64)]
    segments = {name: np.concatenate([each.segments[name] for each in scores])[order] for name in scores[0].segments}
    return VersionRows(scores[0].version, identity[order], values, predictions, places[order], segments)


def label_codes(labels: Vocabulary, scores: Sequence[Scores]) -> NDArray[np.int64]:
    """For each code of a label its place among all labels in order, whichever was met first.

    Labels that outcomes write in another way than predictions do (1, 1.0 and true) are one; predictions that differ
    are two.
    """
    predicted = {int(code) for each in scores for code in np.unique(each.predictions)}
    alike: dict[str, list[int]] = {}
    for code in sorted(range(len(labels.texts)), key=labels.texts.__getitem__):
        alike.setdefault(plain_truth(labels.texts[code]), []).append(code)
    same = np.arange(len(labels.texts))
    for codes in alike.values():
        of_predictions = [code for code in codes if code in predicted]
        if len(of_predictions) < 2:
            same[codes] = (of_predictions or codes)[0]
    ranks = np.empty(len(labels.texts), np.int64)
    ranks[sorted(range(len(ranks)), key=labels.texts.__getitem__)] = np.arange(len(ranks))
    return np.asarray(ranks[same], np.int64)
