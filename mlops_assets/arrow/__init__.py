"""Streams of Arrow batches: cut, read ahead, keyed, hashed, spooled. Pure: no dagster."""
