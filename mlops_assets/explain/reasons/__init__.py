"""The reasons of each row in words: the first attributions of the ledger, with codes and approved texts."""
