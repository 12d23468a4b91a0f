"""Models as people log them: no signature, text, several outputs. Each ends in predictions, or in advice that works."""

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

PEOPLE = pd.DataFrame({"id": np.arange(40), "age": np.arange(40) % 9, "note": ["x"] * 40, "income": np.arange(40.0)})
TARGET = (np.arange(40) % 3 == 0).astype(int)
REVIEWS = pd.DataFrame({"review": ["good film", "bad film", "very good", "so bad it hurts"] * 8})
VERDICTS = np.array([1, 0, 1, 0] * 8)


def test_a_model_without_signature_takes_the_columns_it_was_fitted_on(registry, run):
    model = RandomForestClassifier(n_estimators=3, random_state=0).fit(PEOPLE[["income", "age"]], TARGET)
    registry.add_sklearn(model, PEOPLE[["income", "age"]], signature=None)
    done = run(PEOPLE, row_key=["id"])
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == model.predict(PEOPLE[["income", "age"]]).tolist()
    assert {"shap_income", "shap_age"} <= set(done.table("sample_explanations").columns)
    assert "not fitted on: note" in done.metadata("model_signature")["origin"]


def test_a_booster_without_signature_takes_the_columns_it_was_fitted_on(registry, run):
    import lightgbm
    import mlflow.lightgbm

    data = lightgbm.Dataset(PEOPLE[["income", "age"]], TARGET)
    model = lightgbm.train({"verbose": -1, "min_data_in_leaf": 2}, data, 3)
    mlflow.lightgbm.save_model(model, registry.folder / "saved", pip_requirements=["lightgbm"])
    registry.add(registry.folder / "saved")
    done = run(PEOPLE, row_key=["id"], job="inference")
    assert done.success
    np.testing.assert_allclose(
        done.table("predictions")["prediction"], model.predict(PEOPLE[["income", "age"]]), rtol=1e-12
    )


def test_the_sign_job_signs_the_columns_it_was_fitted_on(registry, run):
    from mlops_assets.models.signature_of_version import signature_of_version

    model = LogisticRegression().fit(PEOPLE[["income", "age"]], TARGET)
    registry.add_sklearn(model, PEOPLE[["income", "age"]], signature=None)
    assert run(PEOPLE, row_key=["id"], job="sign").success
    assert signature_of_version(registry.resource.address(), "m", 2).inputs.input_names() == ["income", "age"]


def test_a_column_that_the_model_was_fitted_on_is_missing(registry, run):
    model = LogisticRegression().fit(PEOPLE[["income", "age"]], TARGET)
    registry.add_sklearn(model, PEOPLE, signature=None)
    failed = run(PEOPLE.rename(columns={"age": "ages"}), row_key=["id"])
    assert not failed.success
    assert "'age' (did you mean 'ages'?)" in failed.error()
    assert "`inputs: {columns: [income, age]}`" in failed.error()


def test_a_model_fitted_without_names_asks_for_them_and_the_advice_works(registry, run, tmp_path):
    model = LogisticRegression().fit(PEOPLE[["income", "age"]].to_numpy(), TARGET)
    registry.add_sklearn(model, PEOPLE, signature=None)
    failed = run(PEOPLE, row_key=["id"])
    assert not failed.success
    assert "fitted on 2 columns without names, and the table has 3" in failed.error()
    assert "`inputs: {columns: [...]}`" in failed.error()
    PEOPLE.to_parquet(tmp_path / "in.parquet")
    done = run({"path": "in.parquet", "row_key": ["id"], "columns": ["income", "age"]})
    assert done.success
    expected = model.predict(PEOPLE[["income", "age"]].to_numpy()).tolist()
    assert done.table("predictions")["prediction"].tolist() == expected


class Wrapped(mlflow.pyfunc.PythonModel):
    """What people write round a scikit-learn model."""

    def __init__(self, model):
        self.model = model

    def predict(self, context, model_input, params=None):
        return self.model.predict(model_input)


def test_a_wrapper_that_fails_on_the_whole_table_gets_the_columns_of_the_model_inside(registry, run):
    model = LinearRegression().fit(PEOPLE[["income", "age"]], TARGET)
    registry.add_pyfunc(Wrapped(model))
    done = run(PEOPLE, row_key=["id"], trust={"allow_pickle": True}, job="inference")
    assert done.success
    np.testing.assert_allclose(done.table("predictions")["prediction"], model.predict(PEOPLE[["income", "age"]]))


