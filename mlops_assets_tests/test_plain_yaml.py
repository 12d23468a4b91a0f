"""YAML whose numbers would not end."""

import sys

import dagster as dg
import pytest
import yaml

from mlops_assets.code_location.defs_folder import load_from_defs_folder
from mlops_assets.errors import ConfigurationError, SignatureError
from mlops_assets.models.mlmodel_yaml import RefusedYamlError, read_yaml
from mlops_assets.plain_yaml import LONGEST_NUMBER, holds_endless_number, load_yaml
from mlops_assets.settings.registered_models import RegisteredModelTags, settings_of_model
from mlops_assets.signatures.infer.manual import signature_from_text

ENDLESS = "1" + ":1" * 50_000
NUMBERS = [ENDLESS, ENDLESS + ".5", "9" * (LONGEST_NUMBER + 1), "0b" + "1" * 5_000, "-" + ENDLESS]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_without_an_end_is_refused_everywhere(number, tmp_path):
    (tmp_path / "MLmodel").write_text(f"a: {number}\n")
    if ":" in number:
        with pytest.raises(RefusedYamlError):
            read_yaml(tmp_path / "MLmodel")
    with pytest.raises(yaml.YAMLError, match=f"{LONGEST_NUMBER} is the most"):
        load_yaml(f"a: {number}")
    with pytest.raises(ConfigurationError, match="is not YAML"):
        settings_of_model(RegisteredModelTags("m", {"mlops_assets.settings.explain.limit": number}), {}, {})
    with pytest.raises(SignatureError, match="is not YAML"):
        signature_from_text(f"inputs: {number}")


@pytest.mark.parametrize("text", ["1:30", "-1:30:59", "190:20:30.15", "0x1F", "017", "1_000", "1e3", ".inf"])
def test_other_numbers_are_what_they_are_to_pyyaml(text):
    assert load_yaml(f"a: {text}") == yaml.safe_load(f"a: {text}")
    assert not holds_endless_number(f"a: {text}")


@pytest.mark.slow
def test_a_projects_yaml_with_such_a_number_is_reported_and_the_others_load(tmp_path):
    project = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "p"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    for name, limit in (("good", "5"), ("bad", ENDLESS)):
        folder = tmp_path / "src" / "p" / "defs" / name
        folder.mkdir(parents=True)
        (folder / "defs.yaml").write_text(
            "type: mlops_assets.MlflowModelComponent\nattributes:\n"
            f"  model: {name}\n  inputs: {{path: x.parquet}}\n  explain: {{limit: {limit}}}\n"
        )
    (tmp_path / "src" / "p" / "__init__.py").write_text("")
    (tmp_path / "src" / "p" / "defs" / "__init__.py").write_text("")
    sys.path.insert(0, str(tmp_path / "src"))
    try:
        definitions = load_from_defs_folder(path_within_project=tmp_path, strict=False)
    finally:
        sys.path.remove(str(tmp_path / "src"))
        for name in [name for name in sys.modules if name == "p" or name.startswith("p.")]:
            del sys.modules[name]
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert "good/predictions" in keys
    assert "bad/broken_definition" in keys
    assert isinstance(definitions, dg.Definitions)
