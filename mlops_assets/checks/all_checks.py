"""All asset checks of one model."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg

from mlops_assets.checks.changes import changes_checks
from mlops_assets.checks.drift import drift_checks
from mlops_assets.checks.explanations import explanation_checks
from mlops_assets.checks.interactions import interaction_checks
from mlops_assets.checks.model import champion_checks
from mlops_assets.checks.model_explanations import model_explanations_checks
from mlops_assets.checks.performance import performance_checks
from mlops_assets.checks.predictions import prediction_checks
from mlops_assets.checks.reasons import reasons_checks
from mlops_assets.checks.samples import rejection_checks, sample_checks
from mlops_assets.checks.signature import signature_checks
from mlops_assets.engines.engine import Engine
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.naming import ModelNames
from mlops_assets.settings.explain import ExplainSettings
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.settings.monitor import MonitorSettings
from mlops_assets.settings.outcomes import OutcomesSettings


def all_checks(
    names: ModelNames,
    contract: ContractSettings,
    explain: ExplainSettings,
    rules: ReasonRules | None,
    outcomes: OutcomesSettings | None,
    monitor: MonitorSettings | None,
    engine: Callable[[], Engine],
    root: Path,
) -> list[dg.AssetChecksDefinition]:
    """The checks of one model. Structural failures block what comes after; the rest warn.

    The metadata of each result says what was compared. `rules`: of the reasons; None: there are none. `monitor`:
    likewise, of drift.
    """
    of_reasons = []
    if rules is not None and explain.reasons is not None:
        of_reasons.append(reasons_checks(names, rules, explain.reasons.max_unstable))
    of_changes = [] if explain.changes is None else changes_checks(names, explain, engine)
    on_interactions = [] if explain.interaction_table is None else [interaction_checks(names, explain, engine)]
    on_drift = [] if monitor is None else [drift_checks(names, monitor.false_alarm_rate)]
    return [
        champion_checks(names),
        signature_checks(names, contract),
        sample_checks(names, engine, root),
        rejection_checks(names),
        prediction_checks(names, engine),
        explanation_checks(names, explain, engine),
        model_explanations_checks(names, explain, engine),
        *of_reasons,
        *on_interactions,
        *of_changes,
        *([] if outcomes is None else [performance_checks(names, outcomes)]),
        *on_drift,
    ]
