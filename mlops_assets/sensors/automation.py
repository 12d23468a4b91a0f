"""Declarative automation in place of the sensors that launch runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from mlops_assets.naming import (
    CHAMPION_ALIAS,
    CHAMPION_MODEL,
    EXPLANATION_REPORT,
    PERFORMANCE,
    PERFORMANCE_CALIBRATION,
    REGISTRY,
    ModelNames,
)
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.shared import shared_resource
from mlops_assets.sensors.alerts import alert_stale
from mlops_assets.sensors.champion import champion_situation, champion_token, note_move
from mlops_assets.sensors.holds import inputs_token, reason_without_champion, reason_without_inputs
from mlops_assets.sensors.inputs import inputs_situation, published_listing
from mlops_assets.sensors.moves import Asked
from mlops_assets.sensors.published import PublishedTables
from mlops_assets.sensors.watch import Request, Watch, evaluate_tick
from mlops_assets.settings.sensors import RepeatingSensorSettings
from mlops_assets.settings.tables import InputsSettings

MOVE = "move"
# All that is automated: the whole graph.
JOB = "explanations"

Defaults = Mapping[str, dg.ResourceDefinition]


def with_conditions(names: ModelNames, assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with the condition that they are renewed when something before them was, and its blocking checks let
    it pass; `champion_model` depends on what the alias points at.

    Dagster judges a tick as a whole: a change that is reported between the end of a run and the next evaluation counts
    as handled by that run. The interval of ``sensors.automation`` bounds this window; the sensors have none.
    """
    condition = dg.AutomationCondition.eager() & checks_let_pass()

    # What outcomes say comes later, if ever: the report shows it and does not wait for it.
    later = dg.AssetSelection.assets(names.key(PERFORMANCE), names.key(PERFORMANCE_CALIBRATION))

    def with_condition(spec: dg.AssetSpec) -> dg.AssetSpec:
        if spec.key == names.key(EXPLANATION_REPORT):
            return spec.replace_attributes(automation_condition=condition.ignore(later))
        first = spec.key == names.key(CHAMPION_MODEL)
        deps = [*spec.deps, dg.AssetDep(names.key(CHAMPION_ALIAS))] if first else spec.deps
        return spec.replace_attributes(automation_condition=condition, deps=deps)

    return [asset.map_asset_specs(with_condition) for asset in assets]


def checks_let_pass() -> dg.AutomationCondition[Any]:
    """Each upstream asset's blocking checks have passed, or it is renewed in the same run.

    `AutomationCondition.all_deps_blocking_checks_passed` asks that checks be requested by conditions of their own, and
    would cut the family into one run per asset. Checks without conditions ride along with their asset, and a blocking
    one that fails stops the assets behind it within the run.
    """
    passed = dg.AutomationCondition.all_checks_match(dg.AutomationCondition.check_passed(), blocking_only=True)
    together = dg.AutomationCondition.will_be_requested()
    return dg.AutomationCondition.all_deps_match(passed | together).with_label("blocking_checks_let_pass")


def alias_asset_spec(names: ModelNames, alias: str) -> dg.AssetSpec:
    """What the alias points at, as an external asset: a sensor reports its moves."""
    return dg.AssetSpec(
        names.key(CHAMPION_ALIAS),
        description=f"What {names.model}@{alias} points at in MLflow's registry: a version and its digest. External: "
        "people move it, a sensor reports each move, and champion_model is then renewed.",
        group_name=names.group,
        kinds={"mlflow"},
    )


