"""What has changed since a reference: profiles of runs, and their comparison."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.assets.engine_and_store import EngineAndStore
from mlops_assets.assets.ledger_reading import sums_read_before
from mlops_assets.errors import TableError
from mlops_assets.explain.drift.compare import Comparison, compare_profiles
from mlops_assets.explain.drift.drift_table import NO_REFERENCE, NOT_DECOMPOSED, REFERENCE_NAME, drift_table
from mlops_assets.explain.drift.profile import ALL_ROWS, Profile, is_same_run
from mlops_assets.explain.drift.profile_table import (
    PREVIOUS,
    THIS,
    origins_to_extra,
    profile_table,
    read_profiles,
)
from mlops_assets.explain.drift.profile_tables import RunTables, profile_run
from mlops_assets.explain.ledger.provenance import OF_LEDGER
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.metadata import MOST_NAME, SPACE, list_names, strongest_columns
from mlops_assets.naming import (
    DRIFT,
    INPUT_SAMPLES,
    PREDICTIONS,
    PROFILE,
    REFERENCE_PROFILE,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.settings.monitor import MonitorSettings
from mlops_assets.settings.tables import OutputsSettings

CODE_VERSION = "1"
# Of the comparison: raise it with a change that changes what is said of the same profiles.
COMPARISON_VERSION = "2"
# Numbers that the UI plots over time; the table has every column.
MOST_PLOTTED = 40
# Columns in the metadata's own table.
MOST_SHOWN = 10

PROFILE_DESCRIPTION = """
What the run's inputs, predictions and attributions look like, in a few kilobytes per column: counts, exact sums, and
how many rows have which value.

One row per column, and per output and attribution. Profiles are compared and merged without reading rows: `drift` does
so. Without partitions it also keeps the profile of the run before."""

DRIFT_DESCRIPTION = """
What has changed since the reference: columns by strength, and where the change of the mean prediction comes from.

