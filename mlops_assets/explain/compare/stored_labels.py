"""Whether the published labels of several outputs are those that the explained scores imply."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from mlops_assets.explain.decisions import Decision, label_places
from mlops_assets.explain.spaces import to_response_scale
from mlops_assets.trees.arrays import Floats, Space


def compare_several_labels(
    explained: Floats, published: Mapping[str, pa.Array], outputs: Sequence[str], space: Space
) -> tuple[str, int, float] | None:
    """(how, rows that differ, share of them) of outputs called ``<column>:<class>``; None where they are not.

    An output of two classes has the score of the second alone.
    """
    of_column = {
        column: [place for place, output in enumerate(outputs) if output.startswith(f"{column}:")]
        for column in published
    }
    named = sorted(place for places in of_column.values() for place in places)
    if space not in ("probability", "log-odds") or named != list(range(len(outputs))):
        return None
    scores = to_response_scale(explained, space)
    wrong = np.zeros(len(explained), dtype=bool)
    for column, chosen in of_column.items():
        labels = [outputs[place][len(column) + 1 :] for place in chosen]
        places = label_places(published[column], labels)
        if len(labels) == 1:  # whatever the other class is called
            wrong |= Decision(("", labels[0])).misses(scores[:, chosen], (places == 0).astype(np.intp))
        elif labels:
            wrong |= Decision(tuple(labels)).misses(scores[:, chosen], places)
    share = float(wrong.mean()) if len(wrong) else 0.0
    return "the labels that the scores imply, output by output", int(wrong.sum()), share
