"""The summary plot: small, 700 pixels wide, the same bytes again, and drawn from the numbers."""

import re
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.formatting import shorten
from mlops_assets.explain.report.points import GREY, SHADES, dots, spread_out, value_ranks
from mlops_assets.explain.report.summary_plot import summary_plot_svg

SVG = "{http://www.w3.org/2000/svg}"
BLUE, RED = SHADES[0], SHADES[-1]


def _summary(features: list[str], outputs: list[str], rows: int = 600, seed: int = 0) -> LedgerSummary:
    random = np.random.default_rng(seed)
    batches = []
    for output in outputs:
        columns = {f"shap_{name}": random.normal(size=rows) * (place + 1) for place, name in enumerate(features)}
        version = {"model_version": np.ones(rows, np.int64), "model_digest": ["d"] * rows}
        batches.append(
            pa.RecordBatch.from_pydict({"key": np.arange(rows), "output": [output] * rows, **columns, **version})
        )
    return LedgerSummary.from_batches(batches, features, outputs)


def _texts(svg: bytes) -> list[str]:
    return [label.text or "" for label in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def _points(path: str) -> np.ndarray:
    """(points, 2): where the dots of a path lie."""
    steps = re.findall(r"m(-?[\d.]+) ?(-?[\d.]+)h0", path)
    return np.cumsum(np.array(steps, dtype=float), axis=0)


def _dots(svg: bytes) -> dict[str, np.ndarray]:
    """Colour -> the places of all dots of this colour."""
    found: dict[str, list[np.ndarray]] = {}
    for path in ElementTree.fromstring(svg).iter(f"{SVG}path"):
        if path.get("class") == "dots":
            found.setdefault(str(path.get("stroke")), []).append(_points(str(path.get("d"))))
    return {colour: np.concatenate(parts) for colour, parts in found.items()}


@pytest.mark.parametrize("outputs", [["yes"], ["a", "b", "c"], [f"class {place}" for place in range(30)]])
@pytest.mark.parametrize("count", [1, 40])
def test_it_is_small_and_700_pixels_wide(outputs: list[str], count: int) -> None:
    svg = summary_plot_svg(_summary([f"a rather long name of feature {place}" for place in range(count)], outputs))
    assert len(svg) < 80_000
    assert ElementTree.fromstring(svg).get("width") == "700"


def test_the_same_summary_gives_the_same_bytes() -> None:
    assert summary_plot_svg(_summary(["a", "b"], ["yes"])) == summary_plot_svg(_summary(["a", "b"], ["yes"]))


def test_every_mark_lies_inside_the_picture() -> None:
    for outputs in (["yes"], ["a", "b", "c", "d", "e"]):
        svg = summary_plot_svg(_summary(["a", "b", "c"], outputs))
        root = ElementTree.fromstring(svg)
        width, height = float(root.get("width", 0)), float(root.get("height", 0))
        assert all(
            0 <= float(mark.get("x", 0)) <= width and 0 <= float(mark.get("y", 0)) <= height
            for mark in root.iter()
            if mark.tag in (f"{SVG}text", f"{SVG}rect")
        )
        for points in _dots(svg).values():
            assert (points >= 0).all()
            assert (points <= [width, height]).all()


def test_it_refers_to_nothing_and_brings_its_own_colours_and_ground() -> None:
    svg = summary_plot_svg(_summary(["a"], ["yes"])).decode()
    assert svg.count("http") == 1  # the namespace
    assert not re.search(r"<script|href|url\(|@import|var\(", svg)
    ground = ElementTree.fromstring(svg).find(f"{SVG}rect")
    assert ground is not None
    assert ground.get("fill") == "#fff"


def test_input_values_colour_the_points() -> None:
    summary = _summary(["a", "b"], ["yes"])
    sample = summary.sample("yes")
    assert sample is not None
    inputs = pa.table({name: sample.column(f"shap_{name}") for name in ("a", "b")})
    points = _dots(summary_plot_svg(summary, inputs=inputs))
    assert set(points) == set(SHADES)
    # High values push up here: they lie on the right.
    assert np.median(points[RED][:, 0]) > np.median(points[BLUE][:, 0]) + 50
    assert sum(map(len, points.values())) == 2 * sample.num_rows


def test_without_input_values_the_points_are_grey_and_no_legend_explains_them() -> None:
    svg = summary_plot_svg(_summary(["a", "b"], ["yes"]))
    assert set(_dots(svg)) == {GREY}
    assert "low value" not in _texts(svg)


def test_several_outputs_are_stacked_in_their_colours() -> None:
    svg = summary_plot_svg(_summary(["a"], [f"class {place}" for place in range(12)]))
    bars = [box for box in ElementTree.fromstring(svg).iter(f"{SVG}rect") if float(box.get("height", 0)) > 10][1:]
    assert len(bars) == 8
    ends = [float(bar.get("x", 0)) + float(bar.get("width", 0)) for bar in bars]
    assert [float(bar.get("x", 0)) for bar in bars[1:]] == pytest.approx(ends[:-1], abs=0.11)
    assert len({bar.get("fill") for bar in bars}) == 8
    assert {"class 0", "class 6", "other outputs"} <= set(_texts(svg))
    assert "class 7" not in _texts(svg)


@pytest.mark.parametrize("name", ["$x^2$ \\frac", "<b>&\"'", "Größe in m²", "a\nb", "_" * 300, "a\x00\x0b\ufffe"])
def test_any_name_can_be_drawn(name: str) -> None:
    for outputs in ([name], [name, "c"]):
        texts = _texts(summary_plot_svg(_summary([name, "b"], outputs), title=name))
        assert [text for text in texts if text == re.sub("[\x00\x0b\ufffe]", "\ufffd", shorten(name))]


def test_a_ledger_without_rows_is_drawn_as_empty_bars() -> None:
    assert "a" in _texts(summary_plot_svg(LedgerSummary(["a"], ["yes"])))


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e308, -3.0])
def test_constant_attributions_are_drawn(value: float) -> None:
    batch = pa.RecordBatch.from_pydict(
        {"output": ["y"] * 9, "shap_a": [value] * 9, "model_version": [1] * 9, "model_digest": ["d"] * 9}
    )
    assert len(_dots(summary_plot_svg(LedgerSummary.from_batches([batch], ["a"])))[GREY]) == 9


