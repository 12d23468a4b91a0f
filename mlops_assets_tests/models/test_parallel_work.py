"""How many threads and processes a model works with is this machine's business, not the file's."""

import os

import numpy as np
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_assets.models.load import load_native
from mlops_assets_tests.models.conftest import REFERENCE, save_sklearn

X, Y = load_iris(return_X_y=True)


def test_no_more_threads_than_cores_and_no_processes(tmp_path):
    columns = ColumnTransformer([("a", StandardScaler(), [0]), ("b", StandardScaler(), [1])], n_jobs=1024)
    forest = RandomForestClassifier(2, n_jobs=np.int64(1024), random_state=0)
    model = make_pipeline(columns, forest)
    model.set_params(columntransformer__n_jobs=1).fit(X, Y).set_params(columntransformer__n_jobs=1024)
    loaded = load_native(save_sklearn(model, tmp_path / "model"), REFERENCE)
    assert loaded.native[0].n_jobs is None
    assert loaded.native[1].n_jobs == 1
    model.set_params(columntransformer__n_jobs=1)
    assert np.array_equal(loaded.native.predict_proba(X), model.predict_proba(X))


def test_what_the_model_asks_for_stays_where_the_machine_has_it(tmp_path):
    for number, (model, name, value) in enumerate(
        [
            (KNeighborsClassifier(2, n_jobs=-1).fit(X, Y), "n_jobs", -1),
            (RandomForestClassifier(2, n_jobs=1).fit(X, Y), "n_jobs", 1),
            (LogisticRegression().fit(X, Y), "n_jobs", None),
            (KMeans(2, n_init=1).fit(X), "_n_threads", min(os.cpu_count(), 10**6)),
        ]
    ):
        loaded = load_native(save_sklearn(model, tmp_path / str(number)), REFERENCE)
        assert vars(loaded.native)[name] == value
