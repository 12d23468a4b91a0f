"""A section of the report, from whoever has something to say: a title, its blocks, and what the summary says of it."""

from dataclasses import dataclass

from mlops_assets.explain.report.blocks import Block

CHANGES, DRIFT, PERFORMANCE = "changes", "drift", "performance"
"""Anchors of the sections that assets on request may fill, in the report's order."""


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    title
        Its heading, and its line in the table of contents.
    anchor
        Its address within the report, unique there: letters, digits and hyphens.
    blocks
        What it shows, in order; a section without any is not shown.
    headline
        One sentence for the summary; empty: it has none there.
    watch
        What a reader should look at, for the summary: a few words that stand out, and a sentence.
    """

    title: str
    anchor: str
    blocks: tuple[Block, ...]
    headline: str = ""
    watch: tuple[tuple[str, str], ...] = ()
