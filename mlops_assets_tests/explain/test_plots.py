"""The summary plot: small, 700 pixels wide, the same bytes again, and drawn from the numbers."""

import io

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.png_plot import shorten, summary_plot_png


def _summary(features: list[str], outputs: list[str], rows: int = 600, seed: int = 0) -> LedgerSummary:
    random = np.random.default_rng(seed)
    batches = []
    for output in outputs:
        columns = {f"shap_{name}": random.normal(size=rows) * (place + 1) for place, name in enumerate(features)}
        version = {"model_version": np.ones(rows, np.int64), "model_digest": ["d"] * rows}
        batches.append(
            pa.RecordBatch.from_pydict({"key": np.arange(rows), "output": [output] * rows, **columns, **version})
        )
    return LedgerSummary.over(batches, features, outputs)


def _open(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [["yes"], ["a", "b", "c"], [f"class {place}" for place in range(30)]])
@pytest.mark.parametrize("count", [1, 40])
def test_it_is_small_and_700_pixels_wide(outputs: list[str], count: int) -> None:
    png = summary_plot_png(_summary([f"a rather long name of feature {place}" for place in range(count)], outputs))
    assert len(png) < 60_000
    assert _open(png).shape[1] == 700


def test_the_same_summary_gives_the_same_bytes() -> None:
    assert summary_plot_png(_summary(["a", "b"], ["yes"])) == summary_plot_png(_summary(["a", "b"], ["yes"]))


def test_input_values_colour_the_points() -> None:
    summary = _summary(["a", "b"], ["yes"])
    sample = summary.sample("yes")
    assert sample is not None
    inputs = pa.table({name: sample.column(f"shap_{name}") for name in ("a", "b")})
    picture = _open(summary_plot_png(summary, inputs=inputs))
    red = (picture[..., 0] - picture[..., 2] > 80).nonzero()[1]
    blue = (picture[..., 2] - picture[..., 0] > 80).nonzero()[1]
    assert np.median(red) > np.median(blue) + 50  # high values push up here: they lie on the right


@pytest.mark.parametrize("name", ["$x^2$ \\frac", "<b>&\"'", "Größe in m²", "a\nb", "_" * 300])
def test_any_name_can_be_drawn(name: str) -> None:
    assert len(summary_plot_png(_summary([name, "b"], [name, "c"]), title=name)) > 1000


def test_a_ledger_without_rows_is_drawn_as_empty_bars() -> None:
    assert len(summary_plot_png(LedgerSummary(["a"], ["yes"]))) > 500


def test_constant_attributions_are_drawn() -> None:
    batch = pa.RecordBatch.from_pydict(
        {"output": ["y"] * 9, "shap_a": [0.0] * 9, "model_version": [1] * 9, "model_digest": ["d"] * 9}
    )
    assert len(summary_plot_png(LedgerSummary.over([batch], ["a"]))) > 500


def test_long_names_keep_both_ends() -> None:
    assert shorten("abcdefghijklmnopqrstuvwxyz0123456789", 11) == "abcd…456789"
