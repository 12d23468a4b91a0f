"""Places where files are kept: local folders and object stores, locks, paths of partitions. Pure: no dagster."""
