"""Equality that minds types: what MLflow may not change, down to the numpy scalar inside a dict inside a cell."""

import numpy as np
import pandas as pd


def same(left, right) -> bool:
    """Whether two values are of the same type and equal; NaN equals NaN."""
    if isinstance(left, pd.DataFrame):
        return (
            isinstance(right, pd.DataFrame)
            and list(left.columns) == list(right.columns)
            and len(left) == len(right)
            and all(_same_column(left[name], right[name]) for name in left)
        )
    if isinstance(left, dict):
        return isinstance(right, dict) and list(left) == list(right) and all(same(left[k], right[k]) for k in left)
    if isinstance(left, np.ndarray):
        return (
            isinstance(right, np.ndarray)
            and left.dtype == right.dtype
            and left.shape == right.shape
            and all(same(a, b) for a, b in zip(left.ravel(), right.ravel(), strict=True))
        )
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(same(a, b) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, np.datetime64 | pd.Timestamp):
        # MLflow makes a Timestamp of the datetime64 inside an object, and refuses a Timestamp there.
        return isinstance(right, np.datetime64 | pd.Timestamp) and _same_time(pd.Timestamp(left), pd.Timestamp(right))
    return type(left) is type(right) and bool(left == right or (left != left and right != right))


def _same_time(left, right) -> bool:
    return bool(left == right or (pd.isna(left) and pd.isna(right)))


def _same_column(left, right) -> bool:
    # A column of no rows has no values that could change.
    return (left.dtype == right.dtype or len(left) == 0) and all(same(a, b) for a, b in zip(left, right, strict=True))
