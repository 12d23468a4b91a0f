"""Missing values: the advice for rejected rows, followed literally, ends in the model's own predictions, explained."""

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlops_assets_tests.conftest import LocalRegistry

NUMBERS = ["age", "income", "member"]


@pytest.fixture
def people() -> pd.DataFrame:
    """Complete rows: an integer, a float, text and a boolean."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.integers(1, 90, 60),
            "income": random.normal(size=60),
            "city": random.choice(["a", "b", "c"], 60),
            "member": random.random(60) > 0.5,
        }
    )


@pytest.fixture
def target(people) -> np.ndarray:
    return ((people["age"] > 40) ^ (people["income"] > 0)).astype(int).to_numpy()


def as_stored(people: pd.DataFrame) -> pd.DataFrame:
    """A hole in each column, in the types that a table keeps: integers and booleans with null."""
    holes = people.astype({"age": "Int64", "member": "boolean"})
    holes.loc[3, "age"], holes.loc[5, "income"], holes.loc[9, "member"] = pd.NA, np.nan, pd.NA
    if "city" in holes:
        holes.loc[7, "city"] = None
    return holes


def as_in_pandas(people: pd.DataFrame, no_text: float | None = None) -> pd.DataFrame:
    """The same in the types that the model's author had: floats with NaN."""
    holes = people.astype({"age": float, "member": float})
    holes.loc[3, "age"], holes.loc[5, "income"], holes.loc[9, "member"] = np.nan, np.nan, np.nan
    if "city" in holes:
        holes["city"] = holes["city"].astype(object)
        holes.loc[7, "city"] = no_text
    return holes


def save(registry: LocalRegistry, model, inputs: pd.DataFrame) -> None:
    library = type(model).__module__.partition(".")[0]
    if library == "sklearn":
        registry.add_sklearn(model, inputs)
        return
    import mlflow.catboost
    import mlflow.lightgbm
    import mlflow.xgboost

    flavor = {"xgboost": mlflow.xgboost, "lightgbm": mlflow.lightgbm, "catboost": mlflow.catboost}[library]
    saved = registry.folder / "saved"
    signature = infer_signature(inputs, model.predict(inputs))
    flavor.save_model(model, saved, signature=signature, pip_requirements=[library])
    registry.add(saved)


def check_advice(run, registry, model, people: pd.DataFrame, explainer: str, no_text: float | None = None) -> None:
    """Rejected with advice; with the advice, predictions are the model's own, and attributions add up."""
    save(registry, model, people)
    refused = run(as_stored(people), trust={"allow_pickle": True})
    assert not refused.success
    assert "write `contract: {missing: allow}` into its YAML" in refused.error()
    done = run(as_stored(people), trust={"allow_pickle": True}, contract={"missing": "allow"})
    assert done.success
    predictions = done.table("predictions").iloc[:, 1].to_numpy()
    expected = np.ravel(model.predict(as_in_pandas(people, no_text)))
    np.testing.assert_allclose(predictions, expected.astype(predictions.dtype))
    assert done.metadata("sample_explanations")["explainer"] == explainer
    assert done.table("sample_explanations")["residual"].abs().max() < 1e-6
    assert [name for name, check in done.checks.items() if not check.passed] == []


@pytest.mark.parametrize(
    ("model", "explainer"),
    [
        (RandomForestClassifier(n_estimators=5, random_state=0), "TreeExplainer"),
        (HistGradientBoostingClassifier(max_iter=5), "TreeExplainer"),
        (make_pipeline(SimpleImputer(), LogisticRegression()), "LinearExplainer"),
        (make_pipeline(KNNImputer(), LogisticRegression()), "PermutationExplainer"),
    ],
    ids=["forest", "histogram", "imputer", "neighbours"],
)
def test_scikit_learn(people, target, registry, run, model, explainer):
    numbers = people[NUMBERS]
    check_advice(run, registry, model.fit(numbers, target), numbers, explainer)


@pytest.mark.parametrize("missing", [np.nan, None], ids=["a model that knows NaN", "a model that knows None"])
def test_text_is_missing_in_the_way_the_model_was_fitted_on(people, target, registry, run, missing):
    train = people.astype({"city": object})
    train.loc[11, "city"] = missing
    text = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()) if missing else OneHotEncoder()
    columns = make_column_transformer(
        (SimpleImputer(), ["age", "income"]), (text, ["city"]), ("passthrough", ["member"])
    )
    model = make_pipeline(columns, RandomForestClassifier(n_estimators=5, random_state=0)).fit(train, target)
    check_advice(run, registry, model, people, "TreeExplainer", missing)


