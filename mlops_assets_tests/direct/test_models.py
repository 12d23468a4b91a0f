"""How a model is named, and what is said where it is not there or not trusted."""

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

import mlops_assets
from mlops_assets.direct.model import parse_model
from mlops_assets.direct.registry import find_registry
from mlops_assets.errors import AliasNotFoundError, ConfigurationError, ContractError, ModelNotFoundError, TrustError
from mlops_assets.models.model_uri import AliasUri, LoggedModelUri, RunModelUri, VersionUri

FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 1.0, 2.0]})


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("churn", AliasUri("churn", "Champion")),
        ("customer churn", AliasUri("customer churn", "Champion")),
        ("churn@Challenger", AliasUri("churn", "Challenger")),
        ("churn/3", VersionUri("churn", 3)),
        ("models:/churn/3", VersionUri("churn", 3)),
        ("models:/churn@Champion", AliasUri("churn", "Champion")),
        ("models:/m-" + "0" * 32, LoggedModelUri("m-" + "0" * 32)),
        ("runs:/abc/model", RunModelUri("abc", "model")),
    ],
)
def test_each_way_to_name_a_model(text, address):
    assert parse_model(text) == address


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("churn@3", "For the version write churn/3"),
        ("models:/churn@3", "For the version write churn/3"),
        ("churn/Champion", "For the alias 'Champion', write churn@Champion"),
        ("models:/churn/Champion", "For the alias 'Champion', write churn@Champion"),
        ("models:/churn", "models:/<name>/<version>"),
        ("s3://bucket/model", "churn@Champion"),
        ("./nowhere", "the folder of a saved model"),
        ("", "churn@Champion"),
    ],
)
def test_what_names_no_model_is_told_how_to(text, fix):
    with pytest.raises(ConfigurationError) as caught:
        parse_model(text)
    assert fix in str(caught.value)


def test_a_name_alone_is_a_registered_model_even_where_a_folder_has_it(tmp_path, monkeypatch):
    (tmp_path / "churn").mkdir()
    (tmp_path / "churn" / "MLmodel").touch()
    monkeypatch.chdir(tmp_path)
    assert parse_model("churn") == AliasUri("churn", "Champion")
    assert parse_model("./churn") == parse_model(str(tmp_path / "churn")) == tmp_path / "churn"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="no MLmodel file"):
        parse_model("./empty")


@pytest.mark.slow
def test_a_saved_model_and_logged_ones(tmp_path, registry):
    model = LinearRegression().fit(FRAME, FRAME.a)
    mlflow.sklearn.save_model(model, tmp_path / "saved", input_example=FRAME, serialization_format="skops")
    scored = mlops_assets.score(tmp_path / "saved", FRAME)
    assert scored.column_names == ["row_number", "prediction", "model_version", "model_digest"]
    assert scored["prediction"].to_pylist() == pytest.approx([1.0, 2.0, 3.0])
    assert scored["model_version"].to_pylist() == [0, 0, 0]
    mlflow.set_tracking_uri(registry.uri)
    with mlflow.start_run() as active:
        logged = mlflow.sklearn.log_model(model, name="line", input_example=FRAME, serialization_format="skops")
    for uri in (f"runs:/{active.info.run_id}/line", logged.model_uri):
        assert mlops_assets.score(uri, FRAME)["prediction"].to_pylist() == pytest.approx([1.0, 2.0, 3.0])


def test_a_model_that_is_not_there(registry):
    registry.add_sklearn(LinearRegression().fit(FRAME, FRAME.a), FRAME)
    with pytest.raises(ModelNotFoundError, match="did you mean 'm'"):
        mlops_assets.score("m_", FRAME, tracking_uri=registry.uri)
    with pytest.raises(AliasNotFoundError, match=r"it has: Champion -> 1.*m/1"):
        mlops_assets.score("m@Challenger", FRAME, tracking_uri=registry.uri)


def test_no_registry_is_made_and_the_message_says_how_to_name_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ConfigurationError, match=r"MLFLOW_TRACKING_URI, or pass tracking_uri"):
        mlops_assets.score("m", FRAME)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mlflow.db").touch()
    assert find_registry().tracking_uri == f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / ".mlops_assets").mkdir()
    (tmp_path / ".mlops_assets" / "mlflow.db").touch()
    assert find_registry().tracking_uri == f"sqlite:///{tmp_path / '.mlops_assets' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://there:5000")
    assert find_registry().tracking_uri == "http://there:5000"
    assert find_registry("http://here:5000").tracking_uri == "http://here:5000"


def test_advice_names_the_arguments_and_leads_to_a_result(registry, tmp_path):
    model = DecisionTreeRegressor(random_state=0).fit(FRAME, FRAME.a)
    registry.add_sklearn(model, FRAME, serialization_format="cloudpickle", skops_trusted_types=None)
    given = {"tracking_uri": registry.uri}
    with pytest.raises(TrustError, match="pass allow_pickle=True") as refused:
        mlops_assets.score("m", FRAME, **given)
    assert "YAML" not in str(refused.value)
    assert mlops_assets.score("m", FRAME, allow_pickle=True, **given).num_rows == 3
    holes = FRAME.assign(a=[1.0, None, 3.0])
    given["allow_pickle"] = True
    with pytest.raises(ContractError) as too_many:
        mlops_assets.score("m", holes, rejected=tmp_path / "rejected.csv", **given)
    assert "contract." not in str(too_many.value)
    assert pd.read_csv(tmp_path / "rejected.csv")["reasons"].tolist() == ["a: missing_value"]
    assert mlops_assets.score("m", holes, max_rejected=0.5, **given)["row_number"].to_pylist() == [0, 2]
    assert mlops_assets.score("m", holes, missing="allow", **given).num_rows == 3
