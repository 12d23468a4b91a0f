"""Files that are written for a person: a model's YAML, and the project around it."""
