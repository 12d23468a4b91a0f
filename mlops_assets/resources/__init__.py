"""Dagster resources: the MLflow registry, signers, loaders, the notifier."""
