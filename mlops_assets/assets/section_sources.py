"""Which assets of a model have a section in its report, and how the section is made of their tables."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.assets.report_sections import SectionSource, Tables
from mlops_assets.explain.compare.change_rules import ChangeLimits
from mlops_assets.explain.compare.change_summary import ChangesOrigin, read_summary
from mlops_assets.explain.drift.drift_table import NO_REFERENCE, NOT_DECOMPOSED, REFERENCE_NAME
from mlops_assets.explain.drift.profile import ALL_ROWS
from mlops_assets.explain.ledger.provenance import OF_LEDGER, LedgerProvenance
from mlops_assets.explain.report.blocks import Paragraph
from mlops_assets.explain.report.changes_section import changes_section
from mlops_assets.explain.report.drift_section import drift_section
from mlops_assets.explain.report.performance_section import performance_section
from mlops_assets.explain.report.section import CHANGES, Section
from mlops_assets.naming import CHANGE_SUMMARY, DRIFT, PERFORMANCE, PERFORMANCE_CALIBRATION
from mlops_assets.settings.model import ModelSettings

MOST_ROWS = 50_000
"""Of a table, that are read with their segments."""


def section_sources(settings: ModelSettings) -> list[SectionSource]:
    """Those that the settings ask for."""
    sources, partitioned = [], settings.partitions_def is not None
    if settings.explain.changes is not None:
        section = partial(_changes, settings.explain.changes.rules().limits)
        sources.append(SectionSource((CHANGE_SUMMARY,), section, partitioned, of_the_run=True))
    if settings.monitor is not None:
        sources.append(SectionSource((DRIFT,), _drift, partitioned, of_the_run=True))
    if settings.outcomes is not None:
        sources.append(SectionSource((PERFORMANCE, PERFORMANCE_CALIBRATION), _performance))
    return sources


def _newest(tables: Tables, ledger: Provenance) -> tuple[str | None, ds.Dataset] | None:
    """The newest partition and its table, where it is of the ledger's version."""
    if not tables:
        return None
    partition, table = list(tables.items())[-1]
    source = Provenance.of(table.schema)
    same = (source.model_uri, source.model_digest) == (ledger.model_uri, ledger.model_digest)
    return (partition, table) if same else None


def _is_of_other_rows(tables: Tables, ledger: Provenance) -> bool:
    """Whether a table without partitions was made of another ledger: the step that makes it has failed, or not run."""
    table = tables.get(None)
    return table is not None and Provenance.of(table.schema).extra.get(OF_LEDGER) != ledger.data_version


def _note_other_rows(title: str, anchor: str, asset: str) -> Section:
    words = (
        f"This is not known: the published table {asset} is of other rows or of another version. Its step has "
        f"failed, or was not run, since these explanations were made; the page of the run says why. Materialize "
        f"{asset} and explanation_report again."
    )
    return Section(title, anchor, (Paragraph(words),), watch=((f"{title} is not known", f"{asset} was not made."),))


def _changes(limits: ChangeLimits, tables: Mapping[str, Tables], ledger: Provenance) -> Section | None:
    if _is_of_other_rows(tables[CHANGE_SUMMARY], ledger):
        return _note_other_rows("What another version changes", CHANGES, CHANGE_SUMMARY)
    newest = _newest(tables[CHANGE_SUMMARY], ledger)
    if newest is None:
        return None
    partition, table = newest
    origin = ChangesOrigin.of(Provenance.of(table.schema))
    rows = table.to_table(filter=None if table.count_rows() <= MOST_ROWS else ds.field("segment_column").is_null())
    only = (origin.only_before, origin.only_after)
    section = changes_section(
        rows.to_pylist(),
        _version(ledger),
        origin.space,
        only=only,
        partition=partition,
        beyond=read_summary(table, limits).beyond_limits(),
    )
    nothing = (
        "Nothing is compared: there is no other version. The metadata of changes says why, such as that no champion "
        "came before this version, or that the candidate's alias points at it."
    )
    return section or Section("What another version changes", CHANGES, (Paragraph(nothing),))


def _drift(tables: Mapping[str, Tables], ledger: Provenance) -> Section | None:
    if _is_of_other_rows(tables[DRIFT], ledger):
        return _note_other_rows("Drift", DRIFT, DRIFT)
    newest = _newest(tables[DRIFT], ledger)
    if newest is None:
        return None
    partition, table = newest
    source = Provenance.of(table.schema)
    rows = table.to_table(filter=None if table.count_rows() <= MOST_ROWS else ds.field("segment") == ALL_ROWS)
    reference = source.extra.get(REFERENCE_NAME, "")
    section = drift_section(
        rows.to_pylist(),
        reference,
        ALL_ROWS,
        LedgerProvenance.of(ledger).space,
        not_decomposed=source.extra.get(NOT_DECOMPOSED, "").removeprefix("not made: "),
        partition=partition,
    )
    nothing = f"Nothing is compared: {reference.removeprefix(NO_REFERENCE) or 'there is no reference'}."
    return section or Section("Drift", DRIFT, (Paragraph(nothing),))


def _performance(tables: Mapping[str, Tables], ledger: Provenance) -> Section | None:
    from mlops_assets.performance.metrics import MAIN, METRICS
    from mlops_assets.performance.tables import PerformanceFacts

    table = tables[PERFORMANCE][None]
    facts = PerformanceFacts.from_extra(Provenance.of(table.schema).extra)
    bins = tables.get(PERFORMANCE_CALIBRATION, {}).get(None)
    section = performance_section(
        _rows(table),
        [] if bins is None else _rows(bins),
        _version(ledger),
        {str(task): metrics for task, metrics in MAIN.items()}.get(facts.task, ()),
        {name for name, metric in METRICS.items() if metric.better == "lower"},
    )
    return section or Section("Performance", PERFORMANCE, (Paragraph("No outcome is known yet."),))


def _version(ledger: Provenance) -> int | None:
    version = (ledger.model_uri or "").rpartition("/")[2]
    return int(version) if version.isdecimal() else None


def _rows(table: ds.Dataset) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.to_table().to_pylist()
    return rows
