"""Models as data scientists train and log them: each file is a script of theirs, run in a folder of its own.

A script writes the table to score into ``data/<name>.parquet`` (with the key ``id``), logs and registers its model as its
file is called, and gives it the alias Champion. What the model predicts for that table is the value ``predictions``.
"""
