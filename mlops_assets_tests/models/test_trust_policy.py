"""What a deployment lets models do: pinned digests, required tags, allowed places and flavors, from YAML to the run."""

import dataclasses
import sys

import dagster as dg
import lightgbm
import mlflow.lightgbm
import pytest

from mlops_assets.errors import ConfigurationError, TrustError
from mlops_assets.model_definitions import model_definitions
from mlops_assets.models.trust import Origin, TrustPolicy
from mlops_assets.resources.defaults import default_resources
from mlops_assets.settings.trust import TrustSettings
from mlops_assets_tests.models.conftest import REFERENCE, edit_mlmodel, judge

A, B = "a" * 64, "b" * 64


def reference(**changes):
    return dataclasses.replace(REFERENCE, **changes)


def test_by_default_an_ordinary_model_passes(saved):
    judge(saved)


# --- pinned digests ---


def test_a_pinned_digest_must_be_the_files(saved):
    judge(saved, reference(version=3, digest=A), pinned_digests={3: A})
    with pytest.raises(TrustError, match=r"digest bbbbbbbbbbbb, and aaaaaaaaaaaa is pinned.*trust.pinned_digests"):
        judge(saved, reference(version=3, digest=B), pinned_digests={3: A})


def test_no_other_version_loads_where_digests_are_pinned(saved):
    with pytest.raises(TrustError, match=r"Version 4 is none of those whose digest is pinned.*models:/m/4"):
        judge(saved, reference(version=4), pinned_digests={3: A})
    with pytest.raises(TrustError, match=r"none of those"):
        judge(saved, pinned_digests={})


def test_pinning_refuses_other_files(registry, asked, cache, saved):
    registry.add(saved)
    good = asked.pin("m", 1, cache).digest
    assert asked.pin("m", 1, cache, TrustPolicy(pinned_digests={1: good})).digest == good
    with pytest.raises(TrustError, match=rf"digest {good[:12]}, and aaaaaaaaaaaa is pinned"):
        asked.pin("m", 1, cache, TrustPolicy(pinned_digests={1: A}))


# --- required tags ---


def test_a_required_tag_must_have_its_value(saved):
    tags = {"validation": "passed", "owner": "us"}
    judge(saved, reference(tags=(("owner", "us"), ("validation", "passed"))), required_tags=tags)
    for tags_of_version in ((), (("validation", "passed"),), (("owner", "us"), ("validation", "failed"))):
        with pytest.raises(TrustError, match=r"did not have the tags required here.*champion_model again"):
            judge(saved, reference(tags=tags_of_version), required_tags=tags)


def test_only_what_is_lacking_is_named():
    policy = TrustPolicy(required_tags={"a": "1", "b": "2"})
    with pytest.raises(TrustError, match=r"pinned: 'b': '2' \("):
        policy.check_origin(Origin("m", 1, "s3://x", {"a": "1", "b": "3"}))


def test_tags_are_read_when_the_version_is_pinned(registry, asked, cache, saved):
    policy = TrustPolicy(required_tags={"mlops_assets.validation": "passed"})
    registry.add(saved)
    with pytest.raises(TrustError, match=r"'mlops_assets.validation': 'passed'"):
        asked.pin("m", "Champion", cache, policy)
    registry.client.set_model_version_tag("m", "1", "mlops_assets.validation", "passed")
    registry.client.set_model_version_tag("m", "1", "note", "not asked for")
    pinned = asked.pin("m", "Champion", cache, policy)
    assert pinned.tags == (("mlops_assets.validation", "passed"),)
    assert asked.pin("m", "Champion", cache).tags == ()


def test_a_reference_from_before_the_tag_was_required_is_refused(registry, asked, cache, saved):
    """Tightened policy, old reference: what was not looked at does not count."""
    registry.add(saved)
    registry.client.set_model_version_tag("m", "1", "validation", "passed")
    with pytest.raises(TrustError, match=r"materialize champion_model again"):
        judge(saved, asked.pin("m", 1, cache), required_tags={"validation": "passed"})


# --- allowed places ---


