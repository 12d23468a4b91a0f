"""The report: read in a minute, whole in one file, safe with any name, and fit for a phone, a printer and a reader."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.explain.compare.diff import compare_ledgers
from mlops_assets.explain.ledger.residuals import judge_residuals
from mlops_assets.explain.ledger.summary import LedgerSummary
from mlops_assets.explain.report.blocks import Paragraph
from mlops_assets.explain.report.contents import ReportContents
from mlops_assets.explain.report.example_rows import pick_example_rows
from mlops_assets.explain.report.prediction_sample import PredictionSample
from mlops_assets.explain.report.report import report_html
from mlops_assets.explain.report.section import Section
from mlops_assets.explain.spaces import SPACES
from mlops_assets_tests.waiting import LONGEST_SECONDS

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
FEATURES = ["age", "city", HOSTILE]


def _ledger(scale: float = 1.0, rows: int = 80, output: str = "yes") -> pa.RecordBatch:
    values = np.random.default_rng(0).normal(size=(rows, 3)) * [3.0, 2.0, 1.0] * scale
    return pa.RecordBatch.from_pydict(
        {
            "patient": [f"p{place}" for place in range(rows)],
            "output": [output] * rows,
            "explained_value": 10 + values.sum(axis=1),
            "base_value": np.full(rows, 10.0),
            "residual": np.zeros(rows),
            **{f"shap_{name}": values[:, place] for place, name in enumerate(FEATURES)},
            "model_version": np.full(rows, 3),
            "model_digest": ["d" * 64] * rows,
        }
    )


def _contents(**other: Any) -> ReportContents:
    ledger = _ledger()
    summary = LedgerSummary.from_batches([ledger], FEATURES)
    inputs = {
        "age": np.arange(80) % 50,
        "city": np.array(["Bern", HOSTILE, None], dtype=object)[np.arange(80) % 3],
        HOSTILE: np.linspace(0, 1, 80),
    }
    examples = pick_example_rows([ledger])
    values = {(row.row["patient"],): {"age": 41, "city": HOSTILE, HOSTILE: None} for row in examples["yes"]}
    settings: dict[str, Any] = {
        "title": f"churn 3 {HOSTILE}",
        "facts": {"Version": "3", "Reason": HOSTILE},
        "summary": summary,
        "space": "log-odds",
        "model": "churn",
        "row_key": ["patient"],
        "inputs": {"yes": pa.table(inputs)},
        "examples": examples,
        "example_inputs": values,
        "residuals": judge_residuals([ledger], ["patient"]),
        "rejected": pa.table({"patient": ["p9"], "reasons": [HOSTILE]}),
        "rejected_count": 1,
        "rejection_reasons": [[{"column": "city", "code": "not_parseable"}]],
        "accepted": 1234,
        "source": "data/churn.parquet",
        "settings": {"background_rows": "100"},
        "predictions": PredictionSample(
            ("yes",), ledger.column("explained_value").to_numpy()[:, None] - 10, "log-odds", None, 80
        ),
        "difference": compare_ledgers([_ledger(0.5)], [ledger], ["patient"]),
        "compared_with": f"version 2 {HOSTILE}",
    }
    return ReportContents(**{**settings, **other})


class _Elements(HTMLParser):
    """Every start tag with its attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_name_and_value_is_escaped() -> None:
    tags = _Elements(report_html(_contents())).tags
    assert {"script", "img"}.isdisjoint(tag for tag, _ in tags)
    assert not [name for _, attributes in tags for name in attributes if name.startswith("on")]


def test_it_refers_to_nothing_outside_itself() -> None:
    page = report_html(_contents())
    tags = _Elements(page).tags
    assert not [name for _, attributes in tags for name in attributes if name in ("src", "action", "srcset")]
    assert not re.search(r"url\(|@import|https?:", page)
    policy = [attributes["content"] for tag, attributes in tags if "http-equiv" in attributes]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    anchors = [attributes["id"] for _, attributes in tags if "id" in attributes]
    targets = [attributes["href"] or "" for _, attributes in tags if "href" in attributes]
    assert len(anchors) == len(set(anchors))
    assert len(targets) > 6
    assert {target[:1] for target in targets} == {"#"}
    assert {target[1:] for target in targets} <= set(anchors)


