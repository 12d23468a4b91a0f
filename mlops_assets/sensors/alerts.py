"""Telling people through the notifier that a sensor's watch is not as it should be."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack

import dagster as dg

from mlops_assets.naming import NOTIFIER, ModelNames
from mlops_assets.resources.notifier import deliver
from mlops_assets.resources.shared import shared_resource


def alert_stale(
    context: dg.SensorEvaluationContext, names: ModelNames, defaults: Mapping[str, dg.ResourceDefinition]
) -> Callable[[str], bool]:
    """What tells people that a model's tables are stale, and why; it returns whether the message was delivered.

    A notifier that cannot even be made holds up no run either.
    """

    def tell(reason: str) -> bool:
        with ExitStack() as stack:
            try:
                notifier = stack.enter_context(shared_resource(context, NOTIFIER, defaults))
            except Exception as error:  # noqa: BLE001 - it is anybody's code
                failure = type(error).__name__
                context.log.error(f"The resource {NOTIFIER} cannot be made ({failure}); nobody was told: {reason}")
                return False
            return deliver(notifier, f"{names.name}: stale", reason, context.log)

    return tell