def test_files_must_lie_where_it_is_allowed(saved):
    allowed = ("s3://models/prod", "mlflow-artifacts:/7")
    judge(saved, reference(location="s3://models/prod/m/1"), allowed_sources=allowed)
    judge(saved, reference(location="mlflow-artifacts:/7/models/m-1/artifacts"), allowed_sources=allowed)
    for elsewhere in ("s3://models/production", "s3://models", "http://evil/prod", "s3://models/prod/../dev", "/etc"):
        with pytest.raises(TrustError, match=r"files are at .* which is not allowed here.*trust.allowed_sources"):
            judge(saved, reference(location=elsewhere), allowed_sources=allowed)


def test_a_reference_without_a_place_is_judged_by_its_source(saved):
    judge(saved, reference(location="", source="file:///srv/m"), allowed_sources=("/srv",))
    with pytest.raises(TrustError):
        judge(saved, reference(location="", source="models:/m-1"), allowed_sources=("/srv",))


def test_nothing_is_fetched_from_elsewhere(registry, asked, cache, saved, monkeypatch):
    """The registry's entry alone must not make us read another folder, or ask another host."""
    from mlops_assets.models import registry_connection

    registry.add(saved)
    monkeypatch.setattr(registry_connection, "fetch_files", lambda *_, **__: pytest.fail("something was downloaded"))
    with pytest.raises(TrustError, match=r"not allowed here"):
        asked.pin("m", 1, cache, TrustPolicy(allowed_sources=("s3://models",)))


def test_the_registrys_own_folder_is_a_place_like_others(registry, asked, cache, saved):
    registry.add(saved)
    policy = TrustPolicy(allowed_sources=(str(registry.folder / "models"),))
    assert asked.pin("m", 1, cache, policy).location.startswith("file://")


# --- flavors ---


def test_only_allowed_flavors_load(saved, tmp_path):
    judge(saved, allowed_flavors=frozenset({"sklearn"}))
    with pytest.raises(TrustError, match=r"Flavor 'sklearn' is not allowed here.*'lightgbm'"):
        judge(saved, allowed_flavors=frozenset({"lightgbm"}))


def test_a_flavor_is_what_loads_it_not_what_it_claims(saved):
    edit_mlmodel(saved, lambda content: content["flavors"].update(lightgbm={}, aaa={}))
    with pytest.raises(TrustError, match=r"Flavor 'sklearn' is not allowed"):
        judge(saved, allowed_flavors=frozenset({"lightgbm", "aaa", "python_function"}))


def test_custom_code_is_the_flavor_python_function(saved):
    edit_mlmodel(saved, lambda content: content["flavors"]["python_function"].update(loader_module="theirs"))
    with pytest.raises(TrustError, match=r"Flavor 'python_function' is not allowed"):
        judge(saved, allowed_flavors=frozenset({"sklearn"}), allow_pickle=True)
    judge(saved, allowed_flavors=frozenset({"python_function"}), allow_pickle=True)


def test_more_types_can_be_trusted(tmp_path, saved):
    from sklearn.preprocessing import FunctionTransformer
    from skops.io import dump

    dump(FunctionTransformer(sorted), saved / "model.skops")
    with pytest.raises(TrustError, match=r"trusted_types: \[builtins.sorted\]"):
        judge(saved)
    judge(saved, trusted_types=frozenset({"builtins.sorted"}))


def test_a_native_booster_needs_no_trust(tmp_path, iris):
    booster = lightgbm.train({"verbose": -1, "objective": "regression"}, lightgbm.Dataset(*iris), 2)
    mlflow.lightgbm.save_model(booster, tmp_path / "booster", pip_requirements=["lightgbm"])
    judge(tmp_path / "booster")


# --- from YAML ---


def test_the_settings_make_the_policy():
    settings = TrustSettings(
        trusted_types=["a.B"],
        allowed_flavors=["sklearn"],
        pinned_digests={3: A},
        required_tags={"validation": "passed"},
        allowed_sources=["s3://models"],
    )
    assert settings.policy() == TrustPolicy(
        allow_pickle=False,
        trusted_types=frozenset({"a.B"}),
        allowed_flavors=frozenset({"sklearn"}),
        pinned_digests={3: A},
        required_tags={"validation": "passed"},
        allowed_sources=("s3://models",),
    )
    assert TrustSettings().policy() == TrustPolicy()


