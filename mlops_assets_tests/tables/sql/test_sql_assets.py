"""The whole family from a database to a database: the same tables as with Parquet files, row for row."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from mlops_assets import join_explanations
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.reader import open_publication
from mlops_assets.tables.sql.writer import Target, write
from mlops_assets_tests.tables.sql.conftest import each_kind
from mlops_assets_tests.tables.sql.test_round_trip import Stored, rows_of

TABLES = ("input_samples", "rejected_samples", "predictions", "sample_explanations", "model_explanations")


@pytest.fixture
def champion(registry):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0).fit(features, target)
    registry.add_sklearn(model, features)
    return features


def customers(features: pd.DataFrame) -> pd.DataFrame:
    rows = features.head(40).copy()
    rows.insert(0, "flower", [f"{n:03}é" for n in range(40)])
    rows.loc[7, "petal width (cm)"] = None
    return rows


def put(url: str, name: str, rows: pd.DataFrame) -> None:
    write(rows_of(pa.Table.from_pandas(rows, preserve_index=False)), Target(SqlAddress.parse(url), TableName(name)))


def published(url: str, asset: str, prefix: str = "") -> pa.Table:
    with open_publication(SqlAddress.parse(url), TableName(prefix + asset)) as published:
        return published.reader.read_all()


@pytest.mark.slow
@each_kind
def test_the_family_is_the_same_as_with_parquet(url, champion, run, tmp_path):
    rows = customers(champion)
    contract = {"max_rejected": 1}
    files = run(rows, row_key=["flower"], contract=contract)
    assert files.success
    put(url, "flowers", rows.sample(frac=1, random_state=1))
    done = run(
        {"database": url, "table": "flowers", "row_key": ["flower"]},
        outputs={"path": "sql", "format": "sql", "database": url},
        contract=contract,
    )
    assert done.success
    assert {name for name, check in done.checks.items() if not check.passed} == {
        name for name, check in files.checks.items() if not check.passed
    }
    for name in TABLES:
        expected, found = pq.read_table(tmp_path / "tables" / f"{name}.parquet"), published(url, name)
        assert found.equals(expected), name
        assert Provenance.of(found.schema) == Provenance.of(expected.schema)
    assert done.metadata("rejected_samples")["dagster/row_count"] == 1
    assert done.metadata("predictions")["dagster/row_count"] == 39
    assert (tmp_path / "sql" / "explanation_report.html").exists()
    assert sorted(path.name for path in (tmp_path / "sql").iterdir()) == [
        "champion_model.json",
        "explanation_report.html",
        "model_signature.json",
    ]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_scratch_files_go_with_the_run(url, champion, run, tmp_path):
    put(url, "flowers", customers(champion).dropna())
    outputs = {"path": "sql", "format": "sql", "database": url}
    assert run(
        {"database": url, "query": "SELECT * FROM flowers ORDER BY flower", "columns": list(champion)}, outputs=outputs
    ).success
    assert list((tmp_path / ".mlops_assets" / "scratch").iterdir()) == []
    assert published(url, "predictions")["row_number"].to_pylist() == list(range(39))


def model(registry, features: pd.DataFrame, target: pd.Series, trees: int) -> None:
    registry.add_sklearn(
        RandomForestClassifier(n_estimators=trees, max_depth=3, random_state=0).fit(features, target), features
    )


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("mode", "kept"), [("append", 12 + 7), ("upsert", 12)])
def test_a_second_champion_beside_the_first(mode, kept, url, registry, run):
    features, target = load_iris(return_X_y=True, as_frame=True)
    rows = customers(features).dropna()
    put(url, "flowers", rows.head(12))
    settings = {
        "inputs": {"database": url, "query": "SELECT * FROM flowers ORDER BY flower", "row_key": ["flower"]},
        "outputs": {"path": "sql", "format": "sql", "database": url, "mode": mode, "prefix": "m_"},
        "job": "inference",
    }
    settings["inputs"]["columns"] = list(features)
    model(registry, features, target, 3)
    assert run(**settings).success
    model(registry, features, target, 5)
    settings["inputs"]["limit"] = 7
    done = run(**settings)
    assert done.success
    assert all(check.passed for check in done.checks.values())
    assert published(url, "m_predictions")["model_version"].to_pylist() == [2] * 7
    assert published(url, "m_input_samples").num_rows == 7
    with open_session(SqlAddress.parse(url), writing=False) as session:
        assert session.rows("SELECT count(*), count(DISTINCT flower) FROM m_predictions") == [(kept, 12)]
        assert session.rows("SELECT count(*) FROM m_input_samples") == [(7,)]


@pytest.mark.parametrize("url", ["duckdb"], indirect=True)
def test_a_table_that_another_run_replaced_stops_this_one(url, champion, run, monkeypatch):
    from mlops_assets.scoring.predict import Scorer

    put(url, "flowers", customers(champion).dropna())
    joined = Scorer.combine

    def meanwhile(scorer, scored, schema):
        changed = schema.empty_table()
        metadata = {**schema.metadata, b"mlops_assets.data_version": b"another run's"}
        write(
            Stored(changed.replace_schema_metadata(metadata)),
            Target(SqlAddress.parse(url), TableName("input_samples")),
        )
        return joined(scorer, scored, schema)

    monkeypatch.setattr(Scorer, "combine", meanwhile)
    done = run(
        {"database": url, "table": "flowers", "row_key": ["flower"]},
        job="inference",
        outputs={"path": "sql", "format": "sql", "database": url},
    )
    assert not done.result.success
    assert "ConcurrentRunError: Another run has replaced what this step was made from (m/input_samples)" in done.error()
    with pytest.raises(TableError, match="No such table"):
        published(url, "predictions")


@pytest.mark.slow
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_partitions_share_a_table(url, champion, run, tmp_path):
    rows = customers(champion).dropna()
    (tmp_path / "in").mkdir()
    rows.head(10).to_parquet(tmp_path / "in" / "north.parquet", index=False)
    rows.tail(5).to_parquet(tmp_path / "in" / "it's.parquet", index=False)
    settings = {
        "inputs": {"path": "in/{partition}.parquet", "row_key": ["flower"]},
        "outputs": {"path": "sql", "format": "sql", "database": url},
        "partitions": {"type": "static", "keys": ["north", "it's", "never"]},
    }
    for partition in ("north", "it's"):
        done = run(partition=partition, **settings)
        assert done.success
        assert all(check.passed for check in done.checks.values())
    assert done.metadata("model_explanations")["rows_explained"] == 15
    rows.head(3).to_parquet(tmp_path / "in" / "north.parquet", index=False)
    assert run(partition="north", job="inference", **settings).success
    with open_session(SqlAddress.parse(url), writing=False) as session:
        counted = "SELECT mlops_assets_partition, count(*) FROM predictions GROUP BY 1 ORDER BY 1"
        assert session.rows(counted) == [("it's", 5), ("north", 3)]


@pytest.mark.slow
@each_kind
def test_predictions_and_their_explanations_join_in_every_database(url, champion, run, tmp_path):
    """The table that is written, and the one that `join_explanations` gives for tables read back: the same rows."""
    rows = customers(champion).dropna()
    settings = {"row_key": ["flower"], "explain": {"limit": 11}}
    assert run(rows, **settings, outputs={"path": "tables", "joined": True}).success
    put(url, "flowers", rows)
    outputs = {"path": "sql", "format": "sql", "database": url, "joined": True}
    done = run({"database": url, "table": "flowers", "row_key": ["flower"]}, outputs=outputs, explain={"limit": 11})
    assert done.success
    found = published(url, "predictions_explained")
    assert found.equals(pq.read_table(tmp_path / "tables" / "predictions_explained.parquet"))
    assert found.num_rows == 11 * 3
    predictions, ledger = (published(url, name) for name in ("predictions", "sample_explanations"))
    joined = join_explanations(predictions, ledger).read_all()
    assert joined.to_pylist() == found.to_pylist()
