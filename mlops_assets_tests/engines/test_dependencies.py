"""What is kept is found under everything it depends on: each dependency is changed alone."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.tree import DecisionTreeRegressor

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.chunks import content_of
from mlops_assets.engines.work import installed_versions, open_work
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.models.load import load_by_flavor
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.model_source import FlavorLoader, ModelSource
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.resources.loaders import CustomLoader
from mlops_assets.scoring.predict import PredictWork
from mlops_assets.signatures.mlflow.signature_json import signature_to_json

ROWS = 30
FRAME = pd.DataFrame({"a": np.arange(ROWS) % 7, "b": np.arange(ROWS) % 5}).astype("float64")


@dataclass(frozen=True)
class Scaled:
    """A loader of a user's own with a setting."""

    factor: float = 1.0

    def load(self, folder, reference):
        return load_by_flavor(folder, reference)


@pytest.fixture
def source(registry) -> ModelSource:
    registry.add_sklearn(DecisionTreeRegressor(random_state=0, max_depth=3).fit(FRAME, FRAME.a * FRAME.b), FRAME)
    return ModelSource(
        registry.resource.address(), registry.resource.cache.root, FlavorLoader(), TrustPolicy(allow_pickle=True)
    )


@pytest.fixture
def model(source, registry) -> LoadedModel:
    return source.load(registry.resource.pin("m", "Champion"))


def rows_with(key: pa.Array) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([key, pa.array(FRAME.a), pa.array(FRAME.b)], names=["id", "a", "b"])


KEYS = {
    "int64": pa.array(range(ROWS), pa.int64()),
    "string": pa.array([f"row {number}" for number in range(ROWS)]),
    "int32": pa.array(range(ROWS), pa.int32()),
    "date": pa.array(range(ROWS), pa.int32()).cast(pa.date32()),
    "no nulls": pa.array(range(ROWS), pa.int64()),
}


def predicting(model: LoadedModel, key: pa.Array) -> PredictWork:
    assert model.signature is not None
    return PredictWork(model, signature_to_json(model.signature), ("id",))


def explaining(model: LoadedModel, key: pa.Array) -> ExplainWork:
    schema = pa.schema([pa.field("id", key.type)])
    assert model.signature is not None
    background = pa.Table.from_batches([rows_with(key)])
    return ExplainWork(model, signature_to_json(model.signature), schema, background, ExplainConfig(), Selection())


@pytest.mark.parametrize("make", [predicting, explaining])
def test_the_same_rows_with_a_key_of_another_type_in_one_process(make, model):
    for name, key in KEYS.items():
        made = open_work(make(model, key))(rows_with(key))
        assert made.schema.field("id").type == key.type, name
        assert made.column("id").equals(key), name


def test_two_runs_of_one_process_whose_keys_differ_in_type(registry, run):
    registry.add_sklearn(DecisionTreeRegressor(random_state=0, max_depth=3).fit(FRAME, FRAME.a * FRAME.b), FRAME)
    for key in (range(ROWS), [f"row {number}" for number in range(ROWS)], range(ROWS)):
        done = run(FRAME.assign(id=list(key)), row_key=["id"])
        assert done.success is True
        assert list(done.table("sample_explanations")["id"]) == list(key)


def test_kept_results_of_another_key_type_are_not_found():
    contents = {content_of(rows_with(key)) for key in KEYS.values()}
    assert len(contents) == len({str(key.type) for key in KEYS.values()})


@pytest.mark.slow
def test_each_dependency_of_predictions_makes_another_identity(model):
    work = predicting(model, KEYS["int64"])
    reference = model.reference
    others = {
        "signature": replace(work, signature=work.signature + " "),
        "row key": replace(work, row_key=("id", "a")),
        "params": replace(work, params={"q": 1}),
        "method": replace(work, method="predict_proba"),
        "digest": replace(work, model=replace(model, reference=replace(reference, digest="0" * 64))),
        "version": replace(work, model=replace(model, reference=replace(reference, version=2))),
        "name": replace(work, model=replace(model, reference=replace(reference, name="n"))),
        "flavors": replace(work, model=replace(model, reference=replace(reference, flavors=("pandas",)))),
        "loader": replace(work, model=replace(model, source=replace(model.source, loader=Scaled()))),
        "loader's settings": replace(work, model=replace(model, source=replace(model.source, loader=Scaled(2.0)))),
    }
    assert len({work.identity, *(other.identity for other in others.values())}) == 1 + len(others)


