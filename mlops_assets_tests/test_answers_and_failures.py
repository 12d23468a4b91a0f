"""From a model's answer to predictions, explanations and checks, and from its failure to a message: whole graphs."""

import sys

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, Schema
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS = 60
X = pd.DataFrame(np.random.default_rng(0).normal(size=(ROWS, 3)), columns=["age", "income", "debt"])
Y = (X["age"] + X["income"] / 2 + np.random.default_rng(1).normal(0, 0.6, ROWS) > 0.4).astype(int)
PICKLE = {"trust": {"allow_pickle": True}}
CLOUDPICKLE = {"serialization_format": "cloudpickle", "skops_trusted_types": None}


def stored(done):
    """The check that explanations are of the published predictions."""
    check = done.checks["sample_explanations", "explains_the_stored_prediction"]
    return check, {name: value.value for name, value in check.metadata.items()}


class TwoOfOneName(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        answer = np.column_stack([model_input["age"] * 2, model_input["income"]])
        return pd.DataFrame(answer, columns=["score", "score"])


def test_two_columns_of_one_name_are_predicted_and_explained(registry, run):
    registry.add_pyfunc(TwoOfOneName())
    done = run(X, **PICKLE)
    assert done.success
    predictions = done.table("predictions")
    np.testing.assert_allclose(predictions["score"], X["age"] * 2)
    np.testing.assert_allclose(predictions["score_1"], X["income"])
    ledger = done.table("sample_explanations")
    assert ledger["output"].unique().tolist() == ["score", "score_1"]
    assert len(done.table("model_explanations")) == 6
    check, found = stored(done)
    assert check.passed
    assert (found["compared"], found["rows"], found["different_rows"]) == ("the numbers", ROWS, 0)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (np.array([1.0, 2.0]), "double"),
        (np.array([0.0, 1.0]), "double"),
        (np.array([-1, 1]), "int64"),
        (np.array([False, True]), "bool"),
        (np.array(["no", "yes"]), "string"),
        (np.array([b"no", b"yes"]), "string"),
        (np.array(["2024-01-01", "2024-02-01"], dtype="datetime64[ns]"), "string"),
        (np.array([1.0, 2.0, 3.0]), "double"),
    ],
    ids=["floats", "0.0 and 1.0", "negative", "booleans", "text", "bytes", "dates", "three floats"],
)
def test_labels_of_any_type_are_compared_as_labels(registry, run, labels, kind):
    places = Y.to_numpy() + (X["debt"] > 1).to_numpy() * (len(labels) - 2)
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, labels[np.minimum(places, len(labels) - 1)])
    registry.add_sklearn(model, X, signature=ModelSignature(infer_signature(X).inputs), **CLOUDPICKLE)
    done = run(X, **PICKLE)
    assert done.success
    check, found = stored(done)
    assert check.passed
    assert (found["compared"], found["rows"], found["different_rows"]) == ("the label that the scores imply", ROWS, 0)
    assert done.metadata("sample_explanations")["explainer"] == "TreeExplainer"


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("kind", ["fixed", "tuned"])
def test_a_threshold_of_the_models_own_decides(registry, run, kind, positive):
    forest = RandomForestClassifier(5, max_depth=3, random_state=0)
    if kind == "fixed":
        model = FixedThresholdClassifier(forest, threshold=0.2, pos_label=positive, response_method="predict_proba")
    else:
        model = TunedThresholdClassifierCV(forest, scoring="recall" if positive else "accuracy", random_state=0, cv=3)
    model.fit(X, Y)
    threshold = 0.2 if kind == "fixed" else model.best_threshold_
    registry.add_sklearn(model, X, **CLOUDPICKLE)
    done = run(X, **PICKLE)
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == model.predict(X).tolist()
    check, found = stored(done)
    assert check.passed
    assert found["different_rows"] == 0
    second = threshold if positive or kind == "tuned" else 1 - threshold
    assert found["compared"] == f"the label that the scores imply from {second:.6g} on"


def test_the_check_sees_labels_of_another_threshold(registry, run):
    """A check that cannot fail is none: predictions replaced by those of another rule are found."""
    from mlops_assets.explain.compare.stored_predictions import compare_with_stored
    from mlops_assets.explain.ledger.provenance import LedgerProvenance
    from mlops_assets.explain.ledger.stored import StoredLedger
    from mlops_assets.storage.location import Location
    from mlops_assets.tables.parquet_writer import ParquetWriter

    model = FixedThresholdClassifier(LogisticRegression(), threshold=0.2, response_method="predict_proba").fit(X, Y)
    registry.add_sklearn(model, X, **CLOUDPICKLE)
    done = run(X, **PICKLE)
    dataset = ParquetWriter().read(Location.parse(done.tables / "sample_explanations"))
    ledger = StoredLedger.of(dataset)
    origin = LedgerProvenance.of(ledger.provenance)
    import pyarrow as pa

    usual = (model.predict_proba(X)[:, 1] > 0.5).astype(int)
    batch = pa.RecordBatch.from_pydict({"prediction": usual})
    found = compare_with_stored(
        ledger.rows(["explained_value"]), [batch], origin.outputs, origin.space, ["prediction"], origin.decision
    )
    assert found.different == int((usual != model.predict(X)).sum()) > 0


