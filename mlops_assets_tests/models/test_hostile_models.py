"""The corpus of hostile models: each is refused by the way that a run takes, and nothing of it runs."""

import contextlib
import logging
import shutil
import sys

import pytest

from mlops_assets.errors import ModelLoadError, TrustError
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.resources.loaders import AutoLoader
from mlops_assets.storage.location import Location
from mlops_assets_tests.models import hostile


@pytest.fixture
def hostile_module(tmp_path, marker, monkeypatch):
    """A module that can be imported and says so; and an interpreter that is as before, afterwards."""
    (tmp_path / "modules").mkdir()
    text = f"open({str(marker)!r}, 'w').close()\nclass Anything:\n    pass\ndef _load_pyfunc(path):\n    return None\n"
    (tmp_path / "modules/hostile_module.py").write_text(text)
    path, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(tmp_path / "modules"))
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if "hostile" in name or name.startswith("model_as_code"):
            del sys.modules[name]


@pytest.fixture
def attempt(registry, tmp_path, marker, hostile_module):
    """Register a model's files, pin it, fetch it, and load it under a policy."""

    def register_and_load(make, **policy):
        folder = tmp_path / "hostile"
        make(folder, marker)
        place = registry.folder / "models" / "0"
        shutil.copytree(folder, place, symlinks=True)
        registry.client.create_registered_model("m")
        registry.client.create_model_version("m", source=place.as_uri())
        assert not marker.exists()
        reference = registry.resource.pin("m", 1)
        manager = ChampionIOManager(
            Location.parse(tmp_path / "tables"), registry.resource, AutoLoader(), TrustPolicy(**policy)
        )
        return manager.load(reference)

    return register_and_load


REASONS = {
    "script": r"running its own script \('python_function'.model_code_path\)",
    "own_code": r"carries its own code \('python_function'.code\)",
    "foreign_loader": r"loaded by the module 'hostile_module'",
    "pickled_python_model": r"a pickled Python model",
    "class_by_name": r"asks for the class 'hostile_module.Anything', which is none of xgboost's",
    "class_by_name_in_a_second_mlmodel": r"'inner/MLmodel' is a second MLmodel file",
    "pickled_lightgbm": r"serialization format is 'cloudpickle'",
    "pickle_in_a_nested_artifact": r"'artifacts/encoders/city.joblib' is a pickle",
    "pickle_without_its_suffix": r"'artifacts/readme.txt' is a pickle",
    "pickle_as_input_example": r"'input_example.pkl' is a pickle",
    "library_of_an_onnx_provider": r"options of execution providers",
    "path_upwards": r"'python_function.model_path' leads out of the model's folder",
    "absolute_path": r"'sklearn.pickled_model' leads out",
    "input_example_elsewhere": r"'saved_input_example_info.artifact_path' leads out",
    "link_out_of_the_folder": r"'model.skops' is a link that leads out of the model",
    "skops_with_a_function": r"not trusted here: posix.system",
    "skops_with_a_call_of_eval": r"builtins.eval, functools.partial",
    "skops_with_a_bomb": r"expands to more than 100 times its size",
    "skops_nested_without_end": r"is nested deeper than any model",
    "skops_after_a_pickle": r"'model.skops' is not a skops file",
    "loader_of_another_flavor": r"does not describe the flavor 'xgboost'",
}


@pytest.mark.parametrize("name", list(hostile.LIVE))
def test_what_would_run_is_refused(name, attempt, marker):
    with pytest.raises(
        TrustError, match=rf"not loaded, because .*{REASONS.get(name, '')}.*`trust: \{{allow_pickle: true\}}`"
    ):
        attempt(hostile.LIVE[name])
    assert not marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(hostile.LIVE))
@pytest.mark.filterwarnings("ignore")
def test_and_it_does_run_where_it_is_allowed_to(name, attempt, marker):
    """Otherwise the test above would show nothing."""
    with contextlib.suppress(ModelLoadError):  # a payload is no model; what counts is that it ran
        attempt(hostile.LIVE[name], allow_pickle=True)
    assert marker.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(hostile.STILL))
def test_what_must_not_be_there_is_refused(name, attempt, marker):
    with pytest.raises(TrustError, match=REASONS.get(name, "")) as caught:
        attempt(hostile.STILL[name])
    assert not marker.exists()
    assert len(str(caught.value).splitlines()) == 1


def test_every_reason_is_one_of_a_model_here():
    assert set(REASONS) <= {*hostile.LIVE, *hostile.STILL}


@pytest.mark.slow
def test_names_in_a_skops_file_are_quoted_and_on_one_line(attempt):
    with pytest.raises(TrustError) as caught:
        attempt(hostile.STILL["skops_of_types_with_hostile_names"])
    assert r"</script>\n#" in str(caught.value)


def test_a_long_list_of_names_is_cut(attempt, marker):
    def many(folder, marker):
        hostile.linear(folder)
        part = hostile.calling("hostile.f0")
        schema = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
        content = [part | {"__class__": f"T{number}", "__module__": "hostile"} for number in range(40)]
        hostile.skops_schema(folder, lambda old: {**schema, "content": content, "protocol": old["protocol"]})

    with pytest.raises(TrustError, match=r"not trusted here: .*, \.\.\. \(41 in all\)"):
        attempt(many)


@pytest.mark.parametrize(
    "name", ["path_upwards", "absolute_path", "input_example_elsewhere", "artifact_elsewhere", "link_out_of_the_folder"]
)
def test_to_trust_pickle_is_not_to_let_paths_escape(name, attempt):
    with pytest.raises(TrustError, match=r"leads out of the model"):
        attempt(hostile.STILL[name], allow_pickle=True)


def test_a_harmless_model_passes_by_the_same_way(attempt):
    loaded = attempt(lambda folder, marker: hostile.linear(folder))
    assert type(loaded.native).__name__ == "LinearRegression"


def test_requirements_that_name_another_file_read_none(attempt, tmp_path, caplog, monkeypatch):
    """MLflow's own comparison of versions follows ``-r`` lines, and logs what it finds there."""
    monkeypatch.setattr(logging.getLogger("mlflow"), "propagate", True)
    (tmp_path / "secret.txt").write_text("CANARY_password==1\n")

    def make(folder, marker):
        hostile.linear(folder)
        (folder / "requirements.txt").write_text(f"scikit-learn\n-r {tmp_path}/secret.txt\n")

    assert attempt(make).native is not None
    assert "CANARY" not in caplog.text
