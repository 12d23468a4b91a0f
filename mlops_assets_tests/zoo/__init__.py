"""The agreement zoo: small models of every kind, each explained as the graph explains it and compared with referees.

A `Case` fits one model; `play` logs, pins, loads, chooses, explains and scores it, and compares the ledger with the
library's own margin, with its own contributions, and with Shapley's formula over all subsets of columns.
``python -m mlops_assets_tests.zoo`` prints the table; docs/explain.md holds the part that a user reads.

To add cases: a module with ``CASES: tuple[Case, ...]``, named in `mlops_assets_tests.zoo.cases`.
"""
