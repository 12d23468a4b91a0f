"""The table of explainers in docs/explain.md, made from the zoo's cases.

    python -m mlops_assets_tests.zoo --page

writes it; `test_zoo.py` compares the page with the cases, and plays them.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mlops_assets_tests.zoo.case import Case

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"
BEGIN = "<!-- Generated: python -m mlops_assets_tests.zoo --page -->"
END = "<!-- End of what is generated -->"


def render_tables(cases: Sequence[Case]) -> str:
    """Which models are explained exactly, by what and on which scale; and which are not, and why."""
    exact = [case for case in cases if case.outcome == "exact"]
    families = dict.fromkeys((case.library, case.family) for case in exact)
    lines = ["| library | models | explainer | space | in the zoo |", "|---|---|---|---|---|"]
    for library, family in families:
        members = [case for case in exact if (case.library, case.family) == (library, family)]
        explainers = _listed(f"`{case.explainer}`" for case in members)
        spaces = _listed(str(case.space) for case in members)
        lines.append(f"| {library} | {family} | {explainers} | {spaces} | {len(members)} |")
    lines += _others(cases, "sampled", "explained from its predictions alone", "what `explainer_reason` says")
    lines += _others(cases, "refused", "refused", "what the message says")
    return "\n".join(lines)


def _others(cases: Sequence[Case], outcome: str, what: str, says: str) -> list[str]:
    members = [case for case in cases if case.outcome == outcome]
    if not members:
        return []
    return [
        "",
        f"| library | {what} | {says} |",
        "|---|---|---|",
        *(f"| {case.library} | {case.name} | {_escape(case.reason)} |" for case in members),
    ]


def _listed(words: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(words))


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def read_block() -> str:
    """What the page holds between the marks."""
    text = PAGE.read_text()
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip()


def write_page(cases: Sequence[Case]) -> None:
    """Put the tables into the page."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}\n\n{render_tables(cases)}\n\n{END}{after}")