def automation_sensors(
    names: ModelNames,
    alias: str,
    settings: RepeatingSensorSettings,
    inputs: InputsSettings,
    journal: ChampionJournal,
    root: Path,
    defaults: Defaults,
) -> list[dg.SensorDefinition]:
    """The evaluation of the family's conditions, and reports of the alias and of the input files to start it."""
    sensors: list[dg.SensorDefinition] = [
        dg.AutomationConditionSensorDefinition(
            f"{names.slug}_automation",
            target=dg.AssetSelection.groups(names.group),
            default_status=settings.default_status,
            minimum_interval_seconds=settings.interval_seconds,
            description=f"Renews the assets of {names.model} when what they are made from was renewed. Switch it on "
            "for declarative automation in place of the champion and inputs sensors.",
        ),
        _alias_report(names, alias, settings, inputs, root, journal, defaults),
    ]
    return [*sensors, _inputs_report(names, alias, settings, inputs, root, defaults)] if inputs.path else sensors


def _alias_report(
    names: ModelNames,
    alias: str,
    settings: RepeatingSensorSettings,
    inputs: InputsSettings,
    root: Path,
    journal: ChampionJournal,
    defaults: Defaults,
) -> dg.SensorDefinition:
    key = names.key(CHAMPION_ALIAS)

    @dg.sensor(
        name=f"{names.slug}_champion_report",
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Reports each move of {names.model}@{alias} to Dagster; launches nothing.",
    )
    @redact_errors
    def champion_report(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance, subject, sensor = context.instance, f"{names.model}@{alias}", f"{names.slug}_champion_report"
        with shared_resource(context, REGISTRY, defaults) as registry:
            return evaluate_tick(
                context,
                Watch(
                    subject,
                    look=lambda: champion_token(registry, names.model, alias),
                    asked=lambda: last_reported(instance, subject, key),
                    published=lambda _: PublishedTables.read(instance, names, JOB, all_of_them=False).champion,
                    situation=lambda look: champion_situation(instance, names, JOB, sensor, look),
                    act=lambda request: report(key, request),
                    retries=settings.retries,
                    tell=alert_stale(context, names, defaults),
                    hold=lambda: reason_without_inputs(instance, names, inputs, root),
                    noticed=lambda token: note_move(context, journal, alias, token),
                    slack=2.0 * settings.interval_seconds,
                ),
            )

    return champion_report


def _inputs_report(
    names: ModelNames,
    alias: str,
    settings: RepeatingSensorSettings,
    inputs: InputsSettings,
    root: Path,
    defaults: Defaults,
) -> dg.SensorDefinition:
    key = inputs.asset_key(names)

    @dg.sensor(
        name=f"{names.slug}_inputs_report",
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Reports to Dagster when files of {inputs.shown_path} change; launches nothing.",
    )
    @redact_errors
    def inputs_report(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        instance, subject, sensor = context.instance, f"{names.name}/inputs", f"{names.slug}_inputs_report"

        def asked() -> Asked:
            return last_reported(instance, subject, key)

        return evaluate_tick(
            context,
            Watch(
                subject,
                look=lambda: inputs_token(inputs, root),
                asked=asked,
                published=lambda token: published_listing(instance, names, token, asked),
                situation=lambda look: inputs_situation(instance, names, JOB, sensor, look),
                act=lambda request: report(key, request),
                retries=settings.retries,
                tell=alert_stale(context, names, defaults),
                hold=lambda: reason_without_champion(context, names, alias, defaults),
                forgets=False,
                slack=2.0 * settings.interval_seconds,
            ),
        )

    return inputs_report


def report(key: dg.AssetKey, request: Request) -> dg.AssetMaterialization:
    """The event that says what an external asset is now; it carries its move, so that none is reported twice.

    Reported again, it makes Dagster renew what is behind it again.
    """
    return dg.AssetMaterialization(
        key, metadata={"is": request.token, MOVE: request.key}, tags={"dagster/data_version": request.token}
    )


def last_reported(instance: dg.DagsterInstance, subject: str, key: dg.AssetKey) -> Asked:
    """The move that was reported last of an external asset."""
    event = instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    move = materialization.metadata.get(MOVE) if materialization else None
    return Asked.of_keys(subject, [str(move.value)] if move else [])
