"""Loaded by `mlops_assets.definitions`: one folder per registered model."""
