"""Settings of many models: defaults, tags of the registry, exceptions; and what a tag may not say."""

import pytest

from mlops_assets.errors import ConfigurationError
from mlops_assets.settings.registered_models import (
    TAG_SETTINGS,
    ModelFilter,
    RegisteredModelTags,
    from_json,
    settings_of_model,
    to_json,
)

DEFAULTS = {
    "inputs": {"path": "data/{model}.parquet", "row_key": ["id"]},
    "outputs": {"path": "tables/{model}"},
    "loader": {"KIND": "AutoLoader"},
}


def settings(tags=None, exceptions=None, name="churn", **more):
    return settings_of_model(RegisteredModelTags(name, tags or {}), DEFAULTS, exceptions or {}, **more)


def tag(key):
    return f"mlops_assets.settings.{key}"


def test_the_models_name_goes_into_the_defaults():
    assert settings() == {
        "model": "churn",
        "inputs": {"path": "data/churn.parquet", "row_key": ["id"]},
        "outputs": {"path": "tables/churn"},
        "loader": {"KIND": "AutoLoader"},
    }


@pytest.mark.parametrize("name", ["../../etc", "a/b", "a\\b", "..", "x y", "{model}"])
def test_a_models_name_is_one_part_of_a_path(name):
    path = settings(name=name)["outputs"]["path"]
    assert path.count("/") == 1
    assert path.rpartition("/")[2] not in {"", ".", ".."}


def test_a_tag_takes_precedence_over_the_defaults_and_an_exception_over_the_tag():
    tags = {tag("predict.method"): "predict_proba", tag("inputs.row_key"): "[a, b]", tag("explain.limit"): "10"}
    assert settings(tags)["predict"] == {"method": "predict_proba"}
    assert settings(tags)["inputs"] == {"path": "data/churn.parquet", "row_key": ["a", "b"]}
    assert settings(tags, {"explain": {"limit": 5}})["explain"] == {"limit": 5}


def test_a_strategy_is_replaced_as_a_whole():
    assert settings(exceptions={"loader": {"KIND": "their.Loader", "x": 1}})["loader"] == {
        "KIND": "their.Loader",
        "x": 1,
    }


def test_other_tags_are_none_of_ours():
    assert settings({"team": "risk", "mlops_assets.validation": "passed"}) == settings()


@pytest.mark.parametrize(
    "key",
    [
        "trust.allow_pickle",
        "trust",
        "signer",
        "loader.KIND",
        "engine",
        "explain.KIND",
        "outputs.path",
        "outputs",
        "inputs",
        "inputs.storage_options",
        "inputs.database",
        "contract.show_values",
        "model",
        "name",
        "__class__",
    ],
)
def test_a_tag_sets_nothing_that_is_a_matter_of_trust(key):
    with pytest.raises(ConfigurationError, match="may not set") as caught:
        settings({tag(key): "true"})
    assert "churn" in str(caught.value)
    assert "models:" in str(caught.value)


@pytest.mark.parametrize("text", ["[", "{a: b: c}", "!!python/object/apply:os.system [ls]"])
def test_the_value_of_a_tag_is_yaml_without_objects(text):
    with pytest.raises(ConfigurationError, match="not YAML"):
        settings({tag("predict.params"): text})


def test_a_tag_names_inputs_only_below_places_that_are_allowed():
    tags = {tag("inputs.path"): "s3://features/churn/2.parquet"}
    with pytest.raises(ConfigurationError, match="allowed_inputs"):
        settings(tags)
    assert settings(tags, allowed_inputs=["s3://features"])["inputs"]["path"] == "s3://features/churn/2.parquet"
    for path in ("s3://features-of-others/x", "s3://features/../secrets/x", "/etc/passwd", "s3://features\\..\\x"):
        with pytest.raises(ConfigurationError, match="allowed_inputs"):
            settings({tag("inputs.path"): path}, allowed_inputs=["s3://features"])


def test_every_setting_of_a_tag_is_one_of_a_yaml():
    from mlops_assets.settings.model import ModelSettings

    for key in TAG_SETTINGS:
        group, _, name = key.partition(".")
        field = ModelSettings.model_fields[group]
        assert not name or name in field.annotation.model_fields


def test_the_filter():
    churn = RegisteredModelTags("risk_churn", {"serve": "true", "team": "x"})
    assert ModelFilter({"serve": "true"}).matches(churn)
    assert ModelFilter({"serve": "*"}, "risk_*").matches(churn)
    assert not ModelFilter({"serve": "false"}).matches(churn)
    assert not ModelFilter({"absent": "*"}).matches(churn)
    assert not ModelFilter({}, "Risk_*").matches(churn)


def test_what_is_kept_is_sorted_and_read_back():
    models = [RegisteredModelTags("b", {"y": "2", "x": "1"}), RegisteredModelTags("a")]
    assert from_json(to_json(models)) == [models[1], models[0]]
    with pytest.raises(ConfigurationError, match="refresh-defs-state"):
        from_json("[]")
