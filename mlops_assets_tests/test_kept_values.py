"""Caches beside the results of chunks: each dependency is changed alone (the table in docs/architecture.md)."""

import shutil
from pathlib import Path

import numba as nb
import pytest

from mlops_assets.engines.spark.address import SparkAddress
from mlops_assets.engines.spark.worker import ChunkTask
from mlops_assets.models.mlmodel_yaml import read_yaml
from mlops_assets.registry_component import MlflowRegistryComponent
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.shared import shared_defaults
from mlops_assets.signatures.mlflow.signature_json import signature_hash
from mlops_assets.storage.location import Location
from mlops_assets.trees import category_sets, margin_kernel, numba_kernels, quadrature, shap_kernel


class TestRegistry:
    def test_one_for_the_same_settings(self):
        one, two = (MlflowRegistry(tracking_uri="http://127.0.0.1:1").address() for _ in range(2))
        assert one is two

    @pytest.mark.parametrize(
        "other",
        [
            {"tracking_uri": "http://127.0.0.1:2"},
            {"registry_uri": "http://127.0.0.1:2"},
            {"timeout": 3},
            {"retries": 5},
        ],
    )
    def test_another_for_another_setting(self, other):
        first = {"tracking_uri": "http://127.0.0.1:1"}
        assert MlflowRegistry(**first).address() is not MlflowRegistry(**first | other).address()

    def test_the_environment_is_read_each_time(self, monkeypatch):
        addresses = []
        for port in (1, 2):
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
            addresses.append(MlflowRegistry().address().tracking_uri)
        assert addresses == ["http://127.0.0.1:1", "http://127.0.0.1:2"]


def test_the_state_of_a_registrys_models_follows_from_the_whole_filter():
    filters = [
        {"tags": {"a": "1"}},
        {"tags": {"a": "2"}},
        {"tags": {"b": "1"}},
        {"tags": {"a": "1", "b": "2"}},
        {"tags": {"a": "1,b=2"}},
        {"tags": {"a": "1"}, "pattern": "churn_*"},
        {"tags": {"a": "1"}, "tracking_uri": "http://127.0.0.1:1"},
        {"tags": {"a": "1"}, "registry_uri": "http://127.0.0.1:1/x,a=1"},
    ]
    defaults = {"inputs": {"path": "rows.parquet"}}
    keys = {MlflowRegistryComponent(defaults=defaults, **each).defs_state_config.key for each in filters}
    assert len(keys) == len(filters)


def test_a_filesystem_of_other_credentials_is_another_one(monkeypatch):
    place = Location.parse("memory://bucket/table.parquet")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "one")
    first = place.remote()[0]
    assert place.remote()[0] is first
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "two")
    second = place.remote()[0]
    assert second is not first
    assert place.remote()[0] is second


def test_a_filesystem_of_other_options_is_another_one():
    options = ({}, {"a": 1}, {"a": 2})
    places = [Location.parse("memory://bucket", storage_options=each).remote()[0] for each in options]
    assert len({id(place) for place in places}) == 3


class TestKernels:
    def test_their_names_hold_a_digest_of_all_modules_that_they_are_compiled_with(self):
        digest = numba_kernels.sources_digest()[:16]
        kernels = [each for each in vars(shap_kernel).values() if isinstance(each, nb.core.dispatcher.Dispatcher)]
        cached = [each.py_func.__qualname__ for each in kernels if "nogil" in each.targetoptions]
        assert cached
        assert all(name.endswith(digest) for name in cached)
        assert margin_kernel.in_set is category_sets.in_set

    @pytest.mark.parametrize("module", ["shap_kernel.py", "ensemble.py", "numba_kernels.py"])
    def test_a_change_of_any_module_is_another_digest(self, module, tmp_path):
        folder = shutil.copytree(Path(numba_kernels.__file__).parent, tmp_path / "trees")
        before = numba_kernels.sources_digest()
        assert numba_kernels.sources_digest(folder) == before
        with (folder / module).open("a") as file:
            file.write("\n# one more line\n")
        numba_kernels.sources_digest.cache_clear()
        assert numba_kernels.sources_digest(folder) != before


def test_a_file_is_parsed_by_its_text_and_each_caller_has_its_own(tmp_path):
    first, same, other = (tmp_path / name for name in ("first", "same", "other"))
    first.write_text("flavors: {a: 1}")
    same.write_text("flavors: {a: 1}")
    other.write_text("flavors: {a: 2}")
    read_yaml(first)["flavors"]["a"] = 7
    assert read_yaml(same) == {"flavors": {"a": 1}}
    assert read_yaml(other) == {"flavors": {"a": 2}}
    first.write_text("flavors: {a: 3}")
    assert read_yaml(first) == {"flavors": {"a": 3}}


def test_a_signatures_hash_follows_from_what_it_says():
    texts = [f'{{"inputs": [{{"type": "{kind}", "name": "{name}"}}]}}' for kind in ("long", "double") for name in "ab"]
    assert len({signature_hash(text) for text in texts}) == 4
    assert signature_hash(texts[0]) == signature_hash(texts[0].replace(" ", "  "))


def test_work_in_a_spark_worker_follows_from_all_that_was_sent():
    first = ChunkTask(b"work", "code", (("numpy", "2"),))
    others = [
        ChunkTask(b"other", "code", (("numpy", "2"),)),
        ChunkTask(b"work", "edited", (("numpy", "2"),)),
        ChunkTask(b"work", "code", (("numpy", "3"),)),
    ]
    assert len({first, *others}) == 4
    assert ChunkTask(b"work", "code", (("numpy", "2"),)) == first


def test_a_spark_session_follows_from_the_whole_address():
    first = SparkAddress("local[2]", None, "name", ())
    others = [
        SparkAddress("local[4]", None, "name", ()),
        SparkAddress(None, "sc://localhost", "name", ()),
        SparkAddress("local[2]", None, "other", ()),
        SparkAddress("local[2]", None, "name", (("spark.a", "1"),)),
    ]
    assert len({first, *others}) == 5


def test_default_resources_are_those_of_a_folder(tmp_path):
    assert shared_defaults(tmp_path) is shared_defaults(tmp_path)
    assert shared_defaults(tmp_path) is not shared_defaults(tmp_path / "other")


def test_nodes_of_quadrature_follow_from_their_number():
    assert len(quadrature.gauss_legendre(3)[0]) == 3
    assert len(quadrature.gauss_legendre(4)[0]) == 4
