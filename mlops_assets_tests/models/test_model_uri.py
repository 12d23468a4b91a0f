"""Addresses of models: taken apart and written as they were."""

import pytest

from mlops_assets.models.model_uri import AliasUri, LoggedModelUri, RunModelUri, VersionUri, parse_model_uri

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
