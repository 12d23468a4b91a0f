"""Tables as streams of Arrow batches: where they lie, how they are read, keyed, hashed, published. Pure: no dagster."""
