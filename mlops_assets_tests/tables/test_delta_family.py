"""A model's whole family from Delta to Delta: the Parquet family row for row, and which version was read is told."""

import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_assets.tables.delta_writer import DeltaWriter
from mlops_assets.tables.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets_tests.test_graph import ASSETS, data_versions, iris

TABLES = sorted(ASSETS - {"champion_model", "model_signature"})


def published(folder, name: str, writer=None) -> pa.Table:
    return (writer or DeltaWriter()).read(Location.parse(str(folder)).child(name)).to_table()


@pytest.fixture
def flowers(registry):
    features, target = iris()
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    return features.assign(flower=[f"f{number}" for number in range(len(features))])


def written(folder, frame: pd.DataFrame) -> dict:
    from deltalake import write_deltalake

    write_deltalake(folder, pa.Table.from_pandas(frame, preserve_index=False), mode="overwrite")
    return {"path": str(folder), "format": "delta", "row_key": ["flower"]}


def test_the_family_from_delta_to_delta_equals_the_parquet_family(flowers, run, tmp_path):
    inputs = written(tmp_path / "flowers", flowers)
    delta = run(inputs, outputs={"path": "delta", "format": "delta"})
    assert delta.success
    assert [check for check, found in delta.checks.items() if not found.passed] == []
    parquet = run(flowers, row_key=["flower"])
    assert parquet.success
    for name in TABLES:
        one = published(tmp_path / "delta", name)
        other = published(tmp_path / "tables", name, ParquetWriter())
        assert one.equals(other)
        assert one.schema.metadata == other.schema.metadata
        assert delta.metadata(name)["table_version"] == 0
        assert delta.metadata(name)["dagster/uri"].endswith(f"delta/{name}")
    assert data_versions(delta.result) == data_versions(parquet.result)
    assert delta.metadata("input_samples")["inputs_uri"] == (tmp_path / "flowers").as_uri() + "@v0"
