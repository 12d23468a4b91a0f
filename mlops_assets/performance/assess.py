"""From a history of predictions and a table of outcomes to the tables `performance` and `performance_calibration`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import TableError
from mlops_assets.performance.calibration import Bin, calibrate
from mlops_assets.performance.evaluate import Evaluation, evaluate
from mlops_assets.performance.history import PredictionHistory
from mlops_assets.performance.match import match_predictions
from mlops_assets.performance.outcome_rows import OutcomeColumns
from mlops_assets.performance.outcomes import Outcomes, read_outcomes
from mlops_assets.performance.problem import Asked, find_problem
from mlops_assets.performance.tables import PerformanceFacts, calibration_table, performance_table


@dataclass(frozen=True)
class Assessment:
    """What there is to publish.

    Attributes
    ----------
    provenance
        Of both tables, save for their data version.
    publications
        Of the history, as many as were read.
    """

    evaluation: Evaluation
    facts: PerformanceFacts
    outcomes: Outcomes
    bins: tuple[Bin, ...]
    performance: pa.Table
    calibration: pa.Table
    provenance: Provenance
    publications: int


def assess(
    history: PredictionHistory,
    table: InputTable,
    columns: OutcomeColumns,
    asked: Asked,
    min_rows: int,
    candidate: PredictionHistory | None = None,
) -> Assessment:
    """Compare all predictions that were kept with the outcomes that are known.

    Guarantees
    ----------
    - The result does not depend on the order of rows in any table, nor on where batches are cut. Nothing is sampled.
    - In memory are the outcomes with their keys, a block of predictions (`BLOCK_ROWS`), and of the predictions that
      have an outcome their scores, never features.

    Parameters
    ----------
    candidate
        The predictions of a candidate. A version that `history` has as well is none any more.

    Raises
    ------
    TableError
        No predictions were kept, columns are missing, or a row key has two outcomes.
    ConfigurationError
        Predictions and settings fit no task.
    """
    publications = history.publications()
    if not publications:
        raise TableError(
            "No predictions have been kept, so there is nothing that outcomes could be compared with",
            where=history.folder.uri,
            fix="Materialize prediction_history, which the model's jobs do from now on",
        )
    newest = history.open(publications[-1])
    place = table.schema.get_field_index(columns.value)
    # `read_outcomes` says what is wrong where there is none.
    outcome_type = table.schema.field(place).type if place >= 0 else pa.null()
    problem = find_problem(newest.outputs, outcome_type, asked)
    key_types = [newest.rows.schema.field(name).type for name in newest.row_key]
    outcomes = read_outcomes(table, columns, key_types, problem)
    kept = [(history, each, False) for each in publications]
    if candidate is not None:
        own = {each.version for each in publications}
        tried = [each for each in candidate.publications() if each.version not in own]
        kept += [(candidate, each, True) for each in tried if each.version == tried[-1].version]
    matches = match_predictions(kept, outcomes, problem, asked, outcome_type, columns.segments)
    evaluation = evaluate(matches, outcomes, problem, min_rows)
    bins = tuple(each for rows in evaluation.versions for each in calibrate(rows, problem))
    facts = PerformanceFacts.of(evaluation, matches, outcomes.counts)
    source = Provenance.of(newest.rows.schema)
    provenance = Provenance(
        model=source.model,
        model_uri=source.model_uri,
        model_digest=source.model_digest,
        inputs_version=hash_of(*(each.name for _, each, _ in kept)),
        extra=facts.to_extra(),
    )
    return Assessment(
        evaluation,
        facts,
        outcomes,
        bins,
        performance_table(evaluation.results),
        calibration_table(bins),
        provenance,
        len(kept),
    )


def version_of_tables(code_version: str, tables: Sequence[pa.Table], extra: str) -> str:
    """A data version: what the tables say, and what is said beside them."""
    digest = hashlib.sha256()
    for table in tables:
        for batch in table.combine_chunks().to_batches():
            digest.update(batch.serialize())
    return hash_of(code_version, digest.hexdigest(), extra)
