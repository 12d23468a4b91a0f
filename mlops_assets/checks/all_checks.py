"""All asset checks of one model."""

import dagster as dg

from mlops_assets.checks.explanations import explanation_checks
from mlops_assets.checks.model import champion_checks
from mlops_assets.checks.model_explanations import model_explanations_checks
from mlops_assets.checks.signature import signature_checks
from mlops_assets.checks.tables import prediction_checks, rejection_checks, sample_checks
from mlops_assets.family import Family


def family_checks(family: Family) -> list[dg.AssetChecksDefinition]:
    """Each tells in its metadata what it compared. Structural failures block what comes after; the rest warn."""
    return [
        champion_checks(family),
        signature_checks(family),
        sample_checks(family),
        rejection_checks(family),
        prediction_checks(family),
        explanation_checks(family),
        model_explanations_checks(family),
    ]
