"""The settings of one registered model, one value per group of keys in its ``defs.yaml``."""