One row per input and prediction column: shares of missing values, categories that are new, PSI, Wasserstein and
Jensen-Shannon distance, p-value, and whether it has `drifted`; rank 1 has changed most. Below them, for each output,
the change of its mean (`explained_value`) as the exact sum of the changes of the mean attributions, of `base_value` and
of `residual`. `monitor` in the YAML says what the reference is."""


def drift_assets(
    names: ModelNames,
    monitor: MonitorSettings,
    outputs: OutputsSettings,
    engine_and_store: EngineAndStore,
    partitions: "dg.PartitionsDefinition[str] | None",
) -> dg.AssetsDefinition:
    """`profile` and `drift` of one model, which `monitor` asks for: one step, which compares what it has counted.

    `drift` by itself is made of the published profile.
    """
    common: dict[str, Any] = {
        "dagster_type": pa.RecordBatchReader,
        "io_manager_key": names.tables,
        "is_required": False,
        "group_name": names.group,
        "kinds": {outputs.format},
    }
    comparison = _Comparison(names, monitor, partitions)
    of_run = (INPUT_SAMPLES, PREDICTIONS, SAMPLE_EXPLANATIONS)
    beside = (REFERENCE_PROFILE,) if monitor.reference.is_table else ()

    @dg.multi_asset(
        name=names.op(PROFILE),
        ins={asset: dg.AssetIn(key=names.key(asset)) for asset in (*of_run, *beside)},
        outs={
            PROFILE: dg.AssetOut(
                key=names.key(PROFILE), description=PROFILE_DESCRIPTION.strip(), code_version=CODE_VERSION, **common
            ),
            DRIFT: dg.AssetOut(
                key=names.key(DRIFT),
                description=DRIFT_DESCRIPTION.strip(),
                code_version=f"{COMPARISON_VERSION}-{comparison.digest[:12]}",
                **common,
            ),
        },
        internal_asset_deps={
            PROFILE: {names.key(asset) for asset in of_run},
            DRIFT: {names.key(asset) for asset in (PROFILE, *beside)},
        },
        can_subset=True,
        partitions_def=partitions,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
    )
    @redact_errors
    @report_progress(names.key(PROFILE))
    def profile(
        context: dg.AssetExecutionContext,
        input_samples: ds.Dataset,
        predictions: ds.Dataset,
        sample_explanations: ds.Dataset,
        **beside: ds.Dataset,
    ) -> Iterator[dg.MaterializeResult[pa.RecordBatchReader]]:
        if names.key(PROFILE) in context.selected_asset_keys:
            ledger = Provenance.of(sample_explanations.schema)
            tables = RunTables(
                input_samples,
                predictions,
                sample_explanations,
                tuple(model_output_columns(predictions.schema, Provenance.of(predictions.schema).row_key)),
                parts_of(context, names, INPUT_SAMPLES),
                parts_of(context, names, PREDICTIONS),
                parts_of(context, names, SAMPLE_EXPLANATIONS),
                sums_read_before(context, names, ledger),
            )
            this = profile_run(tables, monitor.segments, engine_and_store.engine, context.log.info)
            profiles = {THIS: this}
            keeps_previous = partitions is None and monitor.reference.previous
            if keeps_previous and (previous := _run_before(context, names, this)) is not None:
                profiles[PREVIOUS] = previous
            version = hash_of("profile", *(each.origin.version for each in profiles.values()))
            source = _provenance(ledger, version, origins_to_extra(profiles))
            yield _profile_result(names, profiles, source)
        else:
            partition = context.partition_key if context.has_partition_key else None
            table = _tables(context, names).read_whole(PROFILE, partition)
            profiles, source = read_profiles(table), Provenance.of(table.schema)
        if names.key(DRIFT) in context.selected_asset_keys:
            yield comparison.result(context, profiles, beside.get(REFERENCE_PROFILE), source)

    return profile


def _profile_result(
    names: ModelNames, profiles: Mapping[str, Profile], provenance: Provenance
) -> dg.MaterializeResult[pa.RecordBatchReader]:
    this = profiles[THIS]
    return dg.MaterializeResult(
        asset_key=names.key(PROFILE),
        value=with_provenance(profile_table(profiles).to_reader(), provenance),
        metadata={
            "rows_profiled": next((column.rows for column in this.segments[ALL_ROWS].inputs.values()), 0),
            "segments": len(this.segments) - 1,
            "keeps_run_before": PREVIOUS in profiles,
        },
        data_version=dg.DataVersion(provenance.data_version or ""),
    )


class _Comparison:
    """How runs of a model are compared with their reference."""

    def __init__(
        self, names: ModelNames, monitor: MonitorSettings, partitions: "dg.PartitionsDefinition[str] | None"
    ) -> None:
        self._names, self._monitor, self._partitions = names, monitor, partitions
        self._rules, reference = monitor.rules(), monitor.reference
        compared_with = [asdict(self._rules), reference.partition, reference.previous]
        self.digest = hash_of(json.dumps(compared_with, sort_keys=True))

    def result(
        self,
        context: dg.AssetExecutionContext,
        profiles: Mapping[str, Profile],
        table: ds.Dataset | None,
        source: Provenance,
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        """`drift` of these profiles, whose provenance is `source`; `table`: `reference_profile`, where there is one."""
        this = profiles[THIS]
        name, before = _reference(context, self._names, self._monitor, self._partitions, profiles, table)
        comparison = None if before is None else compare_profiles(this, before, self._rules)
        version = hash_of(
            "drift", COMPARISON_VERSION, self.digest, this.origin.version, before.origin.version if before else ""
        )
        # A profile is made of a ledger.
        of_ledger = {OF_LEDGER: source.inputs_version or ""}
        extra = of_ledger | {REFERENCE_NAME: name, NOT_DECOMPOSED: _not_decomposed(comparison)}
        return dg.MaterializeResult(
            asset_key=self._names.key(DRIFT),
            value=with_provenance(drift_table(comparison).to_reader(), _provenance(source, version, extra)),
            metadata={
                "reference": name,
                "decomposition": _decomposition(comparison),
                **({SPACE: this.origin.space} if this.origin.space else {}),
                **_numbers(comparison),
            },
            data_version=dg.DataVersion(version),
        )


def _tables(context: dg.AssetExecutionContext, names: ModelNames) -> TableIOManager:
    tables: TableIOManager = getattr(context.resources, names.tables)
    return tables


def _provenance(source: Provenance, version: str, extra: Mapping[str, str]) -> Provenance:
    return replace(source, row_key=(), inputs_version=source.data_version, data_version=version, extra=extra)


def _run_before(context: dg.AssetExecutionContext, names: ModelNames, this: Profile) -> Profile | None:
    """The last profile that is not this run's: the published one, or what it keeps itself where this run is its."""
    tables = _tables(context, names)
    if not tables.exists(PROFILE):
        return None
    try:
        published = read_profiles(tables.read_whole(PROFILE))
    except TableError as error:
        context.log.warning(f"The profile of the run before cannot be read, so there is none: {error}")
        return None
    before = published.get(THIS)
    if before is not None and is_same_run(this, before):
        return published.get(PREVIOUS)
    return before


