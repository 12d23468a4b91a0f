"""No event of a run grows with the width of its tables: each stays near 200 KB, whatever is long or many."""

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression, LogisticRegression

from mlops_assets.metadata import (
    COLUMN_LINEAGE,
    LINEAGE_NOTE,
    MOST_EVENT_BYTES,
    lineage_metadata,
    list_names,
    schema_metadata,
    table_metadata,
)

SOURCE = dg.AssetKey(["model", "input_samples"])


def event_bytes(done) -> dict[str, int]:
    """The largest event of each step and type, in the bytes that Dagster stores."""
    largest: dict[str, int] = {}
    for event in done.result.all_events:
        name = f"{event.step_key} {event.event_type_value}"
        largest[name] = max(largest.get(name, 0), len(dg.serialize_value(event)))
    return largest


def assert_bounded(done) -> None:
    sizes = event_bytes(done)
    assert not {name: size for name, size in sizes.items() if size > MOST_EVENT_BYTES}
    assert len(sizes) > 30


def wide(columns: int, name: str = "column_{}", rows: int = 40) -> pd.DataFrame:
    values = np.random.default_rng(0).standard_normal((rows, columns))
    return pd.DataFrame(values, columns=[name.format(number) for number in range(columns)])


def linear(registry, frame: pd.DataFrame) -> None:
    registry.add_sklearn(LinearRegression().fit(frame, frame.iloc[:, 0]), frame)


@pytest.mark.parametrize("columns", [20, 60, 400, 1500])
def test_wide_inputs(columns, registry, run):
    frame = wide(columns)
    linear(registry, frame)
    done = run(frame.assign(id=range(len(frame))), row_key=["id"], outputs={"path": "tables", "joined": True})
    assert done.success is True
    assert_bounded(done)
    lineage = done.metadata("sample_explanations")[COLUMN_LINEAGE].deps_by_column
    own = lineage["shap_column_3"]
    assert dg.TableColumnDep(dg.AssetKey(["m", "input_samples"]), "column_3") in own
    assert len(own) == (columns if columns == 20 else 1)
    assert (LINEAGE_NOTE in done.metadata("sample_explanations")) == (columns > 20)


def test_long_names_of_columns(registry, run):
    frame = wide(60, "a name of many words, number {}, " + "and so on " * 60)
    linear(registry, frame)
    done = run(frame.assign(id=range(len(frame))), row_key=["id"])
    assert done.success is True
    assert_bounded(done)


def test_many_classes_as_probabilities(registry, run):
    frame = wide(12, rows=600)
    model = LogisticRegression(max_iter=3).fit(frame, [f"class {number % 300}" for number in range(600)])
    registry.add_sklearn(model, frame)
    done = run(
        frame[:20].assign(id=range(20)), row_key=["id"], predict={"method": "predict_proba"}, explain={"limit": 5}
    )
    assert done.success is True
    assert_bounded(done)
    assert done.metadata("predictions")["statistics_exact"]


def test_many_categories_and_columns_that_the_model_does_not_read(registry, run):
    frame = wide(5, rows=400).assign(**{f"unread_{number}_{'x' * 80}": 1.0 for number in range(800)})
    read = frame.iloc[:, :5]
    registry.add_sklearn(LogisticRegression(max_iter=3).fit(read, [f"{n} {'y' * 300}" for n in range(400)]), read)
    done = run(frame.assign(id=range(400)), row_key=["id"], explain={"limit": 5})
    assert done.success is True
    assert_bounded(done)
    assert " more" in done.metadata("input_samples")["ignored_columns"]


@pytest.mark.parametrize("lacking", [50, 1200])
def test_a_table_that_lacks_hundreds_of_columns(lacking, registry, run):
    frame = wide(1500)
    linear(registry, frame)
    done = run(frame.iloc[:, : 1500 - lacking].assign(id=range(len(frame))), row_key=["id"])
    assert done.success is not True
    assert_size = max(event_bytes(done).values())
    assert assert_size <= MOST_EVENT_BYTES
    assert "column 'column_1499' is missing" in done.error() or "characters)" in done.error()


