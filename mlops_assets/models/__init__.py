"""Resolve, pin, digest, trust and load registered models. Pure: no dagster."""
