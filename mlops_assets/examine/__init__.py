"""Examine a registered model and a table before anything is run, and propose the YAML that runs them."""
