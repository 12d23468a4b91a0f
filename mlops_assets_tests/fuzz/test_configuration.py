"""Settings: whatever is written, what reaches a person is an error of this package, and says what is wrong."""

import random
from pathlib import Path

import pytest

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError
from mlops_assets_tests.fuzz.configuration import VALUES, failures, key_paths, try_settings


def test_odd_settings_are_refused_in_this_packages_words(tmp_path):
    assert failures(seed=0, count=200, root=tmp_path) == []


@pytest.mark.slow
def test_more_odd_settings(tmp_path):
    assert failures(seed=1_000, count=1_500, root=tmp_path) == []


@pytest.mark.slow
def test_each_value_at_each_key(tmp_path):
    """A tenth of all pairs, drawn once."""
    chance, found = random.Random(13), []
    for path in dict.fromkeys(key_paths()):
        for value in VALUES:
            if chance.random() > 1 / 10:
                continue
            settings = {"model": "m", "inputs": {"path": "x.parquet"}, "outputs": {"path": "t"}}
            group = settings
            for key in path[:-1]:
                group = group.setdefault(key, {}) if isinstance(group.get(key, {}), dict) else {}
            group[path[-1]] = value
            if (wrong := try_settings(settings, tmp_path)) is not None:
                found.append(f"{path}: {value!r:.100}\n{wrong}")
    assert found == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"explain": {"KIND": ".x"}}, r"explain: KIND should be a name"),
        ({"signer": {"KIND": ".x"}}, r"'\.x' is no name of a Signer"),
        ({"signer": {"KIND": "x" * 10_000}}, r"is no name of a Signer"),
        ({"resume": {"max_age_days": float("inf")}}, "max_age_days should be a finite number"),
        ({"explain": {"sample": float("nan")}}, "sample should be a finite number"),
        ({"contract": {"max_rejected": float("nan")}}, "max_rejected should be a finite number"),
        ({"explain": {"limit": 2**70}}, "limit should be a number of at most"),
        ({"explain": {"limit": True}}, "limit should be a number"),
        ({"name": "a\x1b[31mb"}, "name should be text without control characters"),
        ({"name": "a\nb"}, "name should be text without control characters"),
        ({"name": "x" * 201}, "name: .* at most 200"),
        ({"tracking": {"experiment": "a\0b"}}, "experiment should be text without control characters"),
        ({"owners": ["nobody"]}, "owners holds 'nobody'; write an e-mail address, or team:name"),
        ({"inputs": {"path": "x.csv", "delimiter": "ab"}}, "delimiter is 'ab'"),
        ({"inputs": {"path": "x.csv", "delimiter": "\n"}}, "delimiter"),
        ({"inputs": {"path": "x.csv", "row_key": ["a", "a"]}}, "row_key names a column twice"),
        ({"outputs": {"url": "http://[bad"}}, "which is no address"),
        ({"inputs": {"path": "x.csv", 5: 1}}, "has the key 5, which is no text"),
    ],
)
def test_what_is_wrong_is_named(settings, message, tmp_path):
    with pytest.raises(ConfigurationError, match=message):
        build_model_definitions("m", tmp_path, **{"inputs": {"path": "x.parquet"}, **settings})


def test_queries_and_filters_may_have_several_lines(tmp_path):
    build_model_definitions(
        "m",
        tmp_path,
        inputs={"database": "sqlite:///x.db", "query": "SELECT *\n\tFROM x"},
        explain={"where": "a > 1\n"},
    )


@pytest.mark.slow
def test_a_yaml_is_refused_in_the_same_words(tmp_path, monkeypatch):
    """Through Dagster, which resolves a YAML before it makes settings of it."""
    import yaml

    from mlops_assets.code_location.defs_folder import load_from_defs_folder

    project = '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "fuzzed"\n'
    (tmp_path / "pyproject.toml").write_text(project)
    defs = tmp_path / "src" / "fuzzed" / "defs"
    odd = {
        "kind": {"explain": {"KIND": "." * 50}},
        "infinite": {"resume": {"max_gib": float("inf")}},
        "owner": {"owners": ["nobody"]},
        "control": {"name": "a\x1bb"},
        "number_as_key": {"inputs": {"path": "x.parquet", 5: 6}},
        "template": {"inputs": {"path": "{{ nothing }}"}},
        "list": {"inputs": ["x"]},
        "good": {},
    }
    for name, settings in odd.items():
        attributes = {"model": name, "inputs": {"path": "x.parquet"}, **settings}
        (defs / name).mkdir(parents=True)
        content = {"type": "mlops_assets.MlflowModelComponent", "attributes": attributes}
        (defs / name / "defs.yaml").write_text(yaml.safe_dump(content))
    for folder in (defs.parent, defs):
        Path(folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    definitions = load_from_defs_folder(path_within_project=tmp_path, strict=False)
    keys = {key.to_user_string() for key in definitions.resolve_all_asset_keys()}
    assert {f"{name}/broken_definition" for name in odd if name != "good"} <= keys
    assert "good/predictions" in keys
    with pytest.raises(ConfigurationError, match="7\n"):
        load_from_defs_folder(path_within_project=tmp_path, strict=True)
