"""Assets that the explanation report shows a section of, where they are configured and published."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.explain.report.section import Section
from mlops_assets.metadata import ALLOW_MISSING
from mlops_assets.naming import ModelNames

Tables: TypeAlias = Mapping[str | None, ds.Dataset]
"""The published tables of an asset by partition, in order; of one without partitions by None."""


@dataclass(frozen=True)
class SectionSource:
    """An asset with a section of its own in the report.

    Attributes
    ----------
    asset
        The table's name.
    section
        Makes the section of what is published, and of the provenance of the ledger that the report is about; None:
        there is nothing to show, for example as the table is of another version.
    partitioned
        The table has partitions.
    """

    asset: str
    section: Callable[[Tables, Provenance], Section | None]
    partitioned: bool = False


def section_inputs(names: ModelNames, sources: Sequence[SectionSource]) -> dict[str, dg.AssetIn]:
    """The inputs of the step that makes the report; a table that was never published does not stop it."""
    return {
        source.asset: dg.AssetIn(
            key=names.key(source.asset),
            metadata={ALLOW_MISSING: True},
            dagster_type=dict[str, ds.Dataset] if source.partitioned else dg.Any,
        )
        for source in sources
    }


def make_sections(sources: Sequence[SectionSource], loaded: Mapping[str, Any], ledger: Provenance) -> list[Section]:
    """The sections of the tables that were loaded for `section_inputs`."""
    sections = []
    for source in sources:
        tables = loaded.get(source.asset)
        if tables is None:
            continue
        section = source.section(tables if source.partitioned else {None: tables}, ledger)
        if section is not None:
            sections.append(section)
    return sections