@pytest.mark.parametrize(
    ("method", "explainer", "space", "compared"),
    [
        ("predict_proba", "LinearExplainer", "log-odds", "the numbers"),
        ("predict_log_proba", "LinearExplainer", "log-odds", "the logarithms"),
        ("decision_function", "LinearExplainer", "log-odds", "the numbers"),
    ],
)
def test_a_linear_model_saved_with_another_method(registry, run, method, explainer, space, compared):
    model = LogisticRegression().fit(X, Y)
    answer = getattr(model, method)(X)
    signature = ModelSignature(infer_signature(X).inputs)
    registry.add_sklearn(model, X, signature=signature, pyfunc_predict_fn=method)
    done = run(X)
    assert done.success
    columns = [name for name in done.table("predictions") if name.startswith("prediction")]
    np.testing.assert_allclose(done.table("predictions")[columns].to_numpy().reshape(answer.shape), answer)
    assert done.metadata("sample_explanations")["explainer"] == explainer
    check, found = stored(done)
    assert (found["space"], found["compared"], found["different_rows"]) == (space, compared, 0)
    assert check.passed


def test_a_forest_saved_with_log_probabilities_is_explained_by_its_trees(registry, run):
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, Y + (X["debt"] > 1))
    signature = ModelSignature(infer_signature(X).inputs)
    registry.add_sklearn(model, X, signature=signature, pyfunc_predict_fn="predict_log_proba", **CLOUDPICKLE)
    done = run(X, **PICKLE)
    assert done.success
    ledger = done.table("sample_explanations")
    explained = ledger["explained_value"].to_numpy().reshape(ROWS, 3)
    np.testing.assert_allclose(explained, model.predict_proba(X), atol=1e-12)
    assert done.metadata("sample_explanations")["explainer"] == "TreeExplainer"
    check, found = stored(done)
    assert (check.passed, found["space"], found["compared"]) == (True, "probability", "the logarithms")


class Failing(mlflow.pyfunc.PythonModel):
    def __init__(self, how):
        self.how = how

    def predict(self, context, model_input, params=None):
        if self.how == "exit":
            sys.exit(0)
        if self.how == "memory":
            raise MemoryError
        if self.how == "recursion":
            return self.predict(context, model_input)
        if self.how == "module":
            raise ModuleNotFoundError("No module named 'absent_package'", name="absent_package")
        if self.how == "warning":
            raise DeprecationWarning("old")
        return model_input["salary"]


@pytest.mark.parametrize(
    ("how", "facts"),
    [
        ("key", ["with KeyError", "age: float64, income: float64, debt: float64"]),
        ("exit", ["by ending the process (SystemExit)", "instead of calling sys.exit()"]),
        ("memory", ["with MemoryError", "`predict: {batch_rows: 1000}`"]),
        ("recursion", ["with RecursionError", "sys.setrecursionlimit"]),
        ("module", ["with ModuleNotFoundError", "pip install absent_package"]),
        ("warning", ["with DeprecationWarning, a warning that this process turns into an error"]),
    ],
)
def test_whatever_a_model_raises_says_what_it_was_given(registry, run, how, facts):
    registry.add_pyfunc(Failing(how), signature=infer_signature(X))
    failed = run(X.assign(id=range(100, 100 + ROWS)), row_key=["id"], job="inference", **PICKLE)
    assert not failed.success
    for fact in ("PredictionError: The model failed to predict", "expects age: double", "models:/m/1", *facts):
        assert fact in failed.error()
    assert "id=100" not in failed.error()


def test_the_first_rows_are_named_where_values_may_be_shown(registry, run):
    registry.add_pyfunc(Failing("key"), signature=infer_signature(X))
    rows = X.assign(id=range(100, 100 + ROWS))
    failed = run(rows, row_key=["id"], job="inference", contract={"show_values": True}, **PICKLE)
    assert "the first rows are id=100; id=101; id=102; id=103; id=104" in failed.error()


