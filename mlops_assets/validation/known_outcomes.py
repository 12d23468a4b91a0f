"""Is a candidate worse than the champion on the rows of the sample whose outcome is known?"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.input_table import InputTable
from mlops_assets.performance.evaluate import compare_rows
from mlops_assets.performance.history import KeptPredictions, Publication
from mlops_assets.performance.matcher import Matcher, Scores
from mlops_assets.performance.metrics import MAIN
from mlops_assets.performance.outcome_rows import OutcomeColumns, key_column, read_columns
from mlops_assets.performance.outcomes import outcomes_of
from mlops_assets.performance.problem import Asked, find_problem
from mlops_assets.performance.version_rows import label_codes, rows_of_version
from mlops_assets.scoring.prediction_columns import model_output_columns


@dataclass(frozen=True)
class KnownOutcomes:
    """The outcomes of a sample, and how they are judged by.

    Attributes
    ----------
    rows
        As `read_columns` gives them, of the sample's row keys alone.
    outcome_type
        Of the column in its own table.
    watch
        The metrics that must not fall; empty: the task's main one.
    blocks
        Whether a fall counts against the candidate.
    where
        The table, for errors.
    """

    rows: pa.Table
    outcome_type: pa.DataType
    columns: OutcomeColumns
    asked: Asked
    watch: tuple[str, ...]
    min_rows: int
    blocks: bool
    where: str

    @classmethod
    def of_sample(
        cls,
        table: InputTable,
        sample: pa.Table,
        row_key: Sequence[str],
        columns: OutcomeColumns,
        asked: Asked,
        watch: Sequence[str],
        min_rows: int,
        *,
        blocks: bool,
    ) -> "KnownOutcomes":
        """Those of a table whose row key is in the sample."""
        keys = pa.table({key_column(place): sample[name] for place, name in enumerate(row_key)})
        rows = read_columns(table, columns, keys.schema.types)
        known = rows.join(keys, keys.schema.names, join_type="left semi")
        kind = table.schema.field(columns.value).type
        return cls(known, kind, columns, asked, tuple(watch), min_rows, blocks, table.uri)


def judge_on_outcomes(
    known: KnownOutcomes, champion: pa.Table, candidate: pa.Table, row_key: Sequence[str]
) -> tuple[bool | None, str]:
    """Whether the candidate passes, and why; None: too few outcomes are known.

    Parameters
    ----------
    champion, candidate
        Their predictions of the sample.
    """
    outputs = pa.schema([candidate.schema.field(name) for name in model_output_columns(candidate.schema, row_key)])
    problem = find_problem(outputs, known.outcome_type, known.asked)
    outcomes = outcomes_of(known.rows, known.columns, problem, known.where)

    def scores_of(version: int, predictions: pa.Table) -> Scores:
        matcher = Matcher(outcomes, problem, outcomes.labels, {})
        kept = KeptPredictions(ds.dataset(predictions), tuple(row_key), outputs, (), None)
        matcher.add(kept, Publication(version, version, "of the sample", None, ""))
        scores = matcher.scores(candidate=False)
        assert scores is not None
        return scores

    both = scores_of(1, champion), scores_of(2, candidate)
    recode = label_codes(outcomes.labels, both) if problem.compares_labels else None
    old, new = (rows_of_version([scores], outcomes, [""], recode) for scores in both)
    differences = {each.name: each for each in compare_rows(new, old, problem, known.min_rows)}
    names = known.watch or tuple(name for name in MAIN[problem.task] if name in differences)[:1]
    judged = [differences[name] for name in names if name in differences]
    if not judged or min(each.rows for each in judged) < known.min_rows or not judged[0].paired:
        return None, f"{len(new.identity)} rows of the sample have an outcome, which is fewer than {known.min_rows}"
    details = [
        f"{each.name} {each.value:+.4g} (95 %: {each.interval.low:.4g} to {each.interval.high:.4g})" for each in judged
    ]
    falls = any(each.is_fall for each in judged)
    words = f"on {judged[0].rows} rows with an outcome: {', '.join(details)}"
    if falls:
        words += ", which is a fall beyond chance" + ("" if known.blocks else "; outcomes.on_fall is warn")
    return not (falls and known.blocks), words
