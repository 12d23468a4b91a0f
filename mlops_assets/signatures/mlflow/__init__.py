"""MLflow's types, its JSON and its enforcement."""