class NotFinite(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        score = model_input["age"].to_numpy().copy()
        score[model_input["debt"].to_numpy() > 2] = np.inf
        return np.where(model_input["debt"] < -2, np.nan, score)


def test_rows_without_a_finite_answer_are_named(registry, run):
    rows = X.assign(id=range(100, 100 + ROWS))
    rows.loc[7, "debt"], rows.loc[9, "debt"] = 5.0, -5.0
    rows.loc[rows.index.difference([7, 9]), "debt"] = 0.0
    registry.add_pyfunc(NotFinite(), signature=infer_signature(X))
    failed = run(rows, row_key=["id"], **PICKLE)
    assert not failed.success
    assert "not finite (NaN or null and infinity) for 2 of 60 rows" in failed.error()
    assert "id=107; id=109" in failed.error()
    listed = failed.checks["predictions", "finite"].metadata["first_rows"].value
    assert [record.data for record in listed.records] == [
        {"id": "107", "output columns": "prediction: infinity"},
        {"id": "109", "output columns": "prediction: NaN"},
    ]


class Loading(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        raise FileNotFoundError("no weights here")

    def predict(self, context, model_input, params=None):
        return model_input["age"]


def test_a_failure_of_load_context_is_named(registry, run):
    registry.add_pyfunc(Loading(), signature=infer_signature(X))
    failed = run(X, job="inference", **PICKLE)
    said = failed.checks["champion_model", "loads"].metadata["error"].value
    assert "The model's own load_context() failed with FileNotFoundError: no weights here (models:/m/1" in said
    assert "versions" not in said


class ByNumber(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input[0] * 2 + model_input[2]


@pytest.mark.parametrize("kind", ["python", "sklearn"])
def test_columns_with_numbers_for_names(registry, run, kind):
    numbered = pd.DataFrame(X.to_numpy())
    if kind == "python":
        registry.add_pyfunc(ByNumber(), signature=infer_signature(numbered))
        expected = numbered[0] * 2 + numbered[2]
    else:
        model = LinearRegression().fit(numbered, X["age"] * 2)
        registry.add_sklearn(model, numbered, signature=infer_signature(numbered, model.predict(numbered)))
        expected = model.predict(numbered)
    done = run(numbered.rename(columns=str), **PICKLE)
    assert done.success
    np.testing.assert_allclose(done.table("predictions")["prediction"], expected)
    assert {"shap_0", "shap_1", "shap_2"} <= set(done.table("sample_explanations").columns)
    assert stored(done)[0].passed


class Wrapped(mlflow.pyfunc.PythonModel):
    def __init__(self, model):
        self.model = model

    def predict(self, context, model_input, params=None):
        return self.model.predict(model_input)


@pytest.mark.parametrize("wrapped", [False, True], ids=["pipeline", "wrapper"])
def test_optional_booleans_and_integers_are_missing_to_a_booster(registry, run, wrapped):
    lightgbm = pytest.importorskip("lightgbm")
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    floats = X.assign(member=(X["debt"] > 0).astype(float), children=np.arange(ROWS) % 4.0)
    floats.loc[::5, "member"] = floats.loc[::7, "children"] = np.nan
    booster = lightgbm.LGBMRegressor(n_estimators=5, min_child_samples=3, verbose=-1)
    steps = make_pipeline(make_column_transformer((StandardScaler(), ["age"]), remainder="passthrough"), booster)
    model = (booster if wrapped else steps).fit(floats, X["age"] + floats["member"].fillna(0.5))
    columns = [ColSpec("double", name) for name in X]
    columns += [ColSpec("boolean", "member", required=False), ColSpec("long", "children", required=False)]
    signature = ModelSignature(Schema(columns))
    if wrapped:
        registry.add_pyfunc(Wrapped(model), signature=signature)
    else:
        registry.add_sklearn(model, floats, signature=signature, **CLOUDPICKLE)
    member = [None if np.isnan(value) else bool(value) for value in floats["member"]]
    table = floats.assign(member=pd.array(member, "boolean"), children=floats["children"].astype("Int64"))
    done = run(table, **PICKLE)
    assert done.success
    np.testing.assert_allclose(done.table("predictions")["prediction"], model.predict(floats), rtol=1e-12)
    assert done.metadata("sample_explanations")["explainer"] == "TreeExplainer"


class Lists(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [[{"word": "a"}] for _ in range(len(model_input))]


def test_lists_of_objects_are_predicted_and_have_no_explanation(registry, run):
    registry.add_pyfunc(Lists(), signature=infer_signature(X))
    failed = run(X, **PICKLE)
    assert not failed.success
    assert "ExplanationError: The model returns struct<word: string>" in failed.error()
    assert failed.table("predictions")["prediction"].map(len).eq(1).all()


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "pipeline"])
def test_the_number_of_a_cluster_is_a_name(registry, run, wrapped):
    clusters = KMeans(3, n_init=1, random_state=0)
    model = (make_pipeline(StandardScaler(), clusters) if wrapped else clusters).fit(X)
    registry.add_sklearn(model, X, serialization_format="cloudpickle", skops_trusted_types=None)
    done = run(X, **PICKLE)
    assert done.success
    ledger = done.table("sample_explanations")
    assert set(ledger["output"]) == {0, 1, 2}
    assert set(ledger["space"]) == {"probability"}
    assert all(check.passed for check in done.checks.values())


class InPlace(mlflow.pyfunc.PythonModel):
    """It works on the rows that it is given, as a script does that reads its table anew each time."""

    def predict(self, context, model_input, params=None):
        model_input["age"] *= 10
        model_input.fillna(0.0, inplace=True)
        model_input.columns = ["a", "b", "c"]
        return model_input["a"] + model_input["b"]


class ExplainedInPlace(InPlace):
    def explain_samples(self, inputs):
        inputs -= MEANS
        inputs["age"] *= 10
        inputs["debt"] = 0.0
        return inputs.assign(base_value=MEANS["age"] * 10 + MEANS["income"])


MEANS = X.mean()


@pytest.mark.parametrize("model", [InPlace(), ExplainedInPlace()], ids=["predict", "explain_samples"])
def test_a_model_may_change_the_rows_that_it_is_given(registry, run, model):
    registry.add_pyfunc(model, signature=infer_signature(X))
    done = run(X, **PICKLE)
    assert done.success
    np.testing.assert_allclose(done.table("predictions")["prediction"], X["age"] * 10 + X["income"])
    ledger = done.table("sample_explanations")
    np.testing.assert_allclose(ledger["shap_age"], (X["age"] - MEANS["age"]) * 10, atol=1e-9)
    np.testing.assert_allclose(ledger["shap_income"], X["income"] - MEANS["income"], atol=1e-9)
    np.testing.assert_allclose(ledger["shap_debt"], 0.0, atol=1e-9)
    assert stored(done)[0].passed


@pytest.mark.parametrize("estimator", [LinearRegression(), KNeighborsRegressor()], ids=["exact", "sampled"])
def test_transformers_may_work_in_place(registry, run, estimator):
    ledgers = []
    for copies in (True, False):
        model = make_pipeline(StandardScaler(copy=copies), estimator).fit(X.copy(), X["age"] * 2 + X["debt"])
        registry.add_sklearn(model, X.copy(), **CLOUDPICKLE)
        done = run(X, **PICKLE)
        assert done.success
        np.testing.assert_allclose(done.table("predictions")["prediction"], model.predict(X.copy()))
        ledgers.append(done.table("sample_explanations").drop(columns=["model_version", "model_digest"]))
    pd.testing.assert_frame_equal(*ledgers)


class PolarsCategories(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        polars = pytest.importorskip("polars")
        labels = np.where(model_input["age"] > 0, "old", "young")
        return polars.DataFrame({"label": labels}, schema={"label": polars.Categorical})


def test_categories_of_polars_are_labels(registry, run):
    registry.add_pyfunc(PolarsCategories(), signature=infer_signature(X))
    done = run(X, **PICKLE)
    assert done.success
    assert done.table("predictions")["label"].tolist() == np.where(X["age"] > 0, "old", "young").tolist()
    assert stored(done)[0].passed


class Unreadable(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (1 / 0 for _ in range(len(model_input)))


def test_an_answer_that_cannot_be_read_is_no_failure_of_the_prediction(registry, run):
    registry.add_pyfunc(Unreadable(), signature=infer_signature(X))
    failed = run(X, job="inference", **PICKLE)
    assert "The model's answer, a builtins.generator, cannot be read with ZeroDivisionError" in failed.error()


class LargeNumbers(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return np.where(model_input["age"] > 0, 2**63 + 2**11, 0).astype(np.uint64)


def test_whole_numbers_beyond_those_of_floats_are_explained(registry, run):
    registry.add_pyfunc(LargeNumbers(), signature=infer_signature(X))
    done = run(X, **PICKLE)
    assert done.success
    assert set(done.table("sample_explanations")["explained_value"]) == {0.0, 2.0**63 + 2.0**11}


def test_distances_to_the_clusters_are_numbers(registry, run):
    model = KMeans(3, n_init=1, random_state=0).fit(X)
    registry.add_sklearn(model, X, signature=ModelSignature(infer_signature(X).inputs), pyfunc_predict_fn="transform")
    done = run(X, **PICKLE)
    assert done.success
    ledger = done.table("sample_explanations")
    np.testing.assert_allclose(ledger["explained_value"].to_numpy().reshape(ROWS, 3), model.transform(X))
    assert set(ledger["space"]) == {"identity"}
