"""How right the published predictions were."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.assets.side_tables import side_table_spec
from mlops_assets.assets.streams import input_table
from mlops_assets.io_managers.inputs import list_files
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import INPUTS_LISTING, list_names, prefix_floats, table_metadata
from mlops_assets.naming import (
    OUTCOMES,
    PERFORMANCE,
    PERFORMANCE_CALIBRATION,
    PREDICTION_HISTORY,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.environment import open_location
from mlops_assets.settings.outcomes import OutcomesSettings
from mlops_assets.settings.tables import InputsSettings, OutputsSettings

if TYPE_CHECKING:
    from mlops_assets.performance.history import PredictionHistory

CODE_VERSION = "2"
CALIBRATION_COLUMNS = {
    "output": "string",
    "bin": "int",
    "predicted": "float",
    "observed": "float",
    "observed_low": "float",
    "observed_high": "float",
    "rows": "int",
}
PERFORMANCE_DESCRIPTION = """
How right the published predictions were, where the outcome is known: metrics with 95 % intervals.

One row per model version, metric and group: all rows, each partition, each value of a segment column; and the last
version minus the one before it, on the rows that both predicted. The page of this asset has the figures of the last
version, and plots them over time."""
CALIBRATION_DESCRIPTION = """
Predictions beside what came of them: ten bins of predicted values with the mean outcome, its interval and the counts.

