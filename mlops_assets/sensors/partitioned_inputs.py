"""The inputs sensor of partitioned inputs: a run for each partition whose files appear or change."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import ConfigurationError, RegistryError, TableError
from mlops_assets.naming import INPUT_SAMPLES, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.holds import reason_without_champion
from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.partition_moves import (
    MOST_A_TICK,
    Outcome,
    PartitionDecision,
    PartitionMemory,
    asked_by_partition,
    decide_partitions,
    move_of,
    reconcile_partitions,
)
from mlops_assets.sensors.requests import MOVE_TAG, describe_ends, is_unfinished, newest_of_moves, run_keys
from mlops_assets.sensors.watch import now, skip_and_tell, skip_while_waiting
from mlops_assets.settings.partitions import PartitionsSettings
from mlops_assets.settings.sensors import LaunchingSensorSettings
from mlops_assets.settings.tables import InputsSettings
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import PathTemplate
from mlops_assets.tables.listing import extensions_of, listing, may_be_empty, token_of

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

TOKEN_LENGTH = 16
# Partitions that a message names.
MOST_TOLD = 5


def partitioned_inputs_sensor(
    names: ModelNames,
    settings: LaunchingSensorSettings,
    inputs_settings: InputsSettings,
    partitioning: PartitionsSettings,
    alias_or_version: str | int,
    root: Path,
    job: "UnresolvedAssetJobDefinition",
    defaults: Mapping[str, dg.ResourceDefinition],
) -> dg.SensorDefinition:
    """Launches `job` for exactly the partitions whose listing changed: names, sizes, times or entity tags.

    A partition that was never scored is new. Time partitions wait until their time is over, static ones must be in the
    list, dynamic ones are added when their files appear. At most `MOST_A_TICK` runs a tick. A partition whose run has
    failed is asked for again, `settings.retries` times; then people are told. While the model has no champion, no run
    is asked for.
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
        instance, subject = context.instance, f"{names.name}/inputs"
        memory, tell = PartitionMemory.read(context.cursor), alert_stale(context, names, defaults)
        if memory.attempts.wait > 0:
            return _skipped(skip_while_waiting(memory.attempts), memory)
        try:
            tokens = partition_tokens(inputs_settings, partitioning, root)
        except (TableError, ConfigurationError) as error:
            return _skipped(skip_and_tell(memory.attempts, error, subject, tell), memory)
        dynamic = partitions if isinstance(partitions, dg.DynamicPartitionsDefinition) else None
        if dynamic is None:
            tokens = {key: token for key, token in tokens.items() if partitions.has_partition_key(key)}
        scored = instance.get_materialized_partitions(names.key(INPUT_SAMPLES))
        decision = decide_partitions(
            subject, memory, tokens, scored, lambda: asked_by_partition(subject, run_keys(instance, subject)), now()
        )
        outcomes = _outcomes(instance, subject, memory, decision, tokens)
        made_up = reconcile_partitions(
            subject, decision.memory, outcomes, MOST_A_TICK - len(decision.runs), settings.retries, now()
        )
        keys = {**decision.runs, **made_up.runs}
        try:
            is_wanted = keys or made_up.given_up
            held_up = reason_without_champion(context, names, alias_or_version, defaults) if is_wanted else ""
        except RegistryError as error:
            return _skipped(skip_and_tell(memory.attempts, error, subject, tell), memory)
        if held_up:
            # Nothing counts as seen, so that all of it is asked for when there is one.
            cursor = replace(memory, attempts=decision.memory.attempts).to_cursor()
            return dg.SensorResult(skip_reason=f"{subject}: no run is asked for: {held_up}", cursor=cursor)
        reconciled = made_up.memory
        if made_up.given_up:
            report = _describe_given_up(subject, made_up.given_up)
            context.log.warning(report)
            if not tell(report):
                told_later = {each: memory.waiting[each] for each in made_up.given_up}
                reconciled = replace(reconciled, waiting={**reconciled.waiting, **told_later})
        cursor = reconciled.to_cursor()
        context.log.info(decision.reason)
        if not keys:
            return dg.SensorResult(skip_reason=decision.reason, cursor=cursor)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    run_key=key,
                    partition_key=each,
                    tags={MOVE_TAG: move_of(subject, each, made_up.memory.seen[each][0])},
                )
                for each, key in keys.items()
            ],
            dynamic_partitions_requests=_additions(instance, dynamic, list(keys)),
            cursor=cursor,
        )

    return inputs


def _outcomes(
    instance: dg.DagsterInstance,
    subject: str,
    memory: PartitionMemory,
    decision: PartitionDecision,
    tokens: Mapping[str, str],
) -> dict[str, Outcome]:
    """How the runs stand that were asked for before this tick."""
    waiting = [each for each in memory.waiting if each not in decision.runs]
    moves = {each: move_of(subject, each, decision.memory.seen[each][0]) for each in waiting}
    records = newest_of_moves(instance, list(moves.values()))
    outcomes = {}
    for partition, move in moves.items():
        record = records.get(move)
        if record is None:
            outcomes[partition] = Outcome(has_files=partition in tokens)
            continue
        status = record.dagster_run.status
        outcomes[partition] = Outcome(
            succeeded=status == dg.DagsterRunStatus.SUCCESS,
            running=is_unfinished(record, now()),
            canceled=status == dg.DagsterRunStatus.CANCELED,
            has_files=partition in tokens,
            failure=describe_ends(instance, [record]),
        )
    return outcomes


def _describe_given_up(subject: str, given_up: Mapping[str, str]) -> str:
    shown = "; ".join(f"{partition}: {end}" for partition, end in list(given_up.items())[:MOST_TOLD])
    more = f"; and {len(given_up) - MOST_TOLD} more" if len(given_up) > MOST_TOLD else ""
    return (
        f"{subject}: the tables of {len(given_up)} partition{'s' * (len(given_up) > 1)} are not made from the files "
        f"that are there, and nothing more is asked for until these change: launch the job by hand. {shown}{more}"
    )


def partition_tokens(settings: InputsSettings, partitioning: PartitionsSettings, root: Path) -> dict[str, str]:
    """Partition -> a digest over the listing of its files, for every partition that has any; sorted.

    Raises
    ------
    TableError
        The file system does not answer, or the folder of all of them is not there.
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
            tokens[key] = token_of(((each, facts[each]) for each in counted), TOKEN_LENGTH)
    if not tokens and not may_be_empty(folder):
        raise TableError(
            "There is no folder of input files", where=folder.uri, fix="Make it, mount it, or correct inputs.path"
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
    cursor = PartitionMemory(memory.seen, Memory.read(result.cursor), memory.waiting).to_cursor()
    return dg.SensorResult(skip_reason=result.skip_reason, cursor=cursor)
