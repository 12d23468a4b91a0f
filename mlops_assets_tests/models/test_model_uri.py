"""Addresses of models: taken apart and written as they were."""

import pytest

from mlops_assets.direct.model import parse_model
from mlops_assets.errors import ConfigurationError
from mlops_assets.models.model_uri import (
    AliasUri,
    LoggedModelUri,
    RunModelUri,
    VersionUri,
    parse_model_uri,
    whole_number,
)
from mlops_assets.models.registry import check_alias_or_version

ID = "m-" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        (f"models:/{ID}", LoggedModelUri(ID)),
        ("runs:/4f2a/linear", RunModelUri("4f2a", "linear")),
        ("runs:/4f2a/folder/linear", RunModelUri("4f2a", "folder/linear")),
        ("models:/churn/12", VersionUri("churn", 12)),
        ("models:/churn@Champion", AliasUri("churn", "Champion")),
        ("models:/churn@a@b", AliasUri("churn", "a@b")),
        (f"models:/{ID}/3", VersionUri(ID, 3)),
    ],
)
def test_every_form_is_taken_apart(text, uri):
    assert parse_model_uri(text) == uri
    assert str(uri) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "churn",
        "models:/churn",
        "models:/churn/Champion",
        "models:/churn/1/2",
        "models:/churn/1\n",
        "models:/@Champion",
        "models:/churn@",
        "runs:/4f2a",
        "runs://linear",
        f"x models:/{ID}",
        "s3://bucket/churn/1",
    ],
)
def test_another_text_names_no_model(text):
    assert parse_model_uri(text) is None


@pytest.mark.parametrize("text", ["9" * 5_000, "²", "٣", "-1", "1_0", " 1"])
def test_what_only_looks_like_a_number_is_text(text):
    """Python reads some of these as numbers, and of more than 4,300 digits none."""
    assert whole_number(text) == text
    with pytest.raises(ConfigurationError):
        parse_model(f"churn/{text}")


@pytest.mark.parametrize("text", ["~nobody-of-this-name/m", "./" + "x" * 5_000, "./a\0b", "file:///a%00b", "file://["])
def test_what_no_file_can_be_called(text):
    with pytest.raises(ConfigurationError):
        parse_model(text)


@pytest.mark.parametrize("number", [0, -3, 2**31, 10**5_000, -(10**5_000)], ids=range(5))
def test_a_version_that_no_registry_has(number):
    with pytest.raises(ConfigurationError, match=r"not a model version.*Versions are 1 to 2147483647"):
        check_alias_or_version(number)
