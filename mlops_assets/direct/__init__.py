"""Score and explain a table directly: what the graph does with it, in one process and without Dagster."""
