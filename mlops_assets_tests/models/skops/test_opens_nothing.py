"""While a model is judged, loaded, asked and explained, nothing outside its folder and the libraries is opened."""

import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlops_assets_tests.models.conftest import save_sklearn
from mlops_assets_tests.models.skops.edits import change, data, find, put

# The hook stays as long as its process does, so each model gets one of its own. Everything that is imported when it is
# needed is opened before: a first model, of the same kind and not hostile, goes all the way.
SCRIPT = textwrap.dedent(
    """
    import os, sys, sysconfig
    from pathlib import Path

    import pandas as pd

    from mlops_assets.errors import MlopsAssetsError
    from mlops_assets.explain.explainers.choose import choose_explainer  # noqa: F401
    from mlops_assets.models.load import LOADED_MODELS, load_native
    from mlops_assets.models.mlmodel import ModelDescription
    from mlops_assets.models.trust import TrustPolicy
    from mlops_assets_tests.models.conftest import REFERENCE

    folder, rows = Path(sys.argv[1]), pd.read_json(sys.argv[2], orient="split")
    libraries = [sys.prefix, sys.base_prefix, sysconfig.get_paths()["stdlib"], os.getcwd(), str(folder)]
    libraries += ["/proc/self", "/proc/cpuinfo", "/sys/", "/proc/stat", "/proc/meminfo"]
    libraries += ["/dev/shm/sem.", "/dev/shm/__KMP"]
    watching, seen = False, []


    def hook(event, arguments):
        if not watching:
            return
        if event == "open" and isinstance(arguments[0], str | bytes):
            path = os.fsdecode(arguments[0])
            inside = os.path.realpath(path).startswith(tuple(map(os.path.realpath, libraries)))
            if not inside and "mlops-assets-" not in path:
                seen.append((event, path))
        elif event.startswith(("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "os.po")):
            seen.append((event, str(arguments)[:100]))


    def go():
        LOADED_MODELS.clear()
        TrustPolicy().check(ModelDescription.read(folder), REFERENCE)
        loaded = load_native(folder, REFERENCE)
        answer = loaded.predict(rows)
        import shap
        if hasattr(loaded.native, "tree_") or hasattr(loaded.native, "estimators_"):
            shap.TreeExplainer(loaded.native).shap_values(rows.head(2).to_numpy(dtype="float64"))
        return answer


    sys.addaudithook(hook)
    try:
        go()
    except MlopsAssetsError:
        pass
    watching = True
    try:
        go()
        print("USED")
    except MlopsAssetsError as error:
        print("REFUSED", error)
    watching = False
    print("SEEN", seen)
    """
)
ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
TARGET = (ROWS["a"] > 0).astype(int)
TEXTS = pd.DataFrame({"text": ["one text", "two texts", "no text"]})


def run(folder, rows, tmp_path) -> str:
    rows.to_json(tmp_path / "rows.json", orient="split")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(folder), str(tmp_path / "rows.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def words():
    return ColumnTransformer([("words", CountVectorizer(), "text")])


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(3),
        GradientBoostingClassifier(n_estimators=3),
        make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=3)),
        make_pipeline(ColumnTransformer([("a", OneHotEncoder(handle_unknown="ignore"), ["a"])]), SVC()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_model_opens_no_file_and_starts_nothing(model, tmp_path):
    saved = save_sklearn(model.fit(ROWS, TARGET), tmp_path / "model")
    output = run(saved, ROWS, tmp_path)
    assert "USED" in output
    assert "SEEN []" in output


@pytest.mark.slow
def test_a_model_that_would_open_what_its_rows_name_is_refused(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret of this machine")
    model = make_pipeline(words(), LogisticRegression()).fit(TEXTS, [0, 1, 0])
    saved = save_sklearn(model, tmp_path / "model")
    harmless = run(saved, TEXTS, tmp_path)
    bad = change(model, lambda schema: put(find(schema, "CountVectorizer"), "input", data("filename")))
    (saved / "model.skops").write_bytes(bad)
    output = run(saved, pd.DataFrame({"text": [str(secret)]}), tmp_path)
    assert "USED" in harmless
    assert "REFUSED" in output
    assert ".input` is 'filename'" in output
    assert "SEEN []" in output


@pytest.mark.slow
def test_the_hook_sees_what_such_a_model_would_open(tmp_path):
    """Otherwise the tests above would show nothing."""
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret of this machine")
    model = make_pipeline(words(), LogisticRegression()).fit(TEXTS, [0, 1, 0])
    saved = save_sklearn(model, tmp_path / "model")
    bad = change(model, lambda schema: put(find(schema, "CountVectorizer"), "input", data("filename")))
    (saved / "model.skops").write_bytes(bad)
    everything = SCRIPT.replace(
        "TrustPolicy()", 'TrustPolicy(trusted_types=frozenset({"sklearn.feature_extraction.text.CountVectorizer"}))'
    )
    (tmp_path / "script.py").write_text(everything)
    pd.DataFrame({"text": [str(secret)]}).to_json(tmp_path / "rows.json", orient="split")
    command = [sys.executable, str(tmp_path / "script.py"), str(saved), str(tmp_path / "rows.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert "USED" in done.stdout, done.stderr
    assert "secret.txt" in done.stdout
