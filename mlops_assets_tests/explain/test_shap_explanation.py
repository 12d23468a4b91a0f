"""A ledger as shap's own object."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets import shap_explanation
from mlops_assets.errors import ConfigurationError

pytest.importorskip("shap")


def ledger(outputs: tuple[str, ...] = ("risk",)) -> pd.DataFrame:
    rows = [
        {"key": key, "output": output, "base_value": 1.0 + place, "shap_a": key + place, "shap_b": -1.0}
        for key in (3, 1)
        for place, output in enumerate(outputs)
    ]
    return pd.DataFrame(rows).assign(explained_value=0.0, residual=0.0, space="identity")


SAMPLES = pd.DataFrame({"key": [1, 2, 3], "a": [10, 20, 30], "b": [True, False, True], "c": ["x", "y", "z"]})


def test_values_base_and_data_are_those_of_each_row_in_the_ledgers_order():
    made = shap_explanation(pa.Table.from_pandas(ledger()), SAMPLES)
    assert made.values.tolist() == [[3.0, -1.0], [1.0, -1.0]]
    assert made.base_values.tolist() == [1.0, 1.0]
    assert made.data.tolist() == [[30.0, 1.0], [10.0, 1.0]]
    assert made.data.dtype == np.float64
    assert made.feature_names == ["a", "b"]
    assert shap_explanation(ledger()).data is None


def test_text_stays_text():
    named = ledger().rename(columns={"shap_b": "shap_c"})
    assert shap_explanation(named, SAMPLES).data.tolist() == [[30, "z"], [10, "x"]]


def test_one_of_several_outputs_is_named():
    both = ledger(("no", "yes"))
    assert shap_explanation(both, output="yes").values.tolist() == [[4.0, -1.0], [2.0, -1.0]]
    with pytest.raises(ConfigurationError, match=r"explains 2 outputs .*output='no'; there are no, yes"):
        shap_explanation(both)
    with pytest.raises(ConfigurationError, match="explains no output 'maybe'"):
        shap_explanation(both, output="maybe")


@pytest.mark.parametrize(
    ("explanations", "samples", "message"),
    [
        (SAMPLES, None, "holds no attributions"),
        (3, None, "A int is not a table"),
        (ledger(), SAMPLES.drop(columns="a"), r"lack the columns \['a'\]"),
        (ledger(), SAMPLES.iloc[:2], "are not among the samples"),
        (ledger(), SAMPLES.iloc[:0], "are not among the samples"),
        (ledger().assign(key=["x", "y"]), SAMPLES, "row key column 'key' is int64 in the samples and string"),
    ],
)
def test_what_does_not_fit_is_refused(explanations, samples, message):
    with pytest.raises(ConfigurationError, match=message):
        shap_explanation(explanations, samples)
