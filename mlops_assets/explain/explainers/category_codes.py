"""Columns of text as the codes that scikit-learn's histogram boosting gives its categories."""

from typing import Any

import numpy as np

from mlops_assets.trees.read_sklearn import text_categories


def as_category_codes(estimator: Any, data: Any) -> Any:
    """`data` (rows of what the estimator is given) with columns of categories that are no numbers as float64 codes.

    A category's code is its position in the order of the fitted encoder; a missing value and one that was not seen in
    training are NaN, as they are to the estimator. Anything else is returned unchanged.
    """
    known = text_categories(estimator)
    if not known:
        return data
    import pandas as pd

    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
    columns: dict[int, Any] = {place: frame.iloc[:, place] for place in range(frame.shape[1])}
    for place, categories in known.items():
        values = columns[place].astype(object)
        code = pd.Index(categories[~pd.isna(categories)], dtype=object).get_indexer(values).astype(np.float64)
        columns[place] = pd.Series(np.where((code < 0) | values.isna(), np.nan, code), index=frame.index)
    return pd.DataFrame(columns)
