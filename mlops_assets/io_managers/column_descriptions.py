"""What the columns of a published table mean, as the table's own provenance says."""

import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.explain.compare.change_summary import ChangesOrigin
from mlops_assets.explain.compare.column_descriptions import describe_change_summary, describe_changes
from mlops_assets.explain.drift.column_descriptions import describe_drift, describe_profile
from mlops_assets.explain.ledger.column_descriptions import (
    describe_background,
    describe_interactions,
    describe_ledger,
    describe_summary,
)
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.reasons.column_descriptions import describe_reasons, describe_wide
from mlops_assets.naming import (
    BACKGROUND,
    CHANGE_SUMMARY,
    CHANGES,
    DRIFT,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    PERFORMANCE,
    PERFORMANCE_CALIBRATION,
    PREDICTIONS,
    PREDICTIONS_EXPLAINED,
    PREDICTIONS_WITH_REASONS,
    PROFILE,
    REASONS,
    REFERENCE_PROFILE,
    REJECTED_SAMPLES,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
)
from mlops_assets.performance.tables import CALIBRATION_DESCRIPTIONS, DESCRIPTIONS
from mlops_assets.scoring.column_descriptions import describe_joined, describe_predictions, describe_samples
from mlops_assets.scoring.provenance import PredictionsProvenance


def describe_columns(asset: str, schema: pa.Schema, space: str | None = None) -> dict[str, str]:
    """A description of each column; none for a table of somebody else's asset.

    Parameters
    ----------
    schema
        The published table's, with its metadata.
    space
        The unit of `model_explanations`, whose own metadata does not name it; None: not known.
    """
    provenance = Provenance.of(schema)
    if provenance.model is None:
        return {}
    columns, row_key = schema.names, provenance.row_key
    if asset in (INPUT_SAMPLES, REJECTED_SAMPLES):
        return describe_samples(columns, row_key)
    if asset == PREDICTIONS:
        return describe_predictions(columns, row_key, PredictionsProvenance.of(provenance).predict_method)
    if asset == SAMPLE_EXPLANATIONS:
        origin = LedgerProvenance.of(provenance)
        return describe_ledger(columns, row_key, origin.features, origin.space)
    if asset == SAMPLE_INTERACTIONS:
        return describe_interactions(columns, row_key, LedgerProvenance.of(provenance).space)
    if asset == PREDICTIONS_EXPLAINED:
        origin = LedgerProvenance.of(provenance)
        return describe_joined(columns) | describe_ledger(columns, row_key, origin.features, origin.space)
    if asset == REASONS:
        return describe_reasons(columns, row_key, LedgerProvenance.of(provenance).space)
    if asset == PREDICTIONS_WITH_REASONS:
        return describe_joined(columns) | describe_wide(columns, row_key)
    if asset == CHANGES:
        of_both = ChangesOrigin.of(provenance).features
        return describe_changes(columns, row_key, of_both, LedgerProvenance.of(provenance).space)
    if asset == CHANGE_SUMMARY:
        return describe_change_summary(columns, LedgerProvenance.of(provenance).space)
    if asset == PERFORMANCE:
        return DESCRIPTIONS
    if asset == PERFORMANCE_CALIBRATION:
        return CALIBRATION_DESCRIPTIONS
    if asset == DRIFT:
        return describe_drift(columns)
    if asset in (PROFILE, REFERENCE_PROFILE):
        return describe_profile(columns)
    if asset == BACKGROUND:
        return describe_background(columns)
    return describe_summary(columns, space) if asset == MODEL_EXPLANATIONS else {}
