"""Where work is done: in this process, in others beside it, on a Spark cluster. Pure: no dagster."""
