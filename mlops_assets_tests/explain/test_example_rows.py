"""The rows worth showing."""

import numpy as np
import pyarrow as pa

from mlops_assets.explain.report.example_rows import pick_example_rows


def _batches(predictions: list[float], residuals: list[float], outputs=("yes",)):
    table = pa.table(
        {
            "patient": np.repeat(np.arange(len(predictions)), len(outputs)),
            "output": list(outputs) * len(predictions),
            "explained_value": np.repeat(predictions, len(outputs)),
            "residual": np.repeat(residuals, len(outputs)),
        }
    )
    return table.to_batches(max_chunksize=3)


def test_extremes_median_and_worst_are_found() -> None:
    found = pick_example_rows(_batches([5.0, 1.0, 9.0, 3.0, 7.0], [0.0, 0.0, 1e-9, -1e-3, 0.0]))
    assert [(row.why, row.row["patient"]) for row in found["yes"]] == [
        ("highest", 2), ("median", 0), ("lowest", 1), ("largest residual", 3),
    ]  # fmt: skip


def test_no_residual_is_shown_where_there_is_none() -> None:
    assert [row.why for row in pick_example_rows(_batches([1.0, 2.0], [0.0, 0.0]))["yes"]] == [
        "highest",
        "median",
        "lowest",
    ]


def test_only_the_first_outputs_are_looked_at() -> None:
    assert list(pick_example_rows(_batches([1.0], [0.0], ("a", "b", "c")), outputs=2)) == ["a", "b"]


def test_an_empty_ledger_has_no_rows_to_show() -> None:
    assert pick_example_rows([]) == {}
