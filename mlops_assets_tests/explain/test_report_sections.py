"""The report's sections on what changed, drift and performance, of rows as their tables have them."""

from collections import defaultdict
from html.parser import HTMLParser
from typing import Any

import numpy as np

from mlops_assets.explain.report.bars import waterfall
from mlops_assets.explain.report.blocks import data_table
from mlops_assets.explain.report.changes_section import changes_section
from mlops_assets.explain.report.drift_section import drift_section
from mlops_assets.explain.report.performance_section import performance_section
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.report.section import Section

HOSTILE = "<script>alert(1)</script>"


def text_of(section: Section | None) -> str:
    """What a reader sees of a section."""
    assert section is not None

    class Text(HTMLParser):
        seen = ""

        def handle_data(self, data: str) -> None:
            self.seen += data

        def handle_starttag(self, tag: str, attrs: Any) -> None:
            assert tag not in ("script", "img")

    reader = Text()
    reader.feed(render("report.html.jinja", title="t", summary=Section("Summary", "summary", ()), sections=[section]))
    return reader.seen


def _drift(role: str, name: str | None, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = defaultdict(lambda: None, segment="all rows", role=role, column_name=name, rows=100)
    return row | {"output": None, "drifted": None, **values}


def _rows_of_drift() -> list[dict[str, Any]]:
    empty = dict.fromkeys(
        ("mean", "reference_mean", "missing_share", "reference_missing_share", "psi", "jensen_shannon", "unseen_share")
    ) | dict.fromkeys(("unseen_categories", "note", "rank"))
    moved = {"mean": 5.0, "reference_mean": 2.0, "psi": 0.61, "drifted": True, "rank": 1}
    rows = [
        _drift("input", "income", **empty | moved),
        _drift("input", HOSTILE, **empty | {"jensen_shannon": 0.01, "drifted": False, "rank": 2}),
        _drift("prediction", "probability", **empty | {"psi": 0.02, "drifted": False, "rank": 3}),
        _drift("input", "income", **empty | moved | {"segment": "city: Bern", "rows": 10}),
    ]
    parts: tuple[tuple[str, str | None, float], ...] = (
        ("explained_value", None, 4.0),
        ("base_value", None, 0.0),
        ("attribution", "income", 3.0),
    )
    parts += (("attribution", HOSTILE, 1.0), ("residual", None, 0.0))
    rows += [
        _drift(role, name, output="yes", mean=change, reference_mean=0.0, mean_change=change)
        for role, name, change in parts
    ]
    return rows


def test_drift_names_the_columns_and_decomposes_the_change():
    section = drift_section(_rows_of_drift(), "run of Monday", "all rows", "log-odds")
    text = text_of(section)
    assert section is not None
    assert section.headline == "1 of 2 inputs drifted against run of Monday."
    assert section.watch == (("Drift of income", "PSI 0.61, mean 2 before, 5 now."),)
    assert "before0" in text
    assert "income+3" in text
    assert f"{HOSTILE}+1" in text
    assert "now4" in text
    assert "The mean explained value of yes (log-odds)" in text
    # It is no input, and has not changed.
    assert "base value" not in text
    assert "Columns by the strength of their change; all 3" in text
    assert "city: Bern101income" in text.replace("\n", "")
    assert drift_section([], "run of Monday", "all rows", "log-odds") is None


def _changes(**values: Any) -> list[dict[str, Any]]:
    row = {
        "output": "yes", "segment_column": None, "segment": None, "rows": 200, "changed_rows": 50,
        "changed_share": 0.25,
        "swapped_up": 3, "swapped_down": 1, "swapped_share": 0.02, "mean_before": 0.5, "mean_after": 0.6,
        "mean_abs_change": 0.15, "max_abs_change": 0.4, "mean_difference": 0.7, "mean_base_change": 0.1,
        "mean_residual_change": 0.0, "version_before": 2, "version_after": 3,
    }  # fmt: skip
    causes = (("age", 0.9, 0.5), (HOSTILE, 0.2, 0.1))
    return [
        row | values | {"rank": rank, "feature": name, "feature_mean_abs_change": size, "feature_mean_change": mean}
        for rank, (name, size, mean) in enumerate(causes, 1)
    ]


def test_changes_say_for_whom_and_by_which_columns():
    rows = [*_changes(), *_changes(segment_column="city", segment="Bern", changed_share=0.9, rows=10)]
    section = changes_section(rows, 3, "log-odds")
    text = text_of(section)
    assert section is not None
    assert section.title == "What changed since version 2"
    assert section.headline == (
        "25 % of 200 predictions change, 2 % change sides of the threshold; by 15 percentage points on average, at "
        "most by 40 percentage points."
    )
    assert section.watch[0][1] == f"most of the difference comes from age, {HOSTILE}."
    assert "3 rows to above it, 1 rows to below it" in text
    assert "0.15 on average, at most 0.4 (probability)" in text
    assert "age (0.9 per row)+0.5" in text
    assert "base value+0.1" in text
    assert "mean difference0.7" in text
    assert "city: Bern1090 %" in text.replace("\n", "")
    candidate = changes_section(rows, 2, "log-odds", only=(["debt"], []), partition="monday")
    assert candidate is not None
    assert candidate.title == "What version 3 would change (partition monday)"
    assert "Columns that only version 2 hasdebt" in text_of(candidate).replace("\n", "")
    assert changes_section([], 3, "log-odds") is None


def test_limits_that_are_passed_come_first_among_what_to_look_at():
    section = changes_section(_changes(changed_share=0.01), 2, "identity", beyond=["changed share is 0.01, above 0"])
    assert section is not None
    assert section.watch[0] == ("What version 3 would change, beyond the limits", "changed share is 0.01, above 0.")
    assert len(section.watch) == 2
    assert "by 0.15 (in the prediction's unit) on average" in section.headline


def test_columns_without_any_text_are_left_out_where_they_may_be():
    rows = [["a", "", "1"], ["b", "", "2"]]
    assert data_table("", ["x", "note", "n"], rows, numeric=(2,)).header == ("x", "note", "n")
    table = data_table("", ["x", "note", "n"], rows, numeric=(2,), optional=(1,))
    assert (table.header, table.rows[0], table.numeric) == (("x", "n"), ("a", "1"), (1,))
    rows[1][1] = "new"
    assert data_table("", ["x", "note", "n"], rows, optional=(1,)).header == ("x", "note", "n")


def test_of_many_columns_the_others_are_counted_without_the_base_value():
    steps = [(f"c{place}", "", 1.0 + place) for place in range(9)]
    rows = [(row.name, row.number) for row in waterfall(0.0, 45.5, steps, 0.0, "", base_change=0.5).rows]
    assert rows[-3:] == [("1 other input", "+1"), ("base value", "+0.5"), ("prediction", "45.5")]


def test_a_name_does_not_turn_round_the_text_that_follows_it():
    rows = _changes(feature_mean_change=0.3, segment_column="a\u202eb", segment="\u2067c")
    text = text_of(changes_section([*_changes(), *rows], 3, "log-odds"))
    assert "a\ufffdb: \ufffdc" in text
    assert not set(text) & set("\u202e\u2067")


def _measured(metric: str, value: float, **other: Any) -> dict[str, Any]:
    row = {"model_version": 3, "compared_with": None, "partition": None, "segment": None, "segment_value": None}
    return row | {
        "metric": metric,
        "value": value,
        "low": value - 0.1,
        "high": value + 0.1,
        "rows": 1234,
        "paired": None,
        **other,
    }


def test_performance_is_that_of_the_version_with_intervals_and_calibration():
    rows = [
        _measured("accuracy", 0.7),
        _measured("roc_auc", 0.85),
        _measured("roc_auc", -0.2, compared_with=2, paired=True),
        _measured("roc_auc", 0.6, segment="city", segment_value=HOSTILE),
        _measured("roc_auc", 0.8, partition="2026-01"),
        _measured("roc_auc", 0.9, model_version=2),
    ]
    edges = np.linspace(0, 1, 5)
    bins = [
        {"model_version": 3, "output": "yes", "predicted": float(edge), "observed": float(edge**2)} for edge in edges
    ]
    section = performance_section(rows, bins, 3, ("roc_auc",))
    text = text_of(section)
    assert section is not None
    assert section.headline == "roc auc 0.85 (95 % interval 0.75 to 0.95), from 1,234 outcomes."
    worse = "worse than that of version 2, −0.2 (95 % interval −0.3 to −0.1)."
    assert section.watch == (("roc auc", worse),)
    of_errors = performance_section(rows, bins, 3, ("roc_auc",), {"roc_auc"})
    assert of_errors is not None
    assert of_errors.watch == ()
    assert "minus version 2 (same rows)" in text
    assert f"city: {HOSTILE}" in text
    assert "2026-01" in text
    assert "mean outcome" in text
    later = performance_section(rows, [], 4, ("roc_auc",))
    assert later is not None
    assert later.headline.startswith("Version 4 is not compared with outcomes yet; of version 3: roc auc 0.85")
    assert performance_section([], [], 3) is None
