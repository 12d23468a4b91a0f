"""examples/notebook: its cells run one after another, as a notebook runs them."""

import re

import numpy as np
import pytest

from mlops_assets_tests.examples.conftest import EXAMPLES

PLACE = EXAMPLES / "notebook" / "explore.py"


def cells(text: str) -> list[tuple[str, str]]:
    """(kind, source) of each cell of a script in the percent format."""
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    return [
        ("markdown" if "[markdown]" in title else "code", source)
        for title, source in zip(parts[::2], parts[1::2], strict=True)
    ]


def test_it_is_a_notebook_of_text_and_code():
    kinds = [kind for kind, _ in cells(PLACE.read_text("utf-8"))]
    assert kinds.count("code") >= 4
    assert kinds.count("markdown") >= 4
    for kind, source in cells(PLACE.read_text("utf-8")):
        if kind == "markdown":
            assert all(line.startswith("#") for line in source.splitlines() if line)


@pytest.mark.slow
def test_each_cell_runs_and_the_results_are_true(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    names: dict[str, object] = {"__name__": "__main__"}
    for kind, source in cells(PLACE.read_text("utf-8")):
        if kind == "code":
            exec(compile(source, str(PLACE), "exec"), names)
    assert names["verdict"].accepted["wine"].to_pylist() == [1]
    assert names["verdict"].rejected.num_rows == 1
    model, wines = names["model"], names["wines"]
    assert names["predictions"]["prediction"].to_pylist() == model.predict(wines).tolist()
    assert "max_rejected=1" in names["refusal"]
    assert names["accepted"].num_rows == len(wines) - 1
    frame, shap = names["frame"], names["shap"]
    assert len(frame) == 3 * len(wines)
    np.testing.assert_allclose(
        frame["base_value"] + frame[shap].sum(axis=1) + frame["residual"], frame["explained_value"], atol=1e-12
    )
    assert "probability" in capsys.readouterr().out
