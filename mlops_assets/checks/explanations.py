"""Checks of the ledger."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.key_agreement import KeyAgreement, compare_keys, compare_subset
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import end_with_reasons
from mlops_assets.engines.engine import Engine
from mlops_assets.explain.columns import EXPLAINED_VALUE
from mlops_assets.explain.compare.ledger_parts import judge_ledger
from mlops_assets.explain.compare.stored_predictions import StoredAgreement, compare_with_stored
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import ResidualVerdict, judge_residuals, judged_columns
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.report.facts_while_written import judged
from mlops_assets.explain.spaces import LOSSES, SPACES
from mlops_assets.io_managers.ledger_notes import find_notes
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import quote_markdown, table_metadata
from mlops_assets.naming import PREDICTIONS, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.settings.explain import ExplainSettings


def explanation_checks(
    names: ModelNames, explain: ExplainSettings, engine: Callable[[], Engine]
) -> dg.AssetChecksDefinition:
    """`one_row_per_prediction` (blocking), `additive` (as configured), `explains_the_stored_prediction` (a warning)."""
    key = names.key(SAMPLE_EXPLANATIONS)

    @dg.multi_asset_check(
        name=f"{names.slug}__sample_explanations_checks",
        specs=[
            dg.AssetCheckSpec(
                "one_row_per_prediction",
                asset=key,
                additional_deps=[names.key(PREDICTIONS)],
                blocking=True,
                description="Compares the row keys of sample_explanations and predictions: each once per output, in "
                "order. If it fails: materialize both together.",
            ),
            dg.AssetCheckSpec(
                "additive",
                asset=key,
                # A blocking check of severity WARN lets everything pass.
                blocking=True,
                description="Adds base value and attributions of each row and compares the sum with explained_value. "
                "If it fails: the explainer does not fit the model; leave explain.KIND out. Stops the run with "
                "explain.additivity: block, else warns.",
            ),
            dg.AssetCheckSpec(
                "explains_the_stored_prediction",
                asset=key,
                description="Brings the explained values back to the scale of the predictions and compares them with "
                "the published ones. If it fails: the explainer explains something else than predict returns.",
            ),
        ],
        ins={
            SAMPLE_EXPLANATIONS: of_the_run(names, SAMPLE_EXPLANATIONS),
            PREDICTIONS: of_the_run(names, PREDICTIONS),
        },
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def explanations_are_sound(
        context: dg.AssetCheckExecutionContext, sample_explanations: ds.Dataset, predictions: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        source, published = Provenance.of(sample_explanations.schema), Provenance.of(predictions.schema)
        origin = LedgerProvenance.of(source)
        ledger = StoredLedger.of(sample_explanations)
        explained, predicted = (parts_of(context, names, asset) for asset in (SAMPLE_EXPLANATIONS, PREDICTIONS))
        columns = tuple(model_output_columns(predictions.schema, source.row_key))
        if origin.every_row and explained and len(explained) == len(predicted):
            compared = columns if _is_comparable(source, published, origin) else None
            notes = find_notes(context, names, source.data_version, explained)
            known = None if notes is None else judged(notes, source)
            verdict = judge_ledger(engine(), explained, predicted, compared, context.log.info, known)
            yield _keys(verdict.keys, sample_explanations, predictions, origin, key)
            yield _additive(verdict.residuals.verdict(), source, origin, key, explain.additivity == "block")
            yield _stored(verdict.stored, source, published, origin, key)
            return
        yield _keys(
            _compare_keys(sample_explanations, predictions, source, origin),
            sample_explanations,
            predictions,
            origin,
            key,
        )
        residuals = judge_residuals(
            ledger.rows(judged_columns(source.row_key, ledger.schema.names)), source.row_key, origin.precision
        )
        yield _additive(residuals, source, origin, key, explain.additivity == "block")
        stored = None
        if _is_comparable(source, published, origin):
            values, rows = ledger.rows([EXPLAINED_VALUE]), rows_of(predictions, columns)
            stored = compare_with_stored(values, rows, origin.outputs, origin.space, columns, origin.decision)
        yield _stored(stored, source, published, origin, key)

    return explanations_are_sound


def _compare_keys(
    ledger: ds.Dataset, predictions: ds.Dataset, source: Provenance, origin: LedgerProvenance
) -> KeyAgreement:
    columns = list(source.row_key)
    explained, published = rows_of(ledger, columns), rows_of(predictions, columns)
    if not origin.in_order_from_start:
        return compare_subset(published, explained, columns)
    outputs = len(origin.outputs)
    expected = published if origin.every_row else first_rows(published, ledger.count_rows() // outputs)
    return compare_keys(expected, explained, columns, repeats=outputs)


def _are_of_the_same(source: Provenance, published: Provenance) -> bool:
    same = source.model_uri == published.model_uri and source.model_digest == published.model_digest
    return same and source.inputs_version == published.inputs_version


def _is_comparable(source: Provenance, published: Provenance, origin: LedgerProvenance) -> bool:
    """Whether the rows of the ledger are the first rows of the predictions, of one version and of the same rows."""
    return _are_of_the_same(source, published) and origin.in_order_from_start


def _keys(
    agreement: KeyAgreement, ledger: ds.Dataset, predictions: ds.Dataset, origin: LedgerProvenance, key: dg.AssetKey
) -> dg.AssetCheckResult:
    rows, outputs = ledger.count_rows(), len(origin.outputs)
    return dg.AssetCheckResult(
        check_name="one_row_per_prediction",
        asset_key=key,
        passed=agreement.agrees,
        description=f"{rows} rows of the ledger for {agreement.expected} predictions"
        f"{f' of {outputs} outputs' if outputs > 1 else ''}, key by key"
        + ("" if agreement.agrees else f": they are not the same rows. {_TOGETHER}"),
        metadata={
            "prediction_rows": predictions.count_rows(),
            "ledger_rows": rows,
            "compared": dg.MetadataValue.json(
                {
                    "prediction_rows_compared": agreement.expected,
                    "outputs": outputs,
                    "selection": origin.selection,
                    "first_row_with_another_key": agreement.first_difference,
                }
            ),
        },
    )


def _additive(
    verdict: ResidualVerdict, source: Provenance, origin: LedgerProvenance, key: dg.AssetKey, block: bool
) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "rows": verdict.rows,
        "rows_beyond_tolerance": verdict.beyond,
        "largest_residual": verdict.largest,
        "largest_residual_in_tolerances": verdict.largest_ratio,
        "space": origin.space,
    }
    if verdict.listed:
        columns = dict.fromkeys((*source.row_key, "output"), "string") | {"residual": "float", "tolerance": "float"}
        metadata["beyond"] = table_metadata(verdict.listed, columns)
    return dg.AssetCheckResult(
        check_name="additive",
        asset_key=key,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if block else dg.AssetCheckSeverity.WARN,
        description=f"Base and attributions give the explained value within rounding in all {verdict.rows} rows"
        if verdict.passed
        else f"Base and attributions miss the explained value in {verdict.beyond} of {verdict.rows} rows, by at most "
        f"{verdict.largest:.3g}. The table lists some; they are the model's own, or of an explainer "
        "that does not fit: leave explain.KIND out, or mend explain_samples()",
        metadata=metadata,
    )


def _stored(
    comparison: StoredAgreement | None,
    source: Provenance,
    published: Provenance,
    origin: LedgerProvenance,
    key: dg.AssetKey,
) -> dg.AssetCheckResult:
    name = "explains_the_stored_prediction"
    versions = {"explained": source.model_uri or "", "predicted": published.model_uri or ""}
    if not _are_of_the_same(source, published):
        return dg.AssetCheckResult(
            check_name=name,
            asset_key=key,
            passed=False,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"Predictions and explanations are of different versions or rows. {_TOGETHER}",
            metadata=versions,
        )
    if comparison is None:
        what = "the loss is explained" if origin.space in LOSSES else "a sample or a filter of the rows was explained"
        return dg.AssetCheckResult(
            check_name=name,
            asset_key=key,
            passed=True,
            description=f"Not compared: {what}",
            metadata=versions | {"selection": origin.selection},
        )
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=key,
        passed=comparison.different == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=_describe_comparison(comparison),
        metadata=versions
        | {
            "compared": comparison.how,
            "rows": comparison.rows,
            "different_rows": comparison.different,
            "largest_difference": comparison.largest_difference,
            "space": origin.space,
            "space_meaning": SPACES[origin.space].meaning,
        },
    )


_TOGETHER = "Materialize predictions and sample_explanations together"


def _describe_comparison(comparison: StoredAgreement) -> str:
    if not comparison.comparable:
        return quote_markdown(f"Not comparable: {comparison.how}")
    if not comparison.different:
        return f"Compared: {comparison.how} of {comparison.rows} rows; the explained predictions are the published ones"
    return (
        f"Compared: {comparison.how} of {comparison.rows} rows; {comparison.different} differ, by at most "
        f"{comparison.largest_difference:.3g}. The explainer explains something else than predict returns: leave "
        "explain.KIND out, or check the model's own explain_samples()"
    )
