"""Telling people through the notifier that a sensor's watch is not as it should be."""

from collections.abc import Callable, Mapping

import dagster as dg

from mlops_assets.naming import NOTIFIER, ModelNames
from mlops_assets.resources.notifier import deliver
from mlops_assets.resources.shared import shared_resource


def alert_stale(
    context: dg.SensorEvaluationContext, names: ModelNames, defaults: Mapping[str, dg.ResourceDefinition]
) -> Callable[[str], bool]:
    """What tells people that a model's tables are stale, and why; it returns whether the message was delivered."""

    def tell(reason: str) -> bool:
        with shared_resource(context, NOTIFIER, defaults) as notifier:
            return deliver(notifier, f"{names.name}: stale", reason, context.log)

    return tell
