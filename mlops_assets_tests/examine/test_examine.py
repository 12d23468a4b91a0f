"""Every kind of registry and table: the YAML that is written is launched as it is, or its first line says why not."""

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from mlops_assets import MlflowModelComponent
from mlops_assets.examine.findings import Examination
from mlops_assets.examine.yaml_text import attributes, write_yaml
from mlops_assets.models.trust import TrustPolicy

pytestmark = pytest.mark.slow

READY = "# Ready: the model and the table's first 10,000 rows were examined, and this launches as it is."
NOT_ALLOWED_YET = (
    "# Not ready: loading this model is not allowed yet. If you trust whoever can write to the registry, remove the # "
    "before `trust:`, and this line; the rest was examined, and launches as it is."
)
REQUIRED = ModelSignature(Schema([ColSpec("double", "age"), ColSpec("double", "income")]))


def customers(rows: int = 60) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(rows, 2)), columns=["age", "income"])
    return frame.assign(customer_id=[f"c{number:03}" for number in range(rows)])


def forest(frame: pd.DataFrame) -> RandomForestClassifier:
    features = frame[["age", "income"]]
    return RandomForestClassifier(5, max_depth=3, random_state=0).fit(features.fillna(0), features.income > 0)


def head(examination: Examination) -> str:
    return write_yaml(examination).splitlines()[0]


def test_a_classifier_gives_probabilities_and_its_key_is_found(place):
    frame = customers()
    place.registry.add_sklearn(forest(frame), frame[["age", "income"]], name="churn")
    place.write(frame)
    examination = place.examine()
    text = write_yaml(examination)
    assert text.splitlines()[0] == READY
    settings = yaml.safe_load(text)["attributes"]
    assert settings == {
        "model": "churn",
        "inputs": {"path": "data.parquet", "row_key": ["customer_id"]},
        "outputs": {"path": "tables/churn"},
        "predict": {"method": "predict_proba"},
    }
    assert attributes(examination.proposal) == settings
    written = place.launch(text)
    assert written["customer_id"].tolist() == frame["customer_id"].tolist()
    assert {"probability_False", "probability_True"} <= set(written.columns)


def test_the_commented_suggestions_are_settings_too(place):
    """What a person gets by removing a # loads."""
    frame = customers()
    place.registry.add_sklearn(
        make_pipeline(SimpleImputer(), forest(frame)).fit(frame[["age", "income"]], frame.income > 0),
        frame[["age", "income"]],
        name="churn",
    )
    place.write(frame)
    lines = write_yaml(place.examine()).splitlines()
    uncommented = [line.replace("# ", "", 1) if line.startswith(" ") and "# " in line[:7] else line for line in lines]
    settings = yaml.safe_load("\n".join(uncommented))["attributes"]
    assert settings["contract"] == {"missing": "allow", "max_rejected": 0.01}
    assert settings["explain"] == {"sample": 10000}
    assert settings["sensors"]["champion"] == {"status": "RUNNING"}
    assert settings["alias_or_version"] == "Challenger"
    MlflowModelComponent.model_validate(settings)


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (make_pipeline(SimpleImputer(), LogisticRegression()), "SimpleImputer replaces missing values"),
        (HistGradientBoostingClassifier(max_iter=5), "takes missing values as they are"),
    ],
)
def test_missing_values_that_the_model_wants_are_allowed(estimator, reason, place):
    frame = customers()
    frame.loc[::7, "age"] = np.nan
    place.registry.add_sklearn(
        estimator.fit(frame[["age", "income"]], frame.income > 0),
        frame[["age", "income"]],
        name="churn",
        signature=REQUIRED,
    )
    place.write(frame)
    text = write_yaml(place.examine())
    assert text.splitlines()[0] == READY
    assert (
        f"    missing: allow  # {estimator[0].__class__.__name__ if hasattr(estimator, 'steps') else ''}".rstrip()
        in text
    )
    assert reason in text
    assert len(place.launch(text)) == 60


def test_missing_values_that_the_model_refuses_are_on_the_first_line_with_advice_that_works(place):
    frame = customers()
    model = LogisticRegression().fit(frame[["age", "income"]], frame.income > 0)
    place.registry.add_sklearn(model, frame[["age", "income"]], name="churn", signature=REQUIRED)
    frame.loc[:3, "age"] = np.nan
    place.write(frame)
    examination = place.examine()
    assert head(examination).startswith("# Not ready: 4 of all 60 rows lack values ('age'), and LogisticRegression")
    assert "`contract: {max_rejected: 4}`" in head(examination)
    assert len(place.launch(write_yaml(examination), contract={"max_rejected": 4})) == 56