@pytest.mark.parametrize(
    ("wrong", "fact"),
    [
        ({"pinned_digests": {3: "abc"}}, "64 digits"),
        ({"pinned_digests": {3: A.upper()}}, "64 digits"),
        ({"pinned_digests": {0: A}}, "trust.pinned_digests.0"),
        ({"pinned_digests": {"Champion": A}}, r"pinned_digests\.Champion"),
        ({"allowed_sources": [" "]}, "an address is empty"),
        ({"required_tags": {"a": 1}}, r"required_tags\.a"),
        ({"allow_pickles": True}, "allow_pickles"),
    ],
)
def test_wrong_settings_are_refused(wrong, fact):
    with pytest.raises(ConfigurationError, match=fact):
        TrustSettings(**wrong)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_versions_are_numbers_in_yaml_too(tmp_path, monkeypatch):
    folder = tmp_path / "trusting" / "defs" / "churn"
    folder.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "trusting"\n'
    )
    for module in ("trusting/__init__.py", "trusting/defs/__init__.py"):
        (tmp_path / module).touch()
    (folder / "defs.yaml").write_text(
        "type: mlops_assets.MlflowModelComponent\nattributes:\n  model: churn\n"
        "  inputs: {path: customers.parquet}\n  outputs: {path: tables}\n"
        f"  trust:\n    pinned_digests:\n      3: {A}\n    required_tags: {{mlops_assets.validation: passed}}\n"
        "    allowed_sources: [s3://models]\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    seen = []
    monkeypatch.setattr(
        "mlops_assets.component.model_definitions",
        lambda settings, root: (seen.append(settings.trust), model_definitions(settings, root))[1],
    )
    try:
        dg.Definitions.merge(
            dg.load_from_defs_folder(path_within_project=tmp_path / "trusting"),
            dg.Definitions(resources=default_resources(tmp_path)),
        ).resolve_all_asset_specs()
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "trusting"]:
            del sys.modules[name]
    assert seen[0].policy() == TrustPolicy(
        pinned_digests={3: A}, required_tags={"mlops_assets.validation": "passed"}, allowed_sources=("s3://models",)
    )


# --- in a run ---


@pytest.mark.parametrize(
    ("trust", "reason"),
    [
        ({"pinned_digests": {2: A}}, "Version 1 is none of those"),
        ({"pinned_digests": {1: A}}, "aaaaaaaaaaaa is pinned"),
        ({"required_tags": {"validation": "passed"}}, "'validation': 'passed'"),
        ({"allowed_sources": ["s3://models"]}, "not allowed here"),
    ],
)
def test_a_run_ends_before_anything_is_loaded(trust, reason, registry, run, saved, iris):
    registry.add(saved)
    done = run(iris[0], job="inference", trust=trust)
    assert not done.success
    assert "TrustError" in done.error()
    assert reason in done.error()
    failed = {event.step_key for event in done.result.all_events if event.is_step_failure}
    assert failed == {"m__champion_model"}
    assert not (done.tables / "predictions.parquet").exists()


def test_a_forbidden_flavor_fails_the_blocking_check(registry, run, saved, iris):
    registry.add(saved)
    done = run(iris[0], job="inference", trust={"allowed_flavors": ["lightgbm"]})
    assert not done.success
    check = done.checks["champion_model", "loads"]
    assert not check.passed
    assert check.blocking
    assert "Flavor 'sklearn' is not allowed here" in check.metadata["error"].value
    assert not (done.tables / "predictions.parquet").exists()


def test_a_run_that_meets_every_condition_succeeds(registry, run, saved, iris, asked, cache):
    registry.add(saved)
    registry.client.set_model_version_tag("m", "1", "validation", "passed")
    digest = asked.pin("m", 1, cache).digest
    done = run(
        iris[0],
        job="inference",
        trust={
            "pinned_digests": {1: digest},
            "required_tags": {"validation": "passed"},
            "allowed_sources": [str(registry.folder)],
            "allowed_flavors": ["sklearn"],
        },
    )
    assert done.success
    assert done.metadata("champion_model")["digest"] == digest