def test_long_names_keep_both_ends() -> None:
    assert shorten("abcdefghijklmnopqrstuvwxyz0123456789", 11) == "abcd…456789"


def test_points_of_a_swarm_do_not_cover_each_other() -> None:
    offsets = spread_out(np.zeros(50))
    assert len(set(offsets.tolist())) == 50
    assert np.abs(offsets).max() <= 1


def test_a_path_holds_its_points_to_a_tenth() -> None:
    x, y = np.array([3.04, -1.26, 3.04, 120.0]), np.array([-0.5, 0.0, 7.98, 40.0])
    (only,) = dots(x, y)
    assert _points(only.path).round(6).tolist() == [[-1.3, 0.0], [3.0, -0.5], [3.0, 8.0], [120.0, 40.0]]


def test_points_that_are_not_finite_are_left_out() -> None:
    (only,) = dots(np.array([1.0, np.nan, np.inf]), np.zeros(3))
    assert len(_points(only.path)) == 1


def test_ranks_are_of_distinct_values_and_texts_have_none() -> None:
    ranks = value_ranks(pa.chunked_array([[5, 1, 1, None, 9]]))
    assert ranks is not None
    assert ranks[[0, 1, 2, 4]].tolist() == [0.5, 0.0, 0.0, 1.0]
    assert np.isnan(ranks[3])
    assert value_ranks(pa.chunked_array([["a", "b"]])) is None