def _reference(
    context: dg.AssetExecutionContext,
    names: ModelNames,
    monitor: MonitorSettings,
    partitions: "dg.PartitionsDefinition[str] | None",
    profiles: Mapping[str, Profile],
    table: ds.Dataset | None,
) -> tuple[str, Profile | None]:
    """What the run is compared with, in words, and its profile; None where there is none yet."""
    if table is not None:
        shown = monitor.reference.as_inputs().shown_path or monitor.reference.asset
        return f"the table {shown}", read_profiles(table.to_table(use_threads=False))[THIS]
    if partitions is None:
        before = profiles.get(PREVIOUS)
        if before is None:
            return f"{NO_REFERENCE}there is no profile of another run before", None
        return "the run before", before
    tables = _tables(context, names)
    key = monitor.reference.partition
    if key is None:
        keys = partitions.get_partition_keys(dynamic_partitions_store=context.instance)
        earlier = tables.published_partitions(PROFILE, keys[: keys.index(context.partition_key)])
        if not earlier:
            return f"{NO_REFERENCE}no earlier partition has been published", None
        key = earlier[-1]
    elif not tables.published_partitions(PROFILE, [key]):
        return f"{NO_REFERENCE}the partition {key} has not been published", None
    return f"the partition {key}", read_profiles(tables.read_whole(PROFILE, key))[THIS]


def _not_decomposed(comparison: Comparison | None) -> str:
    if comparison is None:
        return "there is nothing to compare with"
    return comparison.not_decomposed or ""


def _decomposition(comparison: Comparison | None) -> str:
    """What is known of where the change comes from, in words."""
    if comparison is None or comparison.not_decomposed is not None:
        return f"not made: {_not_decomposed(comparison)}"
    made = "adds up to the change of each mean explained value"
    if comparison.same_background:
        return made
    return (
        f"{made}; the two were explained against different backgrounds, which moves a part of the change from the "
        "columns to base_value: name a table in explain.background to compare with the same rows always"
    )


def _numbers(comparison: Comparison | None) -> dict[str, Any]:
    """Flat numbers, which the UI plots over time."""
    if comparison is None:
        return {}
    rows = [row for row in comparison.rows if row.segment == ALL_ROWS]
    ranked = [row for row in rows if row.rank is not None]
    distances = {f"{row.column_name}/jensen_shannon": row.jensen_shannon for row in ranked}
    changes = {
        f"{row.output}/{row.column_name or row.role}/mean_change": row.mean_change
        for row in rows
        if row.output is not None and row.role != "residual"
    }
    # In an order that does not change from run to run: the same names are plotted.
    plotted = {
        name: value
        for numbers in (distances, changes)
        for name, value in sorted(numbers.items())[:MOST_PLOTTED]
        if value is not None and len(name) <= MOST_NAME
    }
    return {
        "drifted_columns": sum(1 for row in ranked if row.drifted),
        "drifted": list_names((row.column_name for row in ranked if row.drifted), none="(none)"),
        "largest_psi": max((row.psi for row in ranked if row.psi is not None), default=0.0),
        "strongest": strongest_columns([asdict(row) for row in ranked[:MOST_SHOWN]]),
        **plotted,
    }
