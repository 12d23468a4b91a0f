"""Tables as streams of Arrow batches: where they are, how they are read, keyed, hashed, published. Pure: no dagster."""
