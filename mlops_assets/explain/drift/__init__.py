"""Profiles of a run's tables, which merge, and the comparison of two of them."""
