"""Every setting is described, with an example that works, wherever a person meets it."""

import json
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from mlops_assets import MlflowModelComponent
from mlops_assets.resources.notifier import AppriseNotifier
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets_tests.configuration_reference import PAGE, STRATEGIES, Key, _yaml, groups, keys, page, strategy_keys

DESCRIBED: dict[str, list[Key]] = {
    **{path or "model": keys(group) for path, group in groups().items()},
    **{kind: strategy_keys(one) for strategies in STRATEGIES.values() for kind, one in strategies.items()},
    "AppriseNotifier": strategy_keys(AppriseNotifier),
    "MlflowRegistry": keys(MlflowRegistry),
}
EVERY_KEY = [pytest.param(key, id=f"{where}-{key.name}") for where, described in DESCRIBED.items() for key in described]


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == page(), "Run: python -m mlops_assets_tests.configuration_reference"


@pytest.mark.parametrize("key", EVERY_KEY)
def test_a_key_has_a_description_and_examples_that_validate(key: Key) -> None:
    assert (key.description or "").endswith((".", ")")), key
    assert key.examples, key
    for example in key.examples:
        TypeAdapter(key.type).validate_python(example)
        assert yaml.safe_load(f"x: {_yaml(example)}") == {"x": example}


def _undescribed(schema: Any, where: str = "") -> list[str]:
    if not isinstance(schema, dict):
        return []
    found = [
        f"{where}/{name}"
        for name, field in schema.get("properties", {}).items()
        if where.split("/")[-1] != "properties" and not (field.get("description") and field.get("examples"))
    ]
    for name, value in schema.items():
        found += _undescribed(value, f"{where}/{name}")
    return found


def test_the_json_schema_of_the_yaml_keeps_the_words() -> None:
    schema = MlflowModelComponent.get_model_cls().model_json_schema(by_alias=True)

    assert _undescribed(schema) == []
    assert schema["required"] == ["model", "inputs"]
    groups_of_keys = schema["$defs"]
    assert "schema" in groups_of_keys["OutputsSettingsModel"]["properties"]
    missing = groups_of_keys["ContractSettingsModel"]["properties"]["missing"]
    assert ["reject", "allow"] in [each.get("enum") for each in missing["anyOf"]]
    assert groups_of_keys["TrustSettingsModel"]["properties"]["required_tags"]["default"] == {}
    engine = schema["properties"]["engine"]["anyOf"][0]["properties"]
    assert {"KIND", "workers", "master", "remote"} <= set(engine)
    assert "DAGSTER_UNSET" not in json.dumps(schema).upper()
