"""The joined table in every format, partitioned and not: the values of a join by hand, and both tables as lineage."""

import duckdb
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.io_managers.kinds import tables_io_manager
from mlops_assets.naming import PREDICTIONS, PREDICTIONS_EXPLAINED, SAMPLE_EXPLANATIONS
from mlops_assets.settings.tables import OutputsSettings

FORMATS = ("parquet", "csv", "delta", "sqlite", "duckdb")
MODEL = ["model_version", "model_digest"]


@pytest.fixture
def flowers(registry) -> pd.DataFrame:
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    return features.assign(flower=[f"f{n:03}" for n in range(150)]).iloc[::7]


def outputs_of(kind, tmp_path, **more):
    if kind in ("sqlite", "duckdb"):
        database = f"{kind}:///{tmp_path}/x.{kind}"
        return {"path": "tables", "format": "sql", "database": database, "joined": True, **more}
    return {"path": "tables", "format": kind, "joined": True}


def read(outputs, tmp_path, partition=None) -> tuple[pd.DataFrame, ...]:
    """Predictions, ledger and the joined table."""
    manager = tables_io_manager(OutputsSettings(**outputs), tmp_path)
    assets = (PREDICTIONS, SAMPLE_EXPLANATIONS, PREDICTIONS_EXPLAINED)
    return tuple(manager.read(asset, partition).to_table().to_pandas(ignore_metadata=True) for asset in assets)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_joined_table_is_the_join(kind, flowers, run, tmp_path):
    outputs = outputs_of(kind, tmp_path)
    done = run(flowers, row_key=["flower"], outputs=outputs, explain={"limit": 11})
    assert done.success
    predictions, ledger, joined = read(outputs, tmp_path)
    assert len(joined) == 33
    assert joined.columns.is_unique
    expected = predictions.merge(ledger, on=["flower", *MODEL], how="inner")[list(joined.columns)]
    pd.testing.assert_frame_equal(joined, expected)
    assert joined["space"].unique().tolist() == ["softmax margin"]
    best = joined.loc[joined.groupby("flower")["explained_value"].idxmax()]
    assert (best["prediction"] == best["output"]).all()
    assert done.metadata(PREDICTIONS_EXPLAINED)["dagster/row_count"] == 33


def test_its_lineage_names_both_tables(flowers, run, tmp_path):
    done = run(flowers, row_key=["flower"], outputs=outputs_of("parquet", tmp_path))
    depends = {
        column: {(dep.asset_key.path[-1], dep.column_name) for dep in deps}
        for column, deps in done.metadata(PREDICTIONS_EXPLAINED)["dagster/column_lineage"].deps_by_column.items()
    }
    assert depends["prediction"] == {(PREDICTIONS, "prediction")}
    assert depends["explained_value"] == {(SAMPLE_EXPLANATIONS, "explained_value")}
    for column in ("flower", *MODEL):
        assert depends[column] == {(PREDICTIONS, column), (SAMPLE_EXPLANATIONS, column)}
    graph = done.definitions.resolve_asset_graph()
    parents = graph.get(next(key for key in graph.get_all_asset_keys() if key.path[-1] == PREDICTIONS_EXPLAINED))
    assert {key.path[-1] for key in parents.parent_keys} == {PREDICTIONS, SAMPLE_EXPLANATIONS}


@pytest.mark.parametrize("kind", FORMATS)
def test_each_partition_is_joined_by_itself(kind, flowers, run, tmp_path):
    days = {"2024-01-01": flowers.head(10), "2024-01-02": flowers.tail(9)}
    for day, rows in days.items():
        rows.to_parquet(tmp_path / f"{day}.parquet", index=False)
        done = run(
            {"path": "{partition}.parquet", "row_key": ["flower"]},
            partitions={"type": "static", "keys": list(days)},
            partition=day,
            outputs=outputs_of(kind, tmp_path),
        )
        assert done.success
    for day, rows in days.items():
        predictions, ledger, joined = read(outputs_of(kind, tmp_path), tmp_path, day)
        assert joined["flower"].tolist() == rows["flower"].repeat(3).tolist()
        expected = predictions.merge(ledger, on=["flower", *MODEL])[list(joined.columns)]
        pd.testing.assert_frame_equal(joined, expected)


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_a_database_keeps_joined_rows_of_earlier_versions(mode, flowers, run, registry, tmp_path):
    settings = {"row_key": ["flower"], "outputs": outputs_of("duckdb", tmp_path, mode=mode)}
    assert run(flowers, **settings).success
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(LogisticRegression(C=0.01, max_iter=500).fit(features, target), features)
    done = run(flowers, **settings)
    assert done.success
    assert set(read(settings["outputs"], tmp_path)[2]["model_version"]) == {2}
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        found = connection.sql("SELECT model_version, count(*) FROM predictions_explained GROUP BY 1 ORDER BY 1")
        count = 3 * len(flowers)
        assert found.fetchall() == ([(1, count), (2, count)] if mode == "append" else [(2, count)])


def test_without_the_setting_there_is_no_such_table(flowers, run, tmp_path):
    done = run(flowers, row_key=["flower"], outputs={"path": "tables"})
    assert done.success
    assert not (tmp_path / "tables" / "predictions_explained.parquet").exists()
    keys = {key.path[-1] for key in done.definitions.resolve_asset_graph().get_all_asset_keys()}
    assert PREDICTIONS_EXPLAINED not in keys
