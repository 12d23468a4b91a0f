"""Our own reader of skops files: it judges the state of every object in one before skops makes any.

skops checks the names of types; what a type does depends on what its objects hold. `judge_file` reads the schema as
plain data, each node once, and refuses by name whatever is not described here.
"""
