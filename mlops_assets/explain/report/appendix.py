"""The technical appendix: digests, versions, settings, and how to check what the report says."""

from mlops_assets.explain.report.blocks import Block, Facts, Paragraph, Part
from mlops_assets.explain.report.contents import ReportContents
from mlops_assets.explain.report.formatting import number, plural
from mlops_assets.explain.report.section import Section
from mlops_assets.explain.spaces import SPACES


def technical_appendix(contents: ReportContents) -> Section:
    """What is needed to reproduce the report and to check it."""
    blocks: list[Block] = [Facts(tuple(_facts(contents).items()))]
    if contents.settings:
        blocks.append(Part("Settings of the explainer", (Facts(tuple(contents.settings.items())),)))
    if contents.model:
        words = (
            f"The tables of {contents.model} hold every number: predictions, sample_explanations (each row), "
            f"model_explanations (each input). mlops-assets decision {contents.model} KEY tells the story of a row, "
            f"mlops-assets verify {contents.model} KEY computes it again and compares."
        )
        blocks.append(Part("Where every number is", (Paragraph(words),)))
    return Section("Technical appendix", "appendix", tuple(blocks))


def _facts(contents: ReportContents) -> dict[str, str]:
    summary = contents.summary
    facts = {
        **contents.facts,
        "Unit": SPACES[contents.space].meaning,
        "Rows explained": f"{summary.rows:,}",
        "Inputs and outputs": f"{plural(len(summary.features), 'input')}, {plural(len(summary.outputs), 'output')}",
    }
    verdict = contents.residuals
    if verdict is not None:
        noun = SPACES[contents.space].noun
        state = f"add up to the {noun}" if verdict.passed else f"do not add up to the {noun} everywhere"
        facts["Additivity"] = (
            f"Base value and attributions {state}: {verdict.beyond:,} of {verdict.rows:,} ledger rows are beyond "
            f"rounding, the largest residual is {number(verdict.largest)}."
        )
    return facts
