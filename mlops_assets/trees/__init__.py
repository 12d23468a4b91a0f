"""Tree ensembles as arrays: readers, exact Shapley values, fast predictions. Knows numpy and numba alone."""
