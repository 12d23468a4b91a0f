"""The explainers, and how one is chosen for a model."""
