"""How right predictions were, once outcomes are known: metrics with intervals, comparisons, calibration. No dagster."""
