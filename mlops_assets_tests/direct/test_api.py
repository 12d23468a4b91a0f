"""`mlops_assets.explain` is a function and a room; arguments that are no setting are refused."""

import inspect
import subprocess
import sys

import pandas as pd
import pytest

import mlops_assets
from mlops_assets.direct.api import explain
from mlops_assets.errors import ConfigurationError


def test_the_room_can_be_called_and_imported_from():
    import mlops_assets.explain.compare.receipt as receipt
    from mlops_assets import explain as public

    assert receipt.Receipt.__module__ == "mlops_assets.explain.compare.receipt"
    for each in (public, mlops_assets.explain):
        assert callable(each)
        assert inspect.signature(each) == inspect.signature(explain)
    assert mlops_assets.explain.compare is sys.modules["mlops_assets.explain.compare"]
    with pytest.raises(ConfigurationError, match="names no model"):
        mlops_assets.explain("a/b", pd.DataFrame({"a": [1.0]}))


@pytest.mark.slow
def test_the_functions_do_not_import_dagster():
    code = "import sys, mlops_assets; mlops_assets.score, mlops_assets.explain; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ({"method": "predict_probe"}, "did you mean 'predict_proba'"),
        ({"missing": "keep"}, "Use reject or allow"),
        ({"max_rejected": 1.5}, "fraction from 0.0 to 1.0"),
        ({"max_rejected": -1}, "max_rejected is -1"),
        ({"max_rejected": "few"}, "max_rejected is 'few'"),
        ({"limit": -1}, "limit is -1"),
        ({"format": "csv"}, "the table is in memory"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, fact, registry):
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    if "workers" in arguments:
        from sklearn.linear_model import LinearRegression

        registry.add_sklearn(LinearRegression().fit(frame, frame.a), frame)
    with pytest.raises(ConfigurationError, match=fact):
        mlops_assets.score("m", frame, tracking_uri=registry.uri, **arguments)
