"""Predictions and explanations in one table: nothing twice, nothing lost, refused where they do not belong together."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets import join_explanations
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets_tests.explain.old_ledgers import as_of_0_1, small_ledger


def predictions(keys: list[int], *, version: int = 1, inputs: str = "i", **outputs: list[object]) -> pa.Table:
    outputs = outputs or {"prediction": [key % 3 for key in keys]}
    provenance = Provenance(row_key=("id",), model_uri=f"models:/m/{version}", inputs_version=inputs)
    columns = {"id": keys, **outputs, "model_version": [version] * len(keys), "model_digest": ["d" * 64] * len(keys)}
    return pa.table(columns).replace_schema_metadata(provenance.to_metadata())


def joined(scored: object, ledger: object, row_key: list[str] | None = None) -> pd.DataFrame:
    frame: pd.DataFrame = join_explanations(scored, ledger, row_key).read_all().to_pandas()
    return frame


def test_each_explained_row_has_its_prediction():
    keys = [5, 3, 9, 1]
    ledger = small_ledger(keys)
    table = join_explanations(predictions(keys), ledger).read_all()
    assert table.column_names == [
        "id", "prediction", "output", "space", "explained_value", "base_value", "residual", "shap_a", "shap_b",
        "model_version", "model_digest",
    ]  # fmt: skip
    expected = (
        predictions(keys).to_pandas().merge(ledger.to_pandas(), on=["id", "model_version", "model_digest"], sort=False)
    )
    pd.testing.assert_frame_equal(table.to_pandas(), expected[table.column_names])
    chosen = table.filter(pa.compute.equal(table["prediction"], table["output"]))
    assert chosen["id"].to_pylist() == keys


def test_rows_that_were_not_explained_are_left_out():
    keys = list(range(200_000))
    some = [key for key in keys if key % 7 == 3]
    found = joined(predictions(keys), small_ledger(some, outputs=("1",)))
    assert found["id"].tolist() == some
    assert found["prediction"].tolist() == [key % 3 for key in some]


def test_outputs_that_are_called_like_columns_of_the_ledger_get_another_name():
    outputs = {"output": [1.0], "explained_value": [2.0], "shap_a": [3.0], "score": [4.0], "predicted_output": [5.0]}
    found = joined(predictions([1], **outputs), small_ledger([1], outputs=("1",)))
    assert found.loc[0, ["predicted_explained_value", "predicted_shap_a", "score"]].tolist() == [2.0, 3.0, 4.0]
    assert found.columns.is_unique
    assert found.loc[0, "output"] == 1
    assert {1.0, 5.0} == set(found.filter(regex="predicted_.*output").iloc[0])


def test_a_ledger_of_0_1_is_joined_in_todays_columns():
    found = joined(predictions([1, 2]), as_of_0_1(small_ledger([1, 2])))
    assert found["prediction"].tolist() == [1, 1, 1, 2, 2, 2]
    assert found["explained_value"].tolist() == small_ledger([1, 2])["explained_value"].to_pylist()
    assert found["space"].unique().tolist() == ["softmax margin"]
    assert found["output"].tolist() == ["0", "1", "2"] * 2


def test_frames_and_keys_of_several_columns():
    ledger = small_ledger([1, 2], outputs=("1",)).to_pandas()
    ledger.insert(1, "day", ["a", "b"])
    scored = predictions([1, 1, 2], prediction=[10, 11, 12]).to_pandas()
    scored.insert(1, "day", ["b", "a", "b"])
    found = joined(scored, ledger)
    assert found[["id", "day", "prediction"]].to_numpy().tolist() == [[1, "a", 11], [2, "b", 12]]
    assert joined(scored, ledger, row_key=["id", "day"]).equals(found)
    assert joined(scored.set_index(["id", "day"]), ledger).equals(found)


@pytest.mark.parametrize(
    ("scored", "words"),
    [
        (predictions([1, 2], version=2), "different model version: models:/m/2 and models:/m/1"),
        (predictions([1, 2], inputs="other"), "different input rows: other and i"),
        (predictions([1]), r"explained row {'id': 2} is not among"),
        (predictions([2, 1]), r"explained row {'id': 2} is not among|not in their order"),
        (predictions([1, 2], version=2).replace_schema_metadata(None), "differ in model_version"),
    ],
    ids=["version", "inputs", "missing", "order", "version column"],
)
def test_tables_that_do_not_belong_together_are_refused(scored, words):
    rows = 70_000 if "order" in words else 2
    ledger = small_ledger([1, 2], outputs=("1",))
    if rows > 2:
        scored = predictions([2, *range(100, 70_100), 1])
    with pytest.raises(ExplanationError, match=words) as refused:
        joined(scored, ledger)
    assert "Materialize" in str(refused.value)


@pytest.mark.parametrize(
    ("scored", "ledger", "words"),
    [
        (predictions([1]), predictions([1]), "no column `output`"),
        (predictions([1]).drop_columns(["id"]), small_ledger([1]), r"predictions lack the columns \['id'\]"),
        (predictions([1]), small_ledger([1]).drop_columns(["id"]), "No column before `output`"),
        (predictions([1]), [1, 2], "A list is not a table"),
        (
            predictions([1]),
            small_ledger([1]).set_column(0, "id", pa.array(["x", "y", "z"])).replace_schema_metadata(None),
            "'id' is int64 in the predictions and string in the explanations",
        ),
    ],
    ids=["no ledger", "no key", "no key in the ledger", "no table", "types"],
)
def test_what_is_no_such_table_is_named(scored, ledger, words):
    with pytest.raises(ConfigurationError, match=words):
        joined(scored, ledger)


def test_nothing_explained_gives_the_columns_alone():
    empty = join_explanations(predictions([1]), small_ledger([])).read_all()
    assert (empty.num_rows, empty.column_names[:3]) == (0, ["id", "prediction", "output"])
    assert np.dtype(empty.schema.field("output").type.to_pandas_dtype()) == np.int64