class Picky(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["salary"] * 2


def test_a_model_that_fails_says_so_in_our_words(registry, run):
    registry.add_pyfunc(Picky())
    failed = run(PEOPLE, row_key=["id"], trust={"allow_pickle": True})
    assert not failed.success
    assert "PredictionError: The model failed to predict 40 rows of the columns age, note, income" in failed.error()
    assert "`inputs: {columns: [...]}`" in failed.error()


def text_model():
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(REVIEWS["review"], VERDICTS)


@pytest.mark.parametrize(
    "signature",
    [
        infer_signature(REVIEWS, VERDICTS),
        infer_signature(REVIEWS["review"], VERDICTS),
        infer_signature(REVIEWS["review"].tolist(), VERDICTS),
        None,
    ],
    ids=["frame", "series", "list", "none"],
)
def test_a_text_pipeline(registry, run, signature):
    model = text_model()
    registry.add_sklearn(model, REVIEWS, signature=signature)
    done = run(REVIEWS)
    assert done.success
    assert done.table("predictions").iloc[:, 1].tolist() == model.predict(REVIEWS["review"]).tolist()
    ledger = done.table("sample_explanations")
    assert ledger["residual"].abs().max() < 1e-9
    assert ledger["shap_review"].abs().max() > 0


def test_a_text_pipeline_without_signature_finds_the_text(registry, run):
    model = text_model()
    registry.add_sklearn(model, REVIEWS, signature=None)
    done = run(REVIEWS.assign(stars=3))
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == model.predict(REVIEWS["review"]).tolist()


def test_two_columns_of_text_and_one_that_is_asked_for(registry, run, tmp_path):
    table = REVIEWS.assign(author="me")
    registry.add_sklearn(text_model(), REVIEWS, signature=None)
    failed = run(table)
    assert not failed.success
    assert "one column of text, and the table has 2: review, author" in failed.error()
    assert "`inputs: {columns: [review]}`" in failed.error()
    table.to_parquet(tmp_path / "in.parquet")
    assert run({"path": "in.parquet", "columns": ["review"]}).success


def test_text_in_a_column_transformer(registry, run):
    table = REVIEWS.assign(stars=np.arange(32) % 5)
    columns = make_column_transformer((TfidfVectorizer(), "review"), ("passthrough", ["stars"]))
    model = make_pipeline(columns, LogisticRegression()).fit(table, VERDICTS)
    registry.add_sklearn(model, table)
    done = run(table)
    assert done.success
    assert done.table("predictions")["prediction"].tolist() == model.predict(table).tolist()
    assert done.table("sample_explanations")["residual"].abs().max() < 1e-9
    assert done.metadata("sample_explanations")["explainer"] == "LinearExplainer"


class ScoreAndLabel(mlflow.pyfunc.PythonModel):
    def __init__(self, second_number=False):
        self.second_number = second_number

    def predict(self, context, model_input, params=None):
        score = model_input["age"] * 2.0 + model_input["income"]
        answer = pd.DataFrame({"score": score, "label": np.where(score > 20, "high", "low")})
        return answer.assign(rank=-score) if self.second_number else answer


NUMBERS = PEOPLE[["age", "income"]].astype(float)
PICKLE = {"trust": {"allow_pickle": True}}


def test_a_score_and_a_label_explain_the_score(registry, run):
    registry.add_pyfunc(ScoreAndLabel(), signature=infer_signature(NUMBERS, ScoreAndLabel().predict(None, NUMBERS)))
    done = run(NUMBERS, **PICKLE)
    assert done.success
    ledger = done.table("sample_explanations")
    assert ledger["output"].unique().tolist() == ["score"]
    np.testing.assert_allclose(ledger["shap_age"], 2 * (NUMBERS["age"] - NUMBERS["age"].mean()), atol=1e-9)
    assert "explained is 'score', the only number" in done.metadata("sample_explanations")["explainer_reason"]
    assert done.checks["sample_explanations", "explains_the_stored_prediction"].metadata["different_rows"].value == 0
    assert done.checks["sample_explanations", "explains_the_stored_prediction"].metadata["rows"].value == 40


def test_several_numbers_beside_a_label_need_a_choice(registry, run):
    registry.add_pyfunc(ScoreAndLabel(second_number=True))
    failed = run(NUMBERS, **PICKLE)
    assert not failed.success
    assert "several are numbers (score, rank)" in failed.error()
    assert "`explain: {output: score}`" in failed.error()
    done = run(NUMBERS, explain={"output": "rank"}, **PICKLE)
    assert done.success
    assert done.table("sample_explanations")["output"].unique().tolist() == ["rank"]


def test_a_label_may_be_chosen(registry, run):
    registry.add_pyfunc(ScoreAndLabel())
    done = run(NUMBERS, explain={"output": "label"}, **PICKLE)
    assert done.success
    assert done.table("sample_explanations")["output"].unique().tolist() == ["low"]


def test_an_output_that_does_not_exist(registry, run):
    registry.add_pyfunc(ScoreAndLabel())
    failed = run(NUMBERS, explain={"output": "scor"}, **PICKLE)
    assert not failed.success
    assert "explain.output is 'scor' (did you mean 'score'?), and the model returns score, label" in failed.error()
