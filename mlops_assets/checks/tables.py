"""Checks of the samples and of the predictions."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.arrow.unique_keys import check_unique
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import TableError
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import MOST_NAME, list_names, quote_markdown, shorten_text, strip_markup
from mlops_assets.naming import INPUT_SAMPLES, MODEL_SIGNATURE, PREDICTIONS, REJECTED_SAMPLES, ModelNames
from mlops_assets.scoring.key_agreement import compare_keys
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.scoring.provenance import PredictionsProvenance
from mlops_assets.scoring.statistics import ColumnStatistics
from mlops_assets.state import state_folder

# Of a check that counts per column, the columns that are metadata of their own.
MOST_COLUMNS_COUNTED = 20

_NO_ROW = (
    "No row was accepted. Read rejected_samples for the reasons; where it is empty too, the table that inputs "
    "names has no rows (or the partition has none): fill it, and run again"
)


def sample_checks(names: ModelNames, root: Path) -> dg.AssetChecksDefinition:
    """`not_empty` and `keys_unique`, both blocking."""
    key = names.key(INPUT_SAMPLES)

    @dg.multi_asset_check(
        name=f"{names.slug}__input_samples_checks",
        specs=[
            dg.AssetCheckSpec("not_empty", asset=key, blocking=True, description="At least one row was accepted."),
            dg.AssetCheckSpec("keys_unique", asset=key, blocking=True, description="No row key occurs twice."),
        ],
        ins={INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES)},
    )
    def samples_are_usable(
        context: dg.AssetCheckExecutionContext, input_samples: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        rows = input_samples.count_rows()
        if not rows:
            context.log.error(_NO_ROW)
        yield dg.AssetCheckResult(
            check_name="not_empty",
            asset_key=key,
            passed=rows > 0,
            description=f"{rows} rows were accepted" if rows else _NO_ROW,
            metadata={"rows": rows},
        )
        row_key = Provenance.of(input_samples.schema).row_key
        problem = None
        with scratch_folder(state_folder(root) / "scratch") as scratch:
            try:
                check_unique(lambda: rows_of(input_samples, list(row_key)), scratch)
            except TableError as error:
                problem = str(error)
                context.log.error(problem)
        yield dg.AssetCheckResult(
            check_name="keys_unique",
            asset_key=key,
            passed=problem is None,
            description=quote_markdown(problem)
            if problem
            else f"The row key ({strip_markup(list_names(row_key))}) of {rows} rows: none occurs twice",
            metadata={"row_key": list_names(row_key), "rows": rows},
        )

    return samples_are_usable


def rejection_checks(names: ModelNames) -> dg.AssetChecksDefinition:
    """`nothing_lost` (blocking): rows in = rows accepted + rows rejected."""
    key = names.key(REJECTED_SAMPLES)

    @dg.multi_asset_check(
        name=f"{names.slug}__rejected_samples_checks",
        specs=[
            dg.AssetCheckSpec(
                "nothing_lost",
                asset=key,
                additional_deps=[names.key(INPUT_SAMPLES)],
                blocking=True,
                description="Every row that was read is in input_samples or in rejected_samples.",
            )
        ],
        ins={
            REJECTED_SAMPLES: of_the_run(names, REJECTED_SAMPLES),
            INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES),
        },
    )
    def nothing_lost(rejected_samples: ds.Dataset, input_samples: ds.Dataset) -> Iterator[dg.AssetCheckResult]:
        accepted, rejected = input_samples.count_rows(), rejected_samples.count_rows()
        read = int(Provenance.of(rejected_samples.schema).extra["rows_read"])
        yield dg.AssetCheckResult(
            check_name="nothing_lost",
            asset_key=key,
            passed=read == accepted + rejected,
            description=f"{read} rows were read: {accepted} are in input_samples, {rejected} in rejected_samples"
            + ("" if read == accepted + rejected else f". {_BOTH_ANEW}"),
            metadata={"rows_read": read, "rows_accepted": accepted, "rows_rejected": rejected},
        )

    return nothing_lost


def prediction_checks(names: ModelNames) -> dg.AssetChecksDefinition:
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
                description="The keys of input_samples, each once, in order.",
            ),
            dg.AssetCheckSpec(
                "within_output_signature",
                asset=key,
                additional_deps=[names.key(MODEL_SIGNATURE)],
                blocking=True,
                description="Columns and types as the signature's outputs.",
            ),
            dg.AssetCheckSpec("finite", asset=key, description="No null, NaN or infinity among the outputs."),
            dg.AssetCheckSpec(
                "same_in_any_batch",
                asset=key,
                description="On a sample, no row's prediction depends on the rows beside it.",
            ),
        ],
        ins={
            PREDICTIONS: of_the_run(names, PREDICTIONS),
            INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES),
            MODEL_SIGNATURE: dg.AssetIn(key=names.key(MODEL_SIGNATURE)),
        },
    )
    def predictions_are_sound(
        predictions: ds.Dataset, input_samples: ds.Dataset, model_signature: str
    ) -> Iterator[dg.AssetCheckResult]:
        source = Provenance.of(predictions.schema)
        key_columns = list(source.row_key)
        agreement = compare_keys(rows_of(input_samples, key_columns), rows_of(predictions, key_columns), source.row_key)
        yield dg.AssetCheckResult(
            check_name="one_row_per_input",
            asset_key=key,
            passed=agreement.agrees,
            description=f"{agreement.actual} predictions for {agreement.expected} input rows, key by key"
            + ("" if agreement.agrees else f": {_first_difference(agreement.first_difference)}. {_BOTH_ANEW}"),
            metadata={
                "input_rows": agreement.expected,
                "prediction_rows": agreement.actual,
                "first_row_with_another_key": _or_none(agreement.first_difference),
                "row_key": list_names(source.row_key),
            },
        )
        yield _within_signature(predictions, model_signature, source, key)
        yield _finite(predictions, source, key)
        yield _same_in_any_batch(source, key)

    return predictions_are_sound


def _within_signature(
    predictions: ds.Dataset, model_signature: str, source: Provenance, key: dg.AssetKey
) -> dg.AssetCheckResult:
    from mlops_assets.signatures.contract.output_contract import OutputContract
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json

    columns = model_output_columns(predictions.schema, source.row_key)
    produced = pa.schema([predictions.schema.field(name) for name in columns])
    method = PredictionsProvenance.of(source).predict_method
    outputs = signature_from_json(model_signature).outputs
    shown = {
        "compared": f"{len(columns)} columns: " + list_names(f"{field.name}: {field.type}" for field in produced),
        "predict_method": method,
        "output_signature": shorten_text(str(outputs)) if outputs else "(the signature declares no outputs)",
    }
    if method != "predict" or outputs is None:
        reason = (
            "Not compared: the signature describes predict, not predict_proba"
            if outputs
            else "Not compared: the signature declares no outputs"
        )
        return dg.AssetCheckResult(
            check_name="within_output_signature", asset_key=key, passed=True, description=reason, metadata=shown
        )
    problems = OutputContract(outputs, produced).judge(rows_of(predictions, columns))
    return dg.AssetCheckResult(
        check_name="within_output_signature",
        asset_key=key,
        passed=not problems,
        description=quote_markdown(f"{'; '.join(problems)}. {_OTHER_OUTPUTS}")
        if problems
        else f"{len(columns)} output columns have the names and types of the signature's outputs",
        metadata=shown,
    )


def _finite(predictions: ds.Dataset, source: Provenance, key: dg.AssetKey) -> dg.AssetCheckResult:
    columns = model_output_columns(predictions.schema, source.row_key)
    statistics = {name: ColumnStatistics() for name in columns}
    for batch in rows_of(predictions, columns):
        for name in columns:
            statistics[name].add(batch.column(name))
    rows = predictions.count_rows()
    bad = {name: column.nulls + column.not_finite for name, column in statistics.items()}
    return dg.AssetCheckResult(
        check_name="finite",
        asset_key=key,
        passed=not any(bad.values()),
        severity=dg.AssetCheckSeverity.WARN,
        description=_describe_finite(bad, rows),
        metadata={
            "rows": rows,
            **{f"{name}/null_or_not_finite": bad[name] for name in _shown(bad)},
        },
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


_BOTH_ANEW = "Materialize the whole family again; if it recurs, report it as a defect of mlops_assets"
_OTHER_OUTPUTS = (
    "The model returns something else than its signature says: log it again with the outputs that it returns"
)


def _first_difference(position: int | None) -> str:
    return "the number of rows differs" if position is None else f"row {position} has another key"


def _describe_finite(bad: Mapping[str, int], rows: int) -> str:
    found = list_names(f"{strip_markup(name)}: {count}" for name, count in bad.items() if count)
    if not found:
        return f"No null, NaN or infinity in {len(bad)} output columns of {rows} rows"
    return (
        f"Null, NaN or infinity in {rows} rows ({found}). Find these rows in predictions: missing inputs that the "
        "model cannot handle (contract.missing), or a model that returns none for them"
    )


def _shown(bad: Mapping[str, int]) -> list[str]:
    """The columns whose counts are metadata: those with such values first, in the table's order."""
    first = sorted(bad, key=lambda name: bad[name] == 0)
    return [name for name in first if len(name) <= MOST_NAME][:MOST_COLUMNS_COUNTED]


def _or_none(position: int | None) -> int | str:
    return "(none)" if position is None else position