def test_every_chart_has_a_text_alternative_and_every_table_a_caption() -> None:
    page = report_html(_contents())
    charts = [attributes for tag, attributes in _Elements(page).tags if tag == "svg"]
    assert len(charts) == 5  # a histogram, a beeswarm, three dependences
    # Each chart has a title, and names of what its axes show.
    assert page.count("<figcaption>") == len(charts)
    assert page.count(">effect (log-odds)</text>") == 3
    assert {"rows", "probability of yes"} <= set(re.findall(">([^<]*)</text>", page))
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)
    assert page.count("<table") == page.count("<caption") > 4


def test_a_manager_reads_the_summary_first() -> None:
    summary = _Elements(report_html(_contents())).text
    summary = summary[summary.index("Summary") : summary.index("Contents")]
    assert "churn 3" in summary
    assert "data/churn.parquet" in summary
    assert "1,234" in summary
    assert "1 rejected" in summary
    assert "Explanations exactYes" in summary
    assert "of the rows the probability of yes is 0.5 or more" in summary
    assert "age moves the prediction of yes: by 2.69 log-odds (odds times or divided by 14.8) on average" in summary
    assert "54 % of all effects" in summary
    assert "It is highest for “Bern” and lowest for" in summary
    assert "Rejected rows: 1 row, less than 0.1 % of 1,235, did not conform" in summary
    assert "most often city: not parseable" in summary


def test_it_tells_what_matters_the_rows_the_change_and_how_it_was_made() -> None:
    page = _Elements(report_html(_contents(sections=[Section("Drift", "drift", (Paragraph("None."),))])))
    sections = [attributes.get("id") for tag, attributes in page.tags if tag == "section"]
    assert sections == ["summary", "what-matters", "for-whom", "changes", "drift", "data-contract", "appendix"]
    text = page.text
    for heading in ("Output yes", "Effect by value", "Rows of output yes", "Settings of the explainer", "Drift"):
        assert heading in text
    assert "What changed since version 2" in text
    assert "background_rows100" in text
    assert "0 of 80 ledger rows are beyond rounding" in text
    assert "Highest prediction of yes: patient p" in text
    assert "age = 41" in text
    assert "missing" in text


def test_a_waterfall_goes_from_base_to_prediction() -> None:
    ledger = _ledger()
    text = _Elements(report_html(_contents())).text
    highest = ledger.slice(int(np.argmax(ledger.column("explained_value").to_numpy())), 1).to_pylist()[0]
    fall = text[text.index("Highest prediction") :][:400]
    assert f"base value{10.0:.4g}" in fall
    assert f"+{highest['shap_age']:.4g}" in fall
    assert f"prediction{highest['explained_value']:.4g}" in fall


def test_what_is_not_known_is_left_out() -> None:
    bare = _contents(inputs={}, examples={}, residuals=None, rejected=None, difference=None, predictions=None)
    text = _Elements(report_html(bare)).text
    for heading in ("Effect by value", "For whom", "Data contract", "What changed", "Additivity"):
        assert heading not in text


def test_no_rejected_row_is_said_so() -> None:
    assert "No row was rejected: every one of 1,234 rows conforms" in report_html(_contents(rejected_count=0))


def test_an_empty_ledger_has_a_report() -> None:
    empty = _contents(summary=LedgerSummary(FEATURES, ["yes"]), examples={}, inputs={}, difference=None, residuals=None)
    assert "No row was explained" in report_html(empty)


def test_many_outputs_are_named_where_they_are_not_shown() -> None:
    ledgers = [_ledger(output=f"class {place}") for place in range(7)]
    page = report_html(_contents(summary=LedgerSummary.from_batches(ledgers, FEATURES), inputs={}, examples={}))
    assert "Not shown in detail: class 4, class 5, class 6." in page
    assert page.count("<svg") == 5
    assert page.count('<input type="radio" name="effects"') == 4


def test_it_stays_small_whatever_the_table() -> None:
    names = [f"{'a rather long name of a column ' * 5}{place}" for place in range(60)]
    values = np.random.default_rng(0).normal(size=(600, 60))
    ledgers = [
        pa.RecordBatch.from_pydict(
            {
                "output": [f"class {place}"] * 600,
                **{f"shap_{name}": values[:, at] for at, name in enumerate(names)},
                "model_version": np.full(600, 3),
                "model_digest": ["d" * 64] * 600,
            }
        )
        for place in range(20)
    ]
    summary = LedgerSummary.from_batches(ledgers, names)
    inputs = {output: pa.table(dict(zip(names, values[:500].T, strict=True))) for output in summary.outputs}
    rejected = pa.table({name: ["x" * 1000] * 5000 for name in names})
    tables = {"inputs": inputs, "rejected": rejected, "rejected_count": 5000}
    assert len(report_html(_contents(summary=summary, examples={}, difference=None, **tables))) < 1_000_000


