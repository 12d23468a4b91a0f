"""The examples of docs/extend.md, as one module, in the real graph."""

import importlib
import multiprocessing
import os
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from sklearn.linear_model import LinearRegression

import mlops_assets
from mlops_assets_tests.engines.squares import squares

PAGE = (Path(__file__).parent.parent / "docs" / "extend.md").read_text("utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def strategies(tmp_path, monkeypatch):
    """What the page shows, written into the module that its YAML names."""
    (tmp_path / "my_strategies.py").write_text("\n\n".join(SNIPPETS), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    # Another test has a module of this name.
    monkeypatch.delitem(sys.modules, "my_strategies", raising=False)
    importlib.invalidate_caches()
    yield importlib.import_module("my_strategies")
    sys.modules.pop("my_strategies")


@pytest.mark.slow
def test_a_model_uses_them_all(strategies, registry, run, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 3)), columns=list("abc"))
    model = LinearRegression().fit(frame, frame @ [1.0, 2.0, -3.0] + 0.5)
    registry.add_sklearn(model, frame, signature=None)
    settings = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0])
    settings["outputs"]["path"] = "tables"
    # Each of its processes pays the imports again for every asset: it has a test of its own.
    assert settings.pop("engine") == {"KIND": "my_strategies.PoolEngine", "processes": 2}
    frame.to_parquet(tmp_path / "inputs.parquet")
    done = run({"path": "inputs.parquet", "columns": list("abc")}, **settings)
    assert done.success

    with pa.OSFile(str(done.tables / "predictions.arrow")) as file:
        predictions = pa.ipc.open_file(file).read_pandas()
    assert predictions["prediction"].to_numpy() == pytest.approx(model.predict(frame), abs=1e-12)
    with pa.OSFile(str(done.tables / "sample_explanations.arrow")) as file:
        ledger = pa.ipc.open_file(file).read_pandas()
    # Of a linear model the walk gives what every order gives: coefficient times distance from the typical row.
    steps = ledger[["shap_a", "shap_b", "shap_c"]]
    apart = steps / model.coef_ - frame.to_numpy()
    assert np.ptp(apart.to_numpy(), axis=0) == pytest.approx(0, abs=1e-9)
    assert (ledger["base_value"] + steps.sum(axis=1)).to_numpy() == pytest.approx(model.predict(frame), abs=1e-9)
    # The model has no signature, so that the signer has work.
    failed = [name for name, check in done.checks.items() if not check.passed]
    assert failed == [("champion_model", "has_signature")]

    assert "nightly" in (tmp_path / "loaded_models.log").read_text("utf-8")
    columns = done.metadata("model_signature")["signature"].records
    assert [record.data["required"] for record in columns if record.data["part"] == "input"] == [False] * 3


@pytest.mark.slow
def test_the_engine_runs_tasks_reports_them_and_stops(strategies, tmp_path):
    engine, before = strategies.PoolEngine(), set(multiprocessing.active_children())
    ends = list(engine.run_tasks(squares(tmp_path, range(6))))
    assert sorted((end.number, end.report.square) for end in ends) == [(number, number**2) for number in range(6)]
    assert os.getpid() not in {end.report.process for end in ends}
    for fault, error in (("own", mlops_assets.PredictionError), ("dies", mlops_assets.WorkerError)):
        with pytest.raises(error):
            list(engine.run_tasks(squares(tmp_path, range(6), _2=fault)))
    assert set(multiprocessing.active_children()) <= before


def test_the_notifier_writes(strategies, tmp_path):
    strategies.FileNotifier().notify("churn", "done")
    assert (tmp_path / "messages.txt").read_text("utf-8") == "churn: done\n"


def test_a_setting_that_is_not_allowed_is_refused(strategies, run):
    with pytest.raises(mlops_assets.ConfigurationError, match="processes is 0"):
        run(
            {"path": "x.parquet"},
            engine={"KIND": "my_strategies.PoolEngine", "processes": 0},
        )


def test_every_strategy_has_an_example(strategies):
    bases = re.findall(r"\| `(\w+)`", PAGE)
    assert set(bases) == {"Signer", "Loader", "Explainer", "Engine", "FileTableIOManager", "Notifier"}
    own = [kind for kind in vars(strategies).values() if getattr(kind, "__module__", "") == "my_strategies"]
    for base in bases:
        assert any(isinstance(kind, type) and issubclass(kind, getattr(mlops_assets, base)) for kind in own), base
