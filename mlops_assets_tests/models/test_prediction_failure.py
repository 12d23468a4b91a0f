"""What is said of a model that fails on rows."""

import pandas as pd

from mlops_assets.models.prediction_failure import describe_failure


def test_columns_that_lack_values_are_named_and_advised_on():
    rows = pd.DataFrame({"age": [1.0, None], "plan": ["a", "b"]})
    text = str(describe_failure(ValueError("Input X contains NaN: 1.0"), rows, "models:/m/1", None))
    assert "values are missing in age" in text
    assert "Fill the missing values if the model takes none. " in text
    assert "1.0" not in text


def test_nothing_is_said_of_missing_values_where_there_are_none():
    text = str(describe_failure(ValueError(), pd.DataFrame({"age": [1.0]}), "models:/m/1", None))
    assert "missing" not in text
