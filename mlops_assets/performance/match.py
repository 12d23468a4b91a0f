"""Published predictions beside the outcomes of their row keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.performance.history import KeptPredictions, PredictionHistory, Publication
from mlops_assets.performance.matcher import Matcher, Scores
from mlops_assets.performance.outcomes import Outcomes
from mlops_assets.performance.problem import Asked, Problem, find_problem
from mlops_assets.performance.vocabulary import MISSING, Vocabulary
from mlops_assets.progress.report import track


@dataclass(frozen=True)
class Matches:
    """All predictions with outcomes, and what does not match.

    Attributes
    ----------
    segments
        Column -> the texts of its codes.
    labels
        The texts of the codes of labels.
    outcomes_without_prediction
        Outcomes of row keys that were never predicted.
    not_finite
        Predictions with outcomes that are no finite numbers; they are left out.
    other_problems
        Publications that answer another question, such as labels where the newest one has probabilities.
    """

    scores: tuple[Scores, ...]
    segments: dict[str, Vocabulary]
    labels: Vocabulary
    outcomes_without_prediction: int
    not_finite: int
    other_problems: int

    @property
    def predictions_without_outcome(self) -> int:
        """In the last publication of each version and partition."""
        return sum(max(each.published - len(each.rows), 0) for each in self.scores)


def match_predictions(
    kept: "Sequence[tuple[PredictionHistory, Publication, bool]]",
    outcomes: Outcomes,
    problem: Problem,
    asked: Asked,
    outcome_type: pa.DataType,
    segments: Sequence[str],
) -> Matches:
    """Join publications with outcomes by row key, a block of rows at a time.

    In memory are the outcomes, one block, and of each prediction with an outcome its place and its scores: 8 bytes
    each, and 8 for each segment column.

    Parameters
    ----------
    kept
        Publications, the oldest first, each with the history that has it, and whether it is a candidate's.

    Raises
    ------
    TableError
        Row keys of two publications have other columns or types; a segment is no column of any of the tables.
    """
    groups: dict[tuple[str, int, bool], list[tuple[PredictionHistory, Publication]]] = {}
    for history, each, candidate in kept:
        groups.setdefault((each.partition or "", each.version, candidate), []).append((history, each))
    words = {name: Vocabulary([MISSING]) for name in segments}
    joined = np.zeros(len(outcomes.values), bool)
    found, lost, others, seen_segments = [], 0, 0, set(outcomes.segments)
    with track("matching predictions with outcomes", len(kept), "publications") as stage:
        for key in sorted(groups):
            matcher = Matcher(outcomes, problem, outcomes.labels, words)
            for history, publication in reversed(groups[key]):
                stage.advance()
                opened = history.open(publication)
                if not _answers(opened, problem, asked, outcome_type):
                    others += 1
                    continue
                seen_segments |= set(opened.rows.schema.names)
                matcher.add(opened, publication)
            if (scores := matcher.scores(candidate=key[-1])) is not None:
                found.append(scores)
                joined[scores.rows] = True
            lost += matcher.not_finite
    if kept and (absent := [name for name in segments if name not in seen_segments]):
        raise TableError(
            f"The segments {', '.join(absent)} are columns neither of the outcomes nor of the model's inputs",
            where="outcomes.segments",
            fix="Name columns of the signature or of the table of outcomes",
        )
    return Matches(tuple(found), words, outcomes.labels, int((~joined).sum()), lost, others)


def _answers(kept: KeptPredictions, problem: Problem, asked: Asked, outcome_type: pa.DataType) -> bool:
    try:
        return find_problem(kept.outputs, outcome_type, asked) == problem
    except ConfigurationError:
        return False
