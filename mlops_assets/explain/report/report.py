"""The explanation report: one HTML file that needs nothing else, from plain values.

Each section is a module of its own; `templates/report.html.jinja` writes the markup and escapes every value.
"""

from collections.abc import Sequence

from mlops_assets.explain.report.appendix import technical_appendix
from mlops_assets.explain.report.contents import ReportContents
from mlops_assets.explain.report.data_contract import data_contract
from mlops_assets.explain.report.for_whom import for_whom
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.report.section import CHANGES, DRIFT, PERFORMANCE, Section
from mlops_assets.explain.report.summary import summarize
from mlops_assets.explain.report.what_changed import what_changed
from mlops_assets.explain.report.what_matters import what_matters


def report_html(contents: ReportContents) -> str:
    """The report as one HTML document.

    On top what is read in a minute, then a table of contents and the sections. It opens from disk without a network
    (no script, no font, no reference but to its own sections, and a policy that forbids them), fits a phone, has a
    light and a dark look, prints in black and colour with all tabs, and every chart is a table or has a text
    alternative. All names and values from model and table are escaped. The same contents give the same text.
    """
    sections = [section for section in _sections(contents) if section.blocks]
    summary = summarize(contents, sections)
    return render("report.html.jinja", title=contents.title, summary=summary, sections=sections)


def _sections(contents: ReportContents) -> Sequence[Section]:
    """In the report's order: what is of the explanations, what others say of the same version, what is technical."""
    others = sorted(contents.sections, key=lambda section: _order(section.anchor))
    if contents.difference is not None:
        others.insert(0, what_changed(contents.difference, contents.compared_with))
    return (
        what_matters(contents),
        for_whom(contents),
        *others,
        data_contract(contents),
        technical_appendix(contents),
    )


def _order(anchor: str) -> int:
    known = (CHANGES, DRIFT, PERFORMANCE)
    return known.index(anchor) if anchor in known else len(known)
