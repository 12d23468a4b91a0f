"""The inputs sensor of partitioned inputs: a run for each partition whose files appear or change."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.naming import INPUT_SAMPLES, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.sensors.listing import extensions_of, listing, token_of
from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.partition_moves import PartitionMemory, decide_partitions
from mlops_assets.sensors.watch import skip_after_failure, skip_while_waiting
from mlops_assets.settings.partitions import PartitionsSettings
from mlops_assets.settings.sensors import LaunchingSensorSettings
from mlops_assets.settings.tables import InputsSettings
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import PathTemplate

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

TOKEN_LENGTH = 16


def partitioned_inputs_sensor(
    names: ModelNames,
    settings: LaunchingSensorSettings,
    inputs_settings: InputsSettings,
    partitioning: PartitionsSettings,
    root: Path,
    job: "UnresolvedAssetJobDefinition",
) -> dg.SensorDefinition:
    """Launches `job` for exactly the partitions whose listing changed: names, sizes, times or entity tags.

    A partition that was never scored is new. Time partitions wait until their time is over, static ones must be in the
    list, dynamic ones are added when their files appear. At most `MOST_A_TICK` runs a tick.
    """
    name, partitions = names.inputs_sensor, partitioning.definition(names.slug)
    shown = inputs_settings.shown_path

    @dg.sensor(
        name=name,
        job=job,
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Launches {job.name} for the partitions of {shown} whose files appear or change. "
        "Switch it on to score new data as it arrives.",
    )
    @redact_errors
    def inputs(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        memory = PartitionMemory.read(context.cursor)
        if memory.attempts.wait > 0:
            return _skipped(skip_while_waiting(memory.attempts), memory)
        try:
            tokens = partition_tokens(inputs_settings, partitioning, root)
        except (TableError, ConfigurationError) as error:
            return _skipped(skip_after_failure(memory.attempts, error), memory)
        dynamic = partitions if isinstance(partitions, dg.DynamicPartitionsDefinition) else None
        if dynamic is None:
            tokens = {key: token for key, token in tokens.items() if partitions.has_partition_key(key)}
        scored = context.instance.get_materialized_partitions(names.key(INPUT_SAMPLES))
        decision = decide_partitions(f"{names.name}/inputs", memory, tokens, scored)
        cursor = decision.memory.to_cursor()
        context.log.info(decision.reason)
        if not decision.runs:
            return dg.SensorResult(skip_reason=decision.reason, cursor=cursor)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(run_key=key, partition_key=each) for each, key in decision.runs.items()],
            dynamic_partitions_requests=_additions(context.instance, dynamic, list(decision.runs)),
            cursor=cursor,
        )

    return inputs


def partition_tokens(settings: InputsSettings, partitioning: PartitionsSettings, root: Path) -> dict[str, str]:
    """Partition -> a digest over the listing of its files, for every partition that has any; sorted.

    Raises
    ------
    TableError
        The file system does not answer, or nothing is there: a store that is away may look like an empty one.
    """
    place = settings.location(root)
    template: PathTemplate = partitioning.template(place.address)
    folder = Location.parse(template.folder, storage_options=place.storage_options)
    facts = dict(listing(folder, settings.format))
    extensions = extensions_of(settings.format)
    tokens = {}
    for key, names in template.keys_of(facts).items():
        partition_address = Location.parse(template.path(key)).address
        # A partition's own file counts whatever it is called; of a partition's folder, the files of the format.
        counted = [
            name
            for name in names
            if folder.child(name).address == partition_address or name.lower().endswith(extensions)
        ]
        if counted:
            tokens[key] = token_of((each, facts[each]) for each in counted)[:TOKEN_LENGTH]
    if not tokens:
        raise TableError(
            "There are no input files of any partition", where=place.uri, fix="Put files there, or correct inputs.path"
        )
    return tokens


def _additions(
    instance: dg.DagsterInstance, dynamic: dg.DynamicPartitionsDefinition | None, keys: Sequence[str]
) -> list[dg.AddDynamicPartitionsRequest]:
    if dynamic is None or dynamic.name is None:
        return []
    known = set(instance.get_dynamic_partitions(dynamic.name))
    new = [key for key in keys if key not in known]
    return [dynamic.build_add_request(new)] if new else []


def _skipped(result: dg.SensorResult, memory: PartitionMemory) -> dg.SensorResult:
    """`result` of the attempt, with the partitions that were seen kept in its cursor."""
    cursor = PartitionMemory(memory.seen, Memory.read(result.cursor)).to_cursor()
    return dg.SensorResult(skip_reason=result.skip_reason, cursor=cursor)
