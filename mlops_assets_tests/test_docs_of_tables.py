"""The pages on explanations and tables are true: every snippet is run on real tables, and every column is listed."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.trees.arrays import Space

DOCS = Path(__file__).parent.parent / "docs"
BLOCK = re.compile(r"(<!-- (?:needs|with): (\w+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


def blocks(page: str, language: str) -> list[tuple[str, str]]:
    """Its snippets: the package that each needs beyond those of the tests, and the text."""
    found = BLOCK.findall((DOCS / page).read_text("utf-8"))
    return [(needs, text) for _, needs, kind, text in found if kind == language]


@pytest.fixture
def tables(registry, run, monkeypatch, tmp_path):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    rows = features.assign(customer_id=[f"c{n:03}" for n in range(150)])
    outputs, reasons = {"path": "tables/churn", "joined": True}, {"joined": True}
    explain = {"reasons": reasons, "changes": {}}
    done = run(rows, row_key=["customer_id"], outputs=outputs, explain=explain, monitor={})
    assert done.success
    assert "no champion before" in done.metadata("changes")["not_compared"]
    monkeypatch.chdir(tmp_path)
    return model, features, tmp_path / "tables" / "churn"


def execute(page: str, method: str = "predict") -> dict[str, Any]:
    """The names that its Python snippets leave; those that need a package which is not installed are left out."""
    names: dict[str, Any] = {}
    for needs, text in blocks(page, "python"):
        chosen = not needs or find_spec(needs) is not None
        if needs == method or (method == "predict" and chosen):
            exec(compile(text, page, "exec"), names)
    return names


def test_the_page_on_tables(tables):
    model, features, folder = tables
    names = execute("tables.md")
    labels = model.predict(features).tolist()
    assert names["predicted_class"]["prediction"].tolist() == labels
    assert names["duckdb_class"].sort_values("customer_id")["output"].tolist() == labels
    if find_spec("polars"):
        assert names["polars_class"].sort("customer_id")["output"].to_list() == labels
    assert pd.read_parquet("churn_explained.parquet").equals(pd.read_parquet(folder / "predictions_explained.parquet"))
    with duckdb.connect() as connection:
        for name in ("predictions", "sample_explanations"):
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM '{folder / name}.parquet'")
        for _, text in blocks("tables.md", "sql"):
            answer = connection.sql(text) if text.startswith("SELECT") else connection.execute(text)
        assert [row[1] for row in answer.fetchall()] == labels


def test_probabilities_by_class_join_with_their_explanations(registry, run, monkeypatch, tmp_path):
    features, target = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    registry.add_sklearn(model, features)
    rows = features.assign(customer_id=[f"c{n:03}" for n in range(150)])
    outputs = {"path": "tables/churn"}
    assert run(rows, row_key=["customer_id"], outputs=outputs, predict={"method": "predict_proba"}).success
    monkeypatch.chdir(tmp_path)
    joined = execute("tables.md", "predict_proba")["explained_probabilities"].sort_values(["customer_id", "output"])
    np.testing.assert_allclose(joined["probability"].to_numpy().reshape(150, 3), model.predict_proba(features))
    assert joined["explained_value"].notna().all()


def _general(name: re.Match[str]) -> str:
    """`reason_1_text` as the page has it."""
    return f"reason_<rank>{name[3]}" if name[2] else f"{name[1]}_<input column>"


def test_every_column_is_described(tables):
    _, features, folder = tables
    page = (DOCS / "tables.md").read_text("utf-8")
    sections = dict(re.findall(r"^## `(\w+)`\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE))
    for path in sorted(folder.glob("*.parquet")):
        text = sections[path.stem]
        for column in pq.read_schema(path).names:
            if column not in ("customer_id", *features.columns) and path.stem != "predictions_explained":
                word = re.sub(r"^(?:(shap|change)_.*|(reason)_\d+(.*))", _general, column)
                assert f"`{word}`" in text, (path.stem, column)
    assert {path.stem for path in folder.glob("*.parquet")} <= set(sections)


def test_the_page_on_explanations(tables):
    model, features, _ = tables
    ledger = execute("explain.md")["ledger"]
    found = ledger["probability"].to_numpy().reshape(150, 3)
    np.testing.assert_allclose(found, model.predict_proba(features), atol=1e-12)


def test_every_space_is_explained():
    page = (DOCS / "explain.md").read_text("utf-8")
    assert all(f"| `{space}` |" in page for space in get_args(Space))


def test_the_costs_are_those_of_the_code():
    page = (DOCS / "explain.md").read_text("utf-8")
    assert f"{2**6 * 100:,}" in page
    assert f"{4 * (30 - 1) * 100:,}" in page
