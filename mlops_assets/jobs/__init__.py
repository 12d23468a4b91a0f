"""Jobs beside the asset graph: signing a model, comparing two versions."""