One row per model version, output and bin; for a class the outcome is the share of rows that are of it. Labels have no
bins."""


def outcomes_asset_spec(names: ModelNames, settings: OutcomesSettings) -> dg.AssetSpec:
    """`outcomes` of one model: nothing is read."""
    return side_table_spec(
        names,
        settings.asset_key(names),
        settings.as_inputs(None),
        f"What came of the rows that {names.model} predicted.",
        "Each run of the performance job reads all of it.",
    )


def performance_assets(
    names: ModelNames, settings: OutcomesSettings, inputs: InputsSettings, outputs: OutputsSettings, root: Path
) -> dg.AssetsDefinition:
    """`performance` and `performance_calibration` of one model, which `outcomes` asks for: one step."""
    history_key = names.key(PREDICTION_HISTORY)
    source = dg.AssetIn(
        key=settings.asset_key(names), input_manager_key=None if settings.asset else names.outcomes_reader
    )
    common: dict[str, Any] = {
        "dagster_type": pa.RecordBatchReader,
        "io_manager_key": names.tables,
        "group_name": names.group,
        "kinds": {"scikitlearn", outputs.format},
        "code_version": CODE_VERSION,
    }

    @dg.multi_asset(
        name=names.op(PERFORMANCE),
        ins={OUTCOMES: source},
        deps=[history_key, *([] if settings.candidate is None else [settings.candidate.history_key()])],
        outs={
            PERFORMANCE: dg.AssetOut(key=names.key(PERFORMANCE), description=PERFORMANCE_DESCRIPTION.strip(), **common),
            PERFORMANCE_CALIBRATION: dg.AssetOut(
                key=names.key(PERFORMANCE_CALIBRATION), description=CALIBRATION_DESCRIPTION.strip(), **common
            ),
        },
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
    )
    @redact_errors
    @report_progress(names.key(PERFORMANCE))
    def performance(
        context: dg.AssetExecutionContext, outcomes: Any
    ) -> Iterator[dg.MaterializeResult[pa.RecordBatchReader]]:
        from mlops_assets.performance.assess import assess, version_of_tables
        from mlops_assets.performance.history import PredictionHistory

        tables: TableIOManager = getattr(context.resources, names.tables)
        history = PredictionHistory(tables.place(PREDICTION_HISTORY))
        table = input_table(names, settings.as_inputs(inputs.row_key), outcomes)
        tried = None
        if settings.candidate is not None:
            place = open_location(settings.candidate.folder(), outputs.storage_options, base=root)
            tried = PredictionHistory(place.child(PREDICTION_HISTORY))
        done = assess(history, table, settings.columns(), settings.asked(), settings.min_rows, tried)
        not_compared: dict[str, str] = {}
        if tried is not None and done.evaluation.candidate is None:
            not_compared = {"candidate_not_compared": _why_no_candidate(tried)}
            context.log.warning(f"No candidate is compared: {not_compared['candidate_not_compared']}")
        extra = done.provenance.extra["performance"]
        listed = _listing(settings.as_inputs(inputs.row_key), getattr(outcomes, "listing", None), root)
        for asset, rows, metadata in (
            (PERFORMANCE, done.performance, _describe(done) | not_compared | listed),
            (PERFORMANCE_CALIBRATION, done.calibration, _describe_calibration(done)),
        ):
            version = version_of_tables(CODE_VERSION, [rows], extra)
            provenance: Provenance = replace(done.provenance, data_version=version)
            yield dg.MaterializeResult(
                asset_key=names.key(asset),
                value=with_provenance(rows.to_reader(), provenance),
                metadata=metadata,
                data_version=dg.DataVersion(version),
            )

    return performance


def _why_no_candidate(history: "PredictionHistory") -> str:
    if not history.publications():
        return (
            f"no predictions are kept in {history.folder.uri}; name the candidate's YAML and its outputs.path in "
            "outcomes.candidate, set outcomes there too, and run it"
        )
    return "each of its versions was published by this model as well, or has no outcomes yet"


def _listing(table: InputsSettings, listing: str | None, root: Path) -> dict[str, str]:
    """From which files the outcomes are, for the sensor; nobody knows where files came or went meanwhile."""
    if listing is None or list_files(table.location(root), table.format) != listing:
        return {}
    return {INPUTS_LISTING: listing}


def _describe(done: Any) -> dict[str, Any]:
    from mlops_assets.performance.tables import overall_markdown

    evaluation = done.evaluation
    own = evaluation.overall(evaluation.version)
    floats: dict[str, float] = {}
    for name, result in own.items():
        ends = {"": result.value, "_low": result.interval.low, "_high": result.interval.high}
        floats |= {f"{name}{end}": value for end, value in ends.items() if value is not None}
    changes = {
        f"{name}_difference{end}": value
        for name, result in evaluation.differences(evaluation.candidate).items()
        for end, value in {"": result.value, "_low": result.interval.low, "_high": result.interval.high}.items()
        if value is not None
    }
    left_out = {name: count for name, count in evaluation.left_out_segments.items() if count}
    return {
        "metrics": dg.MetadataValue.md(overall_markdown(evaluation)),
        "task": evaluation.problem.task,
        **({"model_version": evaluation.version} if evaluation.version is not None else {}),
        "version_before": "(none)" if evaluation.before is None else str(evaluation.before),
        "versions_with_outcomes": list_names((each.version for each in evaluation.versions), none="(none)"),
        "publications_read": done.publications,
        "newest_outcome": done.outcomes.newest or "(outcomes.at is not set)",
        "segment_values_left_out": list_names((f"{name}: {count}" for name, count in left_out.items()), none="(none)"),
        **({"candidate_version": evaluation.candidate} if evaluation.candidate is not None else {}),
        **prefix_floats(floats, "performance"),
        **prefix_floats(changes, "candidate"),
        **prefix_floats(done.facts.counted(), "counts"),
    }


def _describe_calibration(done: Any) -> dict[str, Any]:
    from mlops_assets.performance.calibration import calibration_error

    bins = [each for each in done.bins if each.version == done.evaluation.version]
    rows = [
        vars(each) | {"bin": each.number, "observed_low": each.interval.low, "observed_high": each.interval.high}
        for each in bins
    ]
    error = calibration_error(bins)
    return {
        "calibration": table_metadata(rows, CALIBRATION_COLUMNS),
        **({"calibration_error": error} if error is not None else {}),
    }