def test_tabs_are_hidden_on_a_screen_alone() -> None:
    style = report_html(_contents()).partition("</style>")[0]
    hidden = [style[: place.start()] for place in re.finditer(r"\.tabs>div\{display:none", style)]
    assert [before.rpartition("@media ")[2] for before in hidden] == ["screen{"]


def test_the_same_contents_give_the_same_text() -> None:
    assert report_html(_contents()) == report_html(_contents())


def _chromium(folder: Path, *arguments: str) -> str:
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-sync", *quiet]
    command.append(f"--user-data-dir={folder / 'profile'}")
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=LONGEST_SECONDS, check=True)
    return done.stdout


# A page round the report measures it: the report itself runs no script, and its policy would forbid one.
_RULER = """<!doctype html><body style="margin:0">
<iframe id=f src="report.html" style="border:0;width:{width}px;height:3000px"></iframe><pre id=out></pre><script>
document.getElementById('f').onload = e => {{
  const page = e.target.contentDocument, root = page.documentElement;
  const small = [...page.querySelectorAll('p,td,th,dd')].filter(x => parseFloat(getComputedStyle(x).fontSize) < 12);
  const text = page.querySelector('svg text').getBoundingClientRect();
  const shown = () => [...page.querySelectorAll('.tabs>div')].map(x => x.offsetHeight > 0).join();
  const first = shown(), next = page.querySelector('label[for=effects-2]');
  next && next.click();
  document.getElementById('out').textContent = JSON.stringify({{
    wide: root.scrollWidth, small: small.length, label: text.height, charts: page.querySelectorAll('svg').length,
    tabs: [first, shown()], scripts: page.scripts.length,
    heading: page.querySelector('h1').getBoundingClientRect().width}});
}};</script>"""


browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium; CI installs it")


@browser
@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1200])
def test_a_real_browser_shows_it_without_sideways_scrolling(tmp_path: Path, width: int) -> None:
    ledgers = [_ledger(), _ledger(output="no")]
    contents = _contents(summary=LedgerSummary.from_batches(ledgers, FEATURES))
    (tmp_path / "report.html").write_text(report_html(contents), "utf-8")
    (tmp_path / "ruler.html").write_text(_RULER.format(width=width), "utf-8")
    dom = _chromium(
        tmp_path,
        "--allow-file-access-from-files",
        "--virtual-time-budget=5000",
        "--dump-dom",
        (tmp_path / "ruler.html").as_uri(),
    )
    found = re.search(r"<pre id=\"out\">(\{.*?\})</pre>", dom)
    assert found is not None
    measured = json.loads(found.group(1))
    assert measured["wide"] <= width
    assert measured["heading"] > 0.8 * min(width, 1100)
    assert (measured["small"], measured["scripts"], measured["charts"]) == (0, 0, 6)
    assert measured["tabs"] == ["true,false", "false,true"]
    assert measured["label"] >= 9  # pixels: a chart's text is still read on the phone


@browser
@pytest.mark.slow
def test_a_real_browser_prints_it(tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(report_html(_contents()), "utf-8")
    pdf = tmp_path / "report.pdf"
    _chromium(tmp_path, f"--print-to-pdf={pdf}", (tmp_path / "report.html").as_uri())
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.stat().st_size > 20_000


@pytest.mark.parametrize("space", list(SPACES))
def test_the_unit_is_a_true_sentence_with_the_way_back(space) -> None:
    page = unescape(report_html(_contents(space=space)))
    assert SPACES[space].meaning in page
    assert f"effect on the {SPACES[space].noun} ({SPACES[space].axis})" in page
    others = {other.meaning for name, other in SPACES.items() if name != space}
    assert not any(other in page for other in others)


def test_effects_on_two_scales_are_named() -> None:
    difference = replace(compare_ledgers([_ledger(0.5)], [_ledger()], ["patient"]), spaces=("log-odds", "probability"))
    assert "(effects before in log-odds, now in probability)" in report_html(_contents(difference=difference))
    same = replace(difference, spaces=("log-odds", "log-odds"))
    assert "effects before in" not in report_html(_contents(difference=same))
