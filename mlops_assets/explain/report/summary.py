"""The summary on top of the report: what a reader without time should know."""

from collections.abc import Sequence

import numpy as np

from mlops_assets.explain.report.blocks import Block, Lines, Paragraph, Part, Tile, Tiles
from mlops_assets.explain.report.contents import ReportContents
from mlops_assets.explain.report.effect_words import describe_strongest
from mlops_assets.explain.report.formatting import number, percent, plural, shorten
from mlops_assets.explain.report.predictions_shown import describe_predictions, picture_predictions
from mlops_assets.explain.report.section import Section
from mlops_assets.explain.spaces import LOSSES, SPACES

_DOMINANT = 0.5  # of all effects
_NAMES = 300


def summarize(contents: ReportContents, sections: Sequence[Section]) -> Section:
    """The summary of a report with these sections."""
    blocks: list[Block] = [Tiles(_tiles(contents))]
    strongest = describe_strongest(contents.summary, contents.inputs, contents.space)
    if strongest:
        title = "The strongest column" if len(strongest) == 1 else f"The {_COUNTS[len(strongest)]} strongest columns"
        blocks.append(Part(title, (Lines(tuple(strongest), numbered=True),)))
    headlines = tuple((f"{section.title}:", section.headline) for section in sections if section.headline)
    if headlines:
        blocks.append(Part("How it holds up", (Lines(headlines),)))
    watch = [*_watch(contents), *(line for section in sections for line in section.watch)]
    looked = Lines(tuple((f"{name}:", words) for name, words in watch)) if watch else Paragraph("Nothing stands out.")
    blocks.append(Part("What to look at", (looked,)))
    sample = contents.predictions
    if sample is not None:
        title = "Losses" if contents.space in LOSSES else "Predictions"
        blocks.append(Part(title, (Paragraph(describe_predictions(sample)), picture_predictions(sample))))
    return Section("Summary", "summary", tuple(blocks))


_COUNTS = ("", "one", "two", "three")


def _tiles(contents: ReportContents) -> tuple[Tile, ...]:
    rows = contents.summary.rows
    tiles = [Tile("Model", contents.title, shorten(contents.source, 120))]
    if contents.accepted is not None:
        refused = "no row was rejected" if not contents.rejected_count else f"{contents.rejected_count:,} rejected"
        tiles.append(Tile("Rows scored", f"{contents.accepted:,}", refused if contents.rejected is not None else ""))
    tiles.append(Tile("Rows explained", f"{rows:,}", shorten(contents.facts.get("Rows", ""), 120)))
    verdict = contents.residuals
    if verdict is not None:
        exact = "" if verdict.passed else f" but in {verdict.beyond:,}"
        tiles.append(
            Tile(
                "Explanations exact",
                "Yes" if verdict.passed else "Not everywhere",
                f"base value and effects add up to the explained value in all of {plural(verdict.rows, 'ledger row')}"
                f"{exact}",
            )
        )
    return tuple(tiles)


def _watch(contents: ReportContents) -> list[tuple[str, str]]:
    """What the explanations themselves say that is out of the ordinary."""
    summary, lines = contents.summary, []
    verdict = contents.residuals
    if verdict is not None and not verdict.passed:
        words = (
            f"{verdict.beyond:,} of {verdict.rows:,} do not add up; the largest residual is {number(verdict.largest)}."
        )
        lines.append(("Explanations", words))
    if not summary.outputs or summary.rows == 0:
        return lines
    totals = np.sum([summary.mean_abs(output) for output in summary.outputs], axis=0)
    largest = int(totals.argmax())
    if len(totals) > 2 and totals[largest] > _DOMINANT * totals.sum():
        words = (
            f"{percent(float(totals[largest] / totals.sum()))} of all effects come from it alone; make sure that its "
            "value is known when the prediction is made."
        )
        lines.append((shorten(summary.features[largest], 60), words))
    silent = [summary.features[place] for place in np.flatnonzero(totals == 0).tolist()]
    if silent and len(silent) < len(totals):
        words = (
            f"{len(silent):,} of {len(totals):,} never changed a {SPACES[contents.space].noun}: "
            f"{shorten(', '.join(silent), _NAMES)}."
        )
        lines.append(("Columns without effect", words))
    return lines