def test_every_row_is_refused_in_hundreds_of_columns(registry, run):
    frame = wide(700)
    linear(registry, frame)
    done = run((frame * np.nan).assign(id=range(len(frame))), row_key=["id"])
    assert done.success is not True
    assert max(event_bytes(done).values()) <= MOST_EVENT_BYTES


def test_many_partitions(registry, run):
    frame = wide(3)
    linear(registry, frame)
    names = [f"partition-{number}-{'z' * 60}" for number in range(2000)]
    for name in names[:2]:
        frame.assign(id=range(len(frame))).to_parquet(registry.folder.parent / f"{name}.parquet", index=False)
    settings = {
        "inputs": {"path": "{partition}.parquet", "row_key": ["id"]},
        "partitions": {"type": "static", "keys": names},
    }
    for name in names[:2]:
        done = run(partition=name, **settings)
        assert done.success is True
        assert_bounded(done)


class TestLineage:
    def test_is_complete_up_to_some_tens_of_columns(self):
        names = [f"c{number}" for number in range(28)]
        whole = lineage_metadata(dict.fromkeys(names, names), SOURCE)
        assert LINEAGE_NOTE not in whole
        assert {len(of_one) for of_one in whole[COLUMN_LINEAGE].deps_by_column.values()} == {28}

    def test_beyond_it_is_each_columns_own_with_a_note(self):
        names = [f"c{number}" for number in range(3000)]
        bounded = lineage_metadata(dict.fromkeys(names, names), SOURCE, own={name: [name] for name in names})
        deps = bounded[COLUMN_LINEAGE].deps_by_column
        assert deps["c7"] == [dg.TableColumnDep(SOURCE, "c7")]
        assert 500 < len(deps) < 3000
        assert "9000000 times" in bounded[LINEAGE_NOTE]
        assert str(len(deps)) in bounded[LINEAGE_NOTE]

    def test_of_one_long_name_nothing_is_left(self):
        name = "x" * 10**6
        assert lineage_metadata({name: [name]}, SOURCE, own={name: [name]})[COLUMN_LINEAGE].deps_by_column == {}


class TestSchema:
    def test_names_every_column_with_its_description(self):
        schema = pa.schema([(f"c{number}", pa.int64()) for number in range(50)])
        shown = schema_metadata(schema, {"c0": "The first."})
        assert [column.name for column in shown.columns] == schema.names
        assert shown.columns[0].description == "The first."

    def test_leaves_out_descriptions_and_then_columns_and_says_how_many(self):
        schema = pa.schema([(f"c{number}", pa.int64()) for number in range(3000)])
        shown = schema_metadata(schema, dict.fromkeys(schema.names, "words " * 10))
        left_out = 3000 - len(shown.columns)
        assert 0 < left_out < 2950
        assert shown.constraints.other == [f"{left_out} more columns, which the table itself names"]


def test_names_in_one_text():
    assert list_names([]) == ""
    assert list_names([], none="(none)") == "(none)"
    assert list_names(["a", 2]) == "a, 2"
    many = list_names(f"column_{number}" for number in range(5000))
    assert len(many) < 2_100
    assert many.endswith(" more")


def test_cells_and_rows_of_tables_are_bounded():
    rows = [{"name": "n" * 10**6}] * 100
    shown = table_metadata(rows, {"name": "string"})
    assert len(shown.records) < 30
    assert len(shown.records[0].data["name"]) < 1_100


def test_signature_of_hundreds_of_columns(registry, run):
    frame = wide(900)
    linear(registry, frame)
    assert infer_signature(frame).inputs is not None
    done = run(frame.assign(id=range(len(frame))), row_key=["id"], job="inference")
    assert done.success is True
    assert_bounded(done)
