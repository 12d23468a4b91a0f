"""The whole family from a database to a database: the same tables as with Parquet files, row for row."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier

from mlops_assets.tables.provenance import Provenance
from mlops_assets.tables.sql.address import Address
from mlops_assets.tables.sql.names import TableName
from mlops_assets.tables.sql.reader import read
from mlops_assets.tables.sql.writer import Target, write
from mlops_assets_tests.tables.sql.conftest import each_kind
from mlops_assets_tests.tables.sql.test_round_trip import dataset

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
    write(dataset(pa.Table.from_pandas(rows, preserve_index=False)), Target(Address.parse(url), TableName(name)))


def published(url: str, asset: str, prefix: str = "") -> pa.Table:
    return read(Address.parse(url), TableName(prefix + asset))[1].read_all()


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
