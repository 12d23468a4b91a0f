"""Delta tables, as inputs and as published tables."""
