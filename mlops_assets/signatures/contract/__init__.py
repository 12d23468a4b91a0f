"""The contract: a signature's inputs and outputs, applied row by row."""
