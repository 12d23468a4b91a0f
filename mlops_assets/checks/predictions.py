"""Checks of the predictions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.key_agreement import KeyAgreement
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import TOGETHER_AGAIN, end_with_reasons
from mlops_assets.engines.engine import Engine
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import quote_markdown, strip_markup, table_metadata
from mlops_assets.naming import INPUT_SAMPLES, MODEL_SIGNATURE, PREDICTIONS, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.check_parts import contract_of, judge_parts, judge_rows, judged_columns
from mlops_assets.scoring.finite import OUTPUT_COLUMNS, FiniteVerdict
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.scoring.provenance import PredictionsProvenance
from mlops_assets.signatures.contract.output_contract import OutputContract


def prediction_checks(names: ModelNames, engine: Callable[[], Engine]) -> dg.AssetChecksDefinition:
    """`one_row_per_input` and `within_output_signature` (blocking), `finite` (a warning)."""
    key = names.key(PREDICTIONS)

    @dg.multi_asset_check(
        name=f"{names.slug}__predictions_checks",
        specs=[
            dg.AssetCheckSpec(
                "one_row_per_input",
                asset=key,
                additional_deps=[names.key(INPUT_SAMPLES)],
                blocking=True,
                description="Compares the row keys of predictions and input_samples: each once, in order, and of the "
                "rows that input_samples holds now. If it fails: materialize the whole family again.",
            ),
            dg.AssetCheckSpec(
                "within_output_signature",
                asset=key,
                additional_deps=[names.key(MODEL_SIGNATURE)],
                blocking=True,
                description="Compares columns, types and values of predictions with the outputs that the signature "
                "declares. If it fails: log the model again with the outputs that it returns.",
            ),
            dg.AssetCheckSpec(
                "finite",
                asset=key,
                description="Counts null, NaN and infinity in each output: there is none. If it fails: look for "
                "missing inputs in these rows. A warning.",
            ),
            dg.AssetCheckSpec(
                "same_in_any_batch",
                asset=key,
                description="Predicts a sample of the rows again in smaller batches and compares: no prediction "
                "depends on the rows beside it. If it fails: mend the model. A warning.",
            ),
        ],
        ins={
            PREDICTIONS: of_the_run(names, PREDICTIONS),
            INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES),
            MODEL_SIGNATURE: dg.AssetIn(key=names.key(MODEL_SIGNATURE)),
        },
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def predictions_are_sound(
        context: dg.AssetCheckExecutionContext,
        predictions: ds.Dataset,
        input_samples: ds.Dataset,
        model_signature: str,
    ) -> Iterator[dg.AssetCheckResult]:
        source = Provenance.of(predictions.schema)
        declared = _declared(predictions, model_signature, source)
        samples, predicted = (parts_of(context, names, asset) for asset in (INPUT_SAMPLES, PREDICTIONS))
        if samples and len(samples) == len(predicted):
            signature = model_signature if declared.contract is not None else None
            verdict = judge_parts(engine(), samples, predicted, signature, context.log.info)
        else:
            keys = rows_of(input_samples, list(source.row_key))
            rows = rows_of(predictions, judged_columns(predictions.schema, source.row_key))
            verdict = judge_rows(keys, rows, predictions.schema, source.row_key, declared.contract)
        yield _one_row_per_input(verdict.keys, input_samples, source, key)
        yield _within_signature(verdict.reasons, declared, key)
        yield _finite(verdict.finite, source, key)
        yield _same_in_any_batch(source, key)

    return predictions_are_sound


def _one_row_per_input(
    agreement: KeyAgreement, input_samples: ds.Dataset, source: Provenance, key: dg.AssetKey
) -> dg.AssetCheckResult:
    version = Provenance.of(input_samples.schema).data_version
    same_rows = version is None or source.inputs_version is None or version == source.inputs_version
    reasons = (
        *([] if agreement.agrees else [_first_difference(agreement.first_difference)]),
        *([] if same_rows else ["input_samples holds other values than those that were predicted"]),
    )
    return dg.AssetCheckResult(
        check_name="one_row_per_input",
        asset_key=key,
        passed=not reasons,
        description=f"{agreement.actual} predictions for {agreement.expected} input rows, key by key"
        + (f": {', and '.join(reasons)}. {TOGETHER_AGAIN}" if reasons else ""),
        metadata={
            "input_rows": agreement.expected,
            "prediction_rows": agreement.actual,
            "first_row_with_another_key": "(none)"
            if agreement.first_difference is None
            else f"row {agreement.first_difference}",
            "row_key": ", ".join(source.row_key),
        },
    )


@dataclass(frozen=True)
class _Declared:
    """What the signature says of the predictions; `contract` is None where it says nothing, as `why` explains."""

    columns: int
    contract: OutputContract | None
    why: str
    shown: Mapping[str, Any]


def _declared(predictions: ds.Dataset, model_signature: str, source: Provenance) -> _Declared:
    from mlops_assets.signatures.mlflow.signature_json import describe, signature_from_json

    columns = model_output_columns(predictions.schema, source.row_key)
    method = PredictionsProvenance.of(source).predict_method
    signature = signature_from_json(model_signature)
    outputs = signature.outputs
    produced = [predictions.schema.field(name) for name in columns]
    shown = {
        "predict_method": method,
        "produced": table_metadata(
            [{"column": field.name, "type": field.type} for field in produced], {"column": "string", "type": "string"}
        ),
        "declared": table_metadata(
            [row for row in describe(signature) if row["part"] == "output"],
            {"name": "string", "type": "string", "required": "bool"},
        ),
    }
    if method == "predict" and outputs is not None:
        return _Declared(len(columns), contract_of(outputs, predictions.schema, source.row_key), "", shown)
    why = (
        "Not compared: the signature describes predict, not predict_proba"
        if outputs
        else "Not compared: the signature declares no outputs"
    )
    return _Declared(len(columns), None, why, shown)


def _within_signature(
    reasons: Mapping[tuple[str, str], int], declared: _Declared, key: dg.AssetKey
) -> dg.AssetCheckResult:
    problems = declared.contract.describe(reasons) if declared.contract is not None else []
    return dg.AssetCheckResult(
        check_name="within_output_signature",
        asset_key=key,
        passed=not problems,
        description=quote_markdown(f"{'; '.join(problems)}. {_OTHER_OUTPUTS}")
        if problems
        else declared.why or f"{declared.columns} output columns have the names and types of the signature's outputs",
        metadata=declared.shown,
    )


def _finite(verdict: FiniteVerdict, source: Provenance, key: dg.AssetKey) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        "rows": verdict.rows,
        "null_or_not_finite": sum(verdict.bad.values()),
        "outputs": table_metadata(
            [{"output": name, "null_or_not_finite": count} for name, count in verdict.bad.items() if count],
            {"output": "string", "null_or_not_finite": "int"},
        ),
    }
    if verdict.listed:
        listed_columns = dict.fromkeys((*source.row_key, OUTPUT_COLUMNS), "string")
        metadata["first_rows"] = table_metadata(verdict.listed, listed_columns)
    return dg.AssetCheckResult(
        check_name="finite",
        asset_key=key,
        passed=not any(verdict.bad.values()),
        severity=dg.AssetCheckSeverity.WARN,
        description=_describe_finite(verdict.bad, verdict.rows),
        metadata=metadata,
    )


def _same_in_any_batch(source: Provenance, key: dg.AssetKey) -> dg.AssetCheckResult:
    dependence = PredictionsProvenance.of(source).batch_dependence
    compared, different = dependence.rows, dependence.different
    return dg.AssetCheckResult(
        check_name="same_in_any_batch",
        asset_key=key,
        passed=different == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{different} of {compared} rows got another prediction in smaller batches: the model's answer "
        "depends on predict.batch_rows and on the rows beside a row. Mend the model"
        if different
        else f"{compared} rows were predicted again in smaller batches, and each got the same prediction",
        metadata={"rows_compared": compared, "rows_that_differ": different},
    )


_OUTPUTS_SHOWN = 10
_OTHER_OUTPUTS = (
    "The model returns something else than its signature says: log it again with the outputs that it returns"
)


def _first_difference(position: int | None) -> str:
    return "the number of rows differs" if position is None else f"row {position} has another key"


def _describe_finite(bad: Mapping[str, int], rows: int) -> str:
    counts = [f"{strip_markup(name)}: {count}" for name, count in bad.items() if count]
    found = ", ".join(counts[:_OUTPUTS_SHOWN]) + (", ..." if len(counts) > _OUTPUTS_SHOWN else "")
    if not found:
        return f"No null, NaN or infinity in {len(bad)} output columns of {rows} rows"
    return (
        f"Null, NaN or infinity in {rows} rows ({found}). The table lists the first: missing inputs that the model "
        "cannot handle (contract.missing), or a model that returns none for them"
    )
