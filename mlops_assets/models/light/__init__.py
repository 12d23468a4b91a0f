"""A pinned version read without MLflow, skops and scikit-learn, whose imports take seconds: for one row, at the shell.

Where something cannot be read so, `NotLightError` is raised, and the caller takes the usual way.
"""
