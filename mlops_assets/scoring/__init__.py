"""Predictions beside their row keys, as streams. Pure: no dagster."""
