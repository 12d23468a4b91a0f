"""How far long work is: counted where it is done, reported to whoever listens."""