def boosters() -> dict:
    import catboost
    import lightgbm
    import xgboost

    return {
        "xgboost": xgboost.XGBClassifier(n_estimators=5),
        "lightgbm": lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, min_child_samples=2),
        "catboost": catboost.CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False),
    }


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_boosters(people, target, registry, run, library):
    numbers = people[NUMBERS]
    check_advice(run, registry, boosters()[library].fit(numbers, target), numbers, "TreeExplainer")


def test_datetimes_with_nat(registry, run):
    """A model that turns a time into a number itself, and imputes it."""
    from sklearn.preprocessing import FunctionTransformer

    times = pd.DataFrame(
        {"seen": pd.date_range("2024-01-01", periods=40).astype("datetime64[ns]"), "x": np.arange(40.0)}
    )
    columns = make_column_transformer(
        (make_pipeline(FunctionTransformer(year_day), SimpleImputer()), ["seen"]), ("passthrough", ["x"])
    )
    model = make_pipeline(columns, LogisticRegression()).fit(times, np.arange(40) > 20)
    registry.add_sklearn(model, times, serialization_format="cloudpickle", skops_trusted_types=None)
    times.loc[5, "seen"] = pd.NaT
    done = run(times, trust={"allow_pickle": True}, contract={"missing": "allow"})
    assert done.success
    assert done.table("predictions").iloc[:, 1].tolist() == model.predict(times).tolist()
    assert done.table("sample_explanations")["residual"].abs().max() < 1e-9


def year_day(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.apply(lambda column: column.dt.dayofyear.astype(float))


def refusal(registry, run, model, people, rows) -> str:
    """What the contract says of rows that the signature, made of complete rows, does not allow."""
    registry.add_sklearn(model, people)
    refused = run(rows)
    assert not refused.success
    return str(refused.error())


def test_the_message_names_the_part_of_the_champion_that_takes_missing_values(registry, run):
    people = pd.DataFrame({"age": np.arange(40.0), "income": np.arange(40.0) % 7})
    model = make_pipeline(SimpleImputer(), RandomForestClassifier(3)).fit(people, people["age"] > 20)
    message = refusal(registry, run, model, people, people.mask(people == 3))
    assert "the model needs none: SimpleImputer" in message
    assert "So write `contract: {missing: allow}` into its YAML" in message
    assert message.index("missing: allow") < message.index("max_rejected: ")


def test_the_message_says_that_the_champion_does_not_take_missing_values(registry, run):
    people = pd.DataFrame({"age": np.arange(40.0), "income": np.arange(40.0) % 7})
    model = LogisticRegression().fit(people, people["age"] > 20)
    message = refusal(registry, run, model, people, people.mask(people == 3))
    assert "the signature requires a value, and LogisticRegression" in message
    assert "fill them in the table" in message
    assert "missing: allow" not in message


class Anything(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["a"].fillna(0.0)


def test_of_a_custom_model_nothing_is_claimed(registry, run):
    rows = pd.DataFrame({"a": [1.0, 2.0, None]})
    registry.add_pyfunc(Anything(), signature=infer_signature(rows.dropna(), pd.DataFrame({"y": [1.0]})))
    refused = run(rows, trust={"allow_pickle": True})
    assert "Where the model itself handles null and NaN" in refused.error()


def test_a_champion_that_cannot_be_asked_leaves_the_advice_general(registry, run, monkeypatch):
    from mlops_assets.errors import ModelLoadError
    from mlops_assets.io_managers.champion import ChampionIOManager

    people = pd.DataFrame({"age": np.arange(40.0), "income": np.arange(40.0) % 7})
    registry.add_sklearn(LogisticRegression().fit(people, people["age"] > 20), people)
    real, calls = ChampionIOManager.load, []

    def load(self, *arguments):
        calls.append(1)
        if len(calls) > 1:  # the check `loads` comes first
            raise ModelLoadError("It was there a moment ago")
        return real(self, *arguments)

    monkeypatch.setattr(ChampionIOManager, "load", load)
    assert "Where the model itself handles null and NaN" in run(people.mask(people == 3)).error()