def test_integers_and_a_stored_index_need_no_setting(place):
    frame = pd.DataFrame({"age": range(50), "income": range(50, 100)}, index=pd.Index(range(7, 57), name="nr"))
    place.registry.add_sklearn(LinearRegression().fit(frame, frame.age), frame, name="churn")
    place.write(frame, index=True)
    text = write_yaml(place.examine())
    assert text.splitlines()[0] == READY
    assert yaml.safe_load(text)["attributes"]["inputs"] == {"path": "data.parquet"}
    assert place.launch(text)["nr"].tolist() == list(range(7, 57))


def test_a_model_without_signature_is_signed_and_launched(place):
    frame = customers().assign(extra="x")
    place.registry.add_sklearn(forest(frame), frame[["age", "income"]], name="churn", signature=None)
    place.write(frame)
    examination = place.examine()
    assert head(examination) == READY
    assert any("has no signature" in finding.what for finding in examination.of("yellow"))
    assert len(place.launch(write_yaml(examination))) == 60


def test_text_for_datetimes_is_read_where_the_signature_asks_for_them(place):
    class Weekday(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["day"].dt.dayofweek.to_numpy()

    signature = ModelSignature(Schema([ColSpec("datetime", "day")]), Schema([ColSpec("long", "weekday")]))
    place.registry.add_pyfunc(Weekday(), name="churn", signature=signature)
    place.write(pd.DataFrame({"id": [1, 2], "day": ["2024-01-01", "2024-01-02T00:00:00"]}))
    examination = place.examine(trust=TrustPolicy(allow_pickle=True))
    text = write_yaml(examination)
    assert text.splitlines()[0] == NOT_ALLOWED_YET
    assert yaml.safe_load(text)["attributes"]["contract"] == {"iso_datetimes": True}
    assert "  # trust: {allow_pickle: true}" in text
    written = place.launch(text, trust={"allow_pickle": True})
    assert written["weekday"].tolist() == [0, 1]


def test_zeros_and_ones_for_booleans_get_a_type(place):
    class Answer(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input["holiday"].astype("int64").to_numpy()

    signature = ModelSignature(Schema([ColSpec("boolean", "holiday")]), Schema([ColSpec("long", "answer")]))
    place.registry.add_pyfunc(Answer(), name="churn", signature=signature)
    place.write(pd.DataFrame({"id": [1, 2, 3], "holiday": [0, 1, 1]}))
    examination = place.examine(trust=TrustPolicy(allow_pickle=True))
    text = write_yaml(examination)
    assert text.splitlines()[0] == NOT_ALLOWED_YET
    assert yaml.safe_load(text)["attributes"]["inputs"]["types"] == {"holiday": "bool"}
    assert place.launch(text, trust={"allow_pickle": True})["answer"].tolist() == [0, 1, 1]


class Doubled(BaseEstimator, TransformerMixin):
    def fit(self, rows, target=None):
        return self

    def transform(self, rows):
        return rows * 2


class Flag(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["flag"].astype("float64").to_numpy()


@pytest.mark.parametrize(("kind", "written", "numbers"), [("boolean", "flag: bool", [0.0, 1.0, 1.0])])
def test_zeros_and_ones_of_a_csv_file_are_booleans_where_the_signature_says_so(kind, written, numbers, place):
    signature = ModelSignature(Schema([ColSpec(kind, "flag")]), Schema([ColSpec("double", "answer")]))
    place.registry.add_pyfunc(Flag(), name="churn", signature=signature)
    place.write(pd.DataFrame({"id": [1, 2, 3], "flag": [0, 1, 1]}), "data.csv")
    text = write_yaml(place.examine(inputs="data.csv", trust=TrustPolicy(allow_pickle=True)))
    assert text.splitlines()[0] == NOT_ALLOWED_YET, text
    assert written in text
    assert place.launch(text, trust={"allow_pickle": True})["answer"].tolist() == numbers


def test_a_custom_model_is_not_said_to_take_missing_values(place):
    signature = ModelSignature(Schema([ColSpec("double", "flag")]), Schema([ColSpec("double", "answer")]))
    place.registry.add_pyfunc(Flag(), name="churn", signature=signature)
    place.write(pd.DataFrame({"id": [1, 2, 3], "flag": [0.5, None, 1.0]}))
    first = head(place.examine(trust=TrustPolicy(allow_pickle=True)))
    assert first.startswith("# Not ready: 1 of all 3 rows lack values ('flag'), and ")
    assert "allow them if you know" in first


def test_a_model_that_fails_on_accepted_rows_is_not_ready(place):
    class Broken(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            raise KeyError("other")

    signature = ModelSignature(Schema([ColSpec("double", "flag")]), Schema([ColSpec("double", "answer")]))
    place.registry.add_pyfunc(Broken(), name="churn", signature=signature)
    place.write(pd.DataFrame({"id": [1, 2, 3], "flag": [0.5, 2.0, 1.0]}))
    assert "failed to predict" in head(place.examine(trust=TrustPolicy(allow_pickle=True)))


def test_rows_that_fit_for_several_reasons_are_advised_about_each(place):
    frame = customers()
    place.registry.add_sklearn(
        LinearRegression().fit(frame[["age"]], frame.age),
        frame[["age"]],
        name="churn",
        signature=ModelSignature(Schema([ColSpec("integer", "age")])),
    )
    place.write(frame.assign(age=[1.0, 2.5] * 30))
    assert "not_exact" in head(place.examine()) or "'age'" in head(place.examine())


def test_pickle_is_never_allowed_by_what_is_written(place):
    frame = customers()
    place.registry.add_sklearn(
        forest(frame),
        frame[["age", "income"]],
        name="churn",
        serialization_format="cloudpickle",
        skops_trusted_types=None,
    )
    place.write(frame)
    text = write_yaml(place.examine())
    assert text.splitlines()[0].startswith("# Not ready: The model was not loaded, because its serialization format is")
    assert "add `trust: {allow_pickle: true}` to the model's YAML" in text.splitlines()[0]
    assert "trust" not in yaml.safe_load(text)["attributes"]
    allowed = text.replace("  # trust: {allow_pickle: true}", "  trust: {allow_pickle: true}")
    assert yaml.safe_load(allowed)["attributes"]["trust"] == {"allow_pickle": True}
    assert len(place.launch(allowed)) == 60
    assert "trust" not in yaml.safe_load(write_yaml(place.examine(trust=TrustPolicy(allow_pickle=True))))["attributes"]


def test_an_alias_that_is_not_there_is_on_the_first_line_and_the_rest_is_examined(place):
    frame = customers()
    place.registry.add_sklearn(forest(frame), frame[["age", "income"]], name="churn")
    place.registry.client.delete_registered_model_alias("churn", "Champion")
    place.write(frame)
    examination = place.examine()
    assert head(examination).startswith("# Not ready: Model 'churn' has no alias 'Champion'")
    assert "MlflowClient().set_registered_model_alias('churn', 'Champion', 1)" in head(examination)
    assert [finding.topic for finding in examination.of("red")] == ["model"]
    place.registry.client.set_registered_model_alias("churn", "Champion", 1)
    assert len(place.launch(write_yaml(examination))) == 60
    place.registry.client.delete_registered_model_alias("churn", "Champion")
    place.registry.client.set_registered_model_alias("churn", "Prod", 1)
    assert "churn@Prod" in head(place.examine())
    text = write_yaml(place.examine("churn@Prod"))
    assert text.splitlines()[0] == READY
    assert len(place.launch(text)) == 60
    assert yaml.safe_load(write_yaml(place.examine("churn/1")))["attributes"]["alias_or_version"] == 1


@pytest.mark.parametrize(
    ("model", "inputs", "more", "facts"),
    [
        ("chrun", "data.parquet", {}, ["no registered model 'chrun' (did you mean 'churn'?)"]),
        ("churn/9", "data.parquet", {}, ["no version 9"]),
        ("runs:/abc/model", "data.parquet", {}, ["not registered", "mlflow.register_model"]),
        ("churn", "dta.parquet", {}, ["No such file", "dta.parquet"]),
        ("churn", "empty.parquet", {}, ["no rows", "empty.parquet"]),
        ("churn", "renamed.parquet", {}, ["column 'income' is missing (did you mean 'incomes'?)"]),
        ("churn", "text.parquet", {}, ["'age'", "string"]),
        ("churn", "data.parquet", {"row_key": ("customer",)}, ["'customer'", "did you mean 'customer_id'?"]),
        ("churn", "data.parquet", {"row_key": ("group",)}, ["'group'", "does not identify a row"]),
        ("churn", "data.parquet", {"outputs": "data.parquet/tables"}, ["'data.parquet' is a file"]),
        ("churn", "sqlite:///some.db", {"table": "t"}, ["some.db"]),
        ("churn", "mysql://host/db", {}, ["does not name a database of a kind that is known", "postgresql://"]),
        ("churn", "env:NO_SUCH_VARIABLE", {}, ["NO_SUCH_VARIABLE is not set"]),
        ("churn", "data.parquet", {"table": "t"}, ["--table is for databases"]),
        ("churn", "days/{partition}.parquet", {}, ["no file of any partition"]),
        ("churn", None, {}, ["--inputs was not given", "<- replace"]),
        (None, None, {}, ["--model and --inputs were not given", "<- replace"]),
    ],
)
def test_what_would_fail_is_on_the_first_line(model, inputs, more, facts, place):
    frame = customers().assign(group=1)
    place.registry.add_sklearn(forest(frame), frame[["age", "income"]], name="churn")
    place.write(frame)
    place.write(frame.head(0), "empty.parquet")
    place.write(frame.rename(columns={"income": "incomes"}), "renamed.parquet")
    place.write(frame.assign(age="old"), "text.parquet")
    examination = place.examine(model, inputs, **more)
    assert examination.color == "red"
    assert head(examination).startswith("# Not ready: ")
    for fact in facts:
        assert fact in head(examination)
    settings = yaml.safe_load(write_yaml(examination))["attributes"]
    if inputs is None or ("{" not in inputs and "://" not in inputs):
        MlflowModelComponent.model_validate(settings)


def test_a_registry_that_does_not_answer_is_on_the_first_line(place, monkeypatch):
    place.write(customers())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert "127.0.0.1:9" in head(place.examine())
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.chdir(place.root)
    assert head(place.examine()).startswith("# Not ready: No MLflow registry is named")


def test_names_that_yaml_reads_otherwise_are_quoted(place):
    frame = customers().rename(columns={"customer_id": "key, of: all"})
    for name in ("no", "12", "a #b"):
        place.registry.add_sklearn(forest(frame), frame[["age", "income"]], name=name)
        place.write(frame, "data #1.parquet")
        settings = yaml.safe_load(write_yaml(place.examine(name, "data #1.parquet", row_key=("key, of: all",))))
        assert settings["attributes"]["model"] == name
        assert settings["attributes"]["inputs"] == {"path": "data #1.parquet", "row_key": ["key, of: all"]}


def test_types_that_are_not_trusted_are_named_and_stay_commented_out(place):
    from sklearn.preprocessing import FunctionTransformer

    frame = customers()
    model = make_pipeline(FunctionTransformer(np.fft.fft), LinearRegression())
    model.steps[1][1].fit(frame[["age", "income"]], frame.age)
    place.registry.add_sklearn(
        model, frame[["age", "income"]], name="churn", signature=REQUIRED, skops_trusted_types=["numpy.fft.fft"]
    )
    place.write(frame)
    text = write_yaml(place.examine())
    assert "not trusted" in text.splitlines()[0]
    assert "  # trust: {trusted_types: [" in text
    assert "trust" not in yaml.safe_load(text)["attributes"]


def test_a_type_that_was_trusted_for_the_examination_alone_is_named_in_the_yaml(place):
    """The YAML does not trust it, so it does not say that it launches; with the # removed it does."""
    frame = customers()
    unknown = ["mlops_assets_tests.examine.test_examine.Doubled"]
    model = make_pipeline(Doubled(), LinearRegression()).fit(frame[["age"]], frame.age)
    place.registry.add_sklearn(model, frame[["age"]], name="churn", skops_trusted_types=unknown)
    place.write(frame)
    text = write_yaml(place.examine(trust=TrustPolicy(trusted_types=frozenset(unknown))))
    assert text.splitlines()[0] == NOT_ALLOWED_YET
    allowed = text.replace("  # trust: {trusted_types", "  trust: {trusted_types")
    assert yaml.safe_load(allowed)["attributes"]["trust"] == {"trusted_types": unknown}
    assert len(place.launch(allowed)) == 60