@pytest.mark.slow
def test_what_predictions_do_not_depend_on_keeps_their_identity(model):
    work = predicting(model, KEYS["int64"])
    assert replace(work, rows=10).identity == work.identity
    assert replace(work, model=replace(model, reference=replace(model.reference, alias=None))).identity == work.identity


@pytest.mark.slow
def test_each_dependency_of_explanations_makes_another_identity(model):
    work = explaining(model, KEYS["int64"])
    interventional = replace(work, config=ExplainConfig(mode="interventional"))
    rows = interventional.background
    moved = rows.set_column(1, "a", pa.array(FRAME.a + 1))
    others = {
        "mode, background": interventional,
        "values of the background": replace(interventional, background=moved),
        "number of background rows": replace(interventional, background=rows.slice(0, 5)),
        "seed": replace(work, config=ExplainConfig(seed=1)),
        "interactions": replace(work, config=ExplainConfig(interactions=1)),
        "row filter": replace(work, selection=Selection(where="explained_value > 1")),
        "signature": replace(work, signature=work.signature + " "),
        "digest": replace(work, model=replace(model, reference=replace(model.reference, digest="0" * 64))),
    }
    assert len({work.identity, *(other.identity for other in others.values())}) == 1 + len(others)


@pytest.mark.parametrize(
    ("flavors", "changed"),
    [
        (("python_function", "sklearn"), "scikit-learn"),
        (("python_function", "sklearn"), "lightgbm"),  # in a pipeline
        (("python_function",), "lightgbm"),
        (("pytorch",), "torch"),
        (("numba",), "numba"),
    ],
)
def test_another_version_of_a_library_makes_another_identity(flavors, changed, monkeypatch):
    versions = {"scikit-learn": "1.8.0", "lightgbm": "4.6.0", "torch": "2.9.0", "numba": "0.62.0", "numpy": "2.3.0"}
    monkeypatch.setattr("importlib.metadata.version", lambda name: versions.get(name, "1"))
    installed_versions.cache_clear()
    before = installed_versions(flavors)
    versions[changed] = "99"
    installed_versions.cache_clear()
    assert installed_versions(flavors) != before
    installed_versions.cache_clear()


def test_a_result_is_kept_under_its_work_and_its_rows(tmp_path):
    keys = {ChunkStore.key(work, content) for work in ("w", "v") for content in ("c", "d")}
    assert len(keys) == 4


@pytest.mark.slow
class TestLoadedOnce:
    def test_the_same_for_the_same_source(self, source, model, registry):
        again = source.load(registry.resource.pin("m", "Champion"))
        assert again.pyfunc is model.pyfunc

    def test_another_for_another_setting_of_the_loader(self, source, model):
        one, two = (replace(source, loader=Scaled(factor)).load(model.reference) for factor in (1.0, 2.0))
        assert one.pyfunc is not two.pyfunc

    def test_another_for_a_loader_of_the_same_name(self, source, model):
        def define():
            @dataclass(frozen=True)
            class Mine:
                def load(self, folder, reference):
                    return load_by_flavor(folder, reference)

            return Mine()

        first, second = define(), define()
        assert repr(first) == repr(second)
        loaded = [replace(source, loader=loader).load(model.reference).pyfunc for loader in (first, second)]
        assert loaded[0] is not loaded[1]

    def test_another_for_another_trust_policy(self, source, model):
        strict = TrustPolicy(allow_pickle=True, allowed_flavors=frozenset({"sklearn", "python_function"}))
        other = replace(source, trust=strict).load(model.reference)
        assert other.pyfunc is not model.pyfunc

    def test_where_it_came_from_is_each_ones_own(self, source, model, tmp_path):
        elsewhere = replace(source, cache=Path(tmp_path) / "elsewhere")
        assert elsewhere.load(model.reference).source == elsewhere
        assert source.load(model.reference).source == source

    def test_the_packages_own_loader_is_found_again(self, source, model):
        one, two = (replace(source, loader=CustomLoader()).load(model.reference) for _ in range(2))
        assert one.pyfunc is two.pyfunc
