"""Declarative automation in place of the sensors that launch runs."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from mlops_assets.family import Family
from mlops_assets.naming import REGISTRY
from mlops_assets.sensors.champion import champion_token, note_move, published_token
from mlops_assets.sensors.inputs import inputs_token, was_scored
from mlops_assets.sensors.watch import watch

ALIAS, MOVE = "champion_alias", "move"


def automated(family: Family, assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The assets with the condition that they are renewed when something before them was, and its blocking checks let
    it pass; `champion_model` depends on what the alias points at.

    Dagster judges a tick as a whole: a change that is reported between the end of a run and the next evaluation counts
    as handled by that run. The interval of ``sensors.automation`` bounds this window; the sensors have none.
    """
    condition = dg.AutomationCondition.eager() & checks_let_pass()

    def conditioned(spec: dg.AssetSpec) -> dg.AssetSpec:
        first = spec.key == family.key("champion_model")
        deps = [*spec.deps, dg.AssetDep(family.key(ALIAS))] if first else spec.deps
        return spec.replace_attributes(automation_condition=condition, deps=deps)

    return [asset.map_asset_specs(conditioned) for asset in assets]


def checks_let_pass() -> dg.AutomationCondition[Any]:
    """Each upstream asset's blocking checks have passed, or it is renewed in the same run.

    `AutomationCondition.all_deps_blocking_checks_passed` asks that checks be requested by conditions of their own, and
    would cut the family into one run per asset. Checks without conditions ride along with their asset, and a blocking
    one that fails stops the assets behind it within the run.
    """
    passed = dg.AutomationCondition.all_checks_match(dg.AutomationCondition.check_passed(), blocking_only=True)
    together = dg.AutomationCondition.will_be_requested()
    return dg.AutomationCondition.all_deps_match(passed | together).with_label("blocking_checks_let_pass")


def alias_spec(family: Family, alias: str) -> dg.AssetSpec:
    """What the alias points at, as an external asset: a sensor reports its moves."""
    return dg.AssetSpec(
        family.key(ALIAS),
        description=f"What {family.model}@{alias} points at in the registry. External: people move it.",
        group_name=family.group,
        kinds={"mlflow"},
    )


def automation_sensors(family: Family, alias: str) -> list[dg.SensorDefinition]:
    """The evaluation of the family's conditions, and reports of the alias and of the input files to start it."""
    settings = family.settings.sensors.automation
    sensors: list[dg.SensorDefinition] = [
        dg.AutomationConditionSensorDefinition(
            f"{family.slug}_automation",
            target=dg.AssetSelection.groups(family.group),
            default_status=settings.default_status,
            minimum_interval_seconds=settings.interval_seconds,
            description=f"Renews the assets of {family.model} when what they are made from was renewed.",
        ),
        _alias_report(family, alias),
    ]
    return [*sensors, _inputs_report(family)] if family.settings.inputs.path else sensors


def _alias_report(family: Family, alias: str) -> dg.SensorDefinition:
    settings, key = family.settings.sensors.automation, family.key(ALIAS)

    @dg.sensor(
        name=f"{family.slug}_champion_report",
        required_resource_keys={REGISTRY},
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Reports each move of {family.model}@{alias} to Dagster; launches nothing.",
    )
    def champion_report(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return watch(
            context,
            f"{family.model}@{alias}",
            look=lambda: champion_token(getattr(context.resources, REGISTRY), family.model, alias),
            last_key=lambda: last_move(context.instance, key),
            published=lambda _: published_token(context.instance, family),
            act=lambda move, token: report(key, move, token),
            noticed=lambda token: note_move(context, family, alias, token),
        )

    return champion_report


def _inputs_report(family: Family) -> dg.SensorDefinition:
    settings, key = family.settings.sensors.automation, family.inputs_key

    @dg.sensor(
        name=f"{family.slug}_inputs_report",
        default_status=settings.default_status,
        minimum_interval_seconds=settings.interval_seconds,
        description=f"Reports to Dagster when files of {family.settings.inputs.path} change; launches nothing.",
    )
    def inputs_report(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        return watch(
            context,
            f"{family.model}/inputs",
            look=lambda: inputs_token(family),
            last_key=lambda: last_move(context.instance, key),
            published=lambda token: token if was_scored(context.instance, family) else None,
            act=lambda move, token: report(key, move, token),
        )

    return inputs_report


def report(key: dg.AssetKey, move: str, token: str) -> dg.AssetMaterialization:
    """The event that says what an external asset is now; it carries its move, so that none is reported twice."""
    return dg.AssetMaterialization(key, metadata={"is": token, MOVE: move}, tags={"dagster/data_version": token})


def last_move(instance: dg.DagsterInstance, key: dg.AssetKey) -> str | None:
    """The move that was reported last of an external asset."""
    event = instance.get_latest_materialization_event(key)
    materialization = event.asset_materialization if event else None
    move = materialization.metadata.get(MOVE) if materialization else None
    return str(move.value) if move else None
