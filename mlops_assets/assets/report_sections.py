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
    """Assets with a section of their own in the report.

    Attributes
    ----------
    assets
        The names of the tables; without the first of them there is no section.
    section
        Makes the section of the tables that are published, by asset, and of the provenance of the ledger that the
        report is about; None: there is nothing to show, for example as the table is of another version.
    partitioned
        The tables have partitions.
    of_the_run
        The tables are made in the run that makes the report.
    """

    assets: tuple[str, ...]
    section: Callable[[Mapping[str, Tables], Provenance], Section | None]
    partitioned: bool = False
    of_the_run: bool = False


def section_inputs(names: ModelNames, sources: Sequence[SectionSource]) -> dict[str, dg.AssetIn]:
    """The inputs of the step that makes the report; a table that was never published does not stop it."""
    return {
        asset: dg.AssetIn(
            key=names.key(asset),
            metadata={ALLOW_MISSING: True},
            dagster_type=dict[str, ds.Dataset] if source.partitioned else dg.Any,
        )
        for source in sources
        for asset in source.assets
    }


def make_sections(sources: Sequence[SectionSource], loaded: Mapping[str, Any], ledger: Provenance) -> list[Section]:
    """The sections of the tables that were loaded for `section_inputs`."""
    sections = []
    for source in sources:
        found = {asset: loaded[asset] for asset in source.assets if loaded.get(asset) is not None}
        if source.assets[0] not in found:
            continue
        tables: dict[str, Tables] = {
            asset: table if source.partitioned else {None: table} for asset, table in found.items()
        }
        section = source.section(tables, ledger)
        if section is not None:
            sections.append(section)
    return sections
