"""Which assets of a model have a section in its report, and how the section is made of their tables."""

import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.assets.report_sections import SectionSource, Tables
from mlops_assets.explain.drift.drift_table import NOT_DECOMPOSED, REFERENCE_NAME
from mlops_assets.explain.drift.profile import ALL_ROWS
from mlops_assets.explain.report.drift_section import drift_section
from mlops_assets.explain.report.section import Section
from mlops_assets.naming import DRIFT
from mlops_assets.settings.model import ModelSettings

MOST_ROWS = 50_000
"""Of a table of drift, that are read with their segments."""


def section_sources(settings: ModelSettings) -> list[SectionSource]:
    """Those that the settings ask for."""
    partitioned = settings.partitions_def is not None
    return [SectionSource(DRIFT, _drift, partitioned)] if settings.monitor is not None else []


def _drift(tables: Tables, ledger: Provenance) -> Section | None:
    """Of the newest partition that the version has scored."""
    partition, table = list(tables.items())[-1] if tables else (None, None)
    if table is None:
        return None
    source = Provenance.of(table.schema)
    if (source.model_uri, source.model_digest) != (ledger.model_uri, ledger.model_digest):
        return None
    rows = table.to_table(filter=None if table.count_rows() <= MOST_ROWS else ds.field("segment") == ALL_ROWS)
    return drift_section(
        rows.to_pylist(),
        source.extra.get(REFERENCE_NAME, ""),
        ALL_ROWS,
        not_decomposed=source.extra.get(NOT_DECOMPOSED, "").removeprefix("not made: "),
        partition=partition,
    )
