"""How a model stands: its champion, its published tables, its last run."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.code_location.model_resources import ModelResources
from mlops_assets.io_managers.tables import FileTableIOManager, TableIOManager
from mlops_assets.jobs.of_assets import assets_on_request
from mlops_assets.models.model_uri import VersionUri, parse_model_uri
from mlops_assets.naming import (
    CHANGE_SUMMARY,
    CHANGES,
    DRIFT,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    MODEL_TAG,
    PERFORMANCE,
    PERFORMANCE_CALIBRATION,
    PREDICTIONS,
    PREDICTIONS_EXPLAINED,
    PREDICTIONS_WITH_REASONS,
    PROFILE,
    REASONS,
    REFERENCE_PROFILE,
    REJECTED_SAMPLES,
    SAMPLE_EXPLANATIONS,
    SAMPLE_INTERACTIONS,
)
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.model import ModelSettings

TABLES = (INPUT_SAMPLES, REJECTED_SAMPLES, PREDICTIONS, SAMPLE_EXPLANATIONS, MODEL_EXPLANATIONS)
NOT_MADE_BY_THE_MODEL = (INPUT_SAMPLES, REJECTED_SAMPLES, REFERENCE_PROFILE)
OF_OUTCOMES = (PERFORMANCE, PERFORMANCE_CALIBRATION)
"""Made when outcomes have come, of all versions: they may lack, or be of an earlier one."""
NEVER_PARTITIONED = (MODEL_EXPLANATIONS, REFERENCE_PROFILE, *OF_OUTCOMES)
_MADE_FROM = {
    PREDICTIONS: INPUT_SAMPLES,
    SAMPLE_EXPLANATIONS: INPUT_SAMPLES,
    MODEL_EXPLANATIONS: SAMPLE_EXPLANATIONS,
    PREDICTIONS_EXPLAINED: INPUT_SAMPLES,
    SAMPLE_INTERACTIONS: INPUT_SAMPLES,
    REASONS: INPUT_SAMPLES,
    PREDICTIONS_WITH_REASONS: INPUT_SAMPLES,
    CHANGES: INPUT_SAMPLES,
    CHANGE_SUMMARY: CHANGES,
    PROFILE: SAMPLE_EXPLANATIONS,
    DRIFT: PROFILE,
}


@dataclass(frozen=True)
class TableStatus:
    """One published table, or one partition of it.

    Attributes
    ----------
    rows
        None: it has not been published.
    version
        Of the model that made it; None where a table is not made by a model.
    published
        When its file was written; None where that is not known.
    data_version, made_from
        Its own data version, and that of the table that it was made from.
    """

    asset: str
    partition: str | None
    rows: int | None = None
    version: int | None = None
    digest: str | None = None
    published: datetime | None = None
    data_version: str | None = None
    made_from: str | None = None


@dataclass(frozen=True)
class ModelStatus:
    """What `find_status` found.

    Attributes
    ----------
    location
        The code location's name.
    champion
        The version that the alias points at now.
    digest
        Of the champion's files, as the journal has it; None: no run has seen this version.
    partitions
        How many partitions the tables have; None: they have none.
    last_run
        Status, job, time and id of the model's last run; None: there was none.
    no_runs
        Why nothing is known of runs; None where it is.
    job
        The job that publishes all tables anew.
    """

    model: str
    location: str
    alias: str | None
    champion: int
    digest: str | None
    seen: datetime | None
    tables: tuple[TableStatus, ...]
    partitions: int | None
    last_run: tuple[str, str, datetime | None, str] | None
    no_runs: str | None
    job: str

    @property
    def is_current(self) -> bool:
        """Every table is there, is the champion's and fits the others, and the last run, where known, did not fail."""
        published = all(
            table.rows is not None and self.is_of_champion(table) and not self.is_outdated(table)
            for table in self.tables
            if table.asset not in OF_OUTCOMES
        )
        return bool(self.tables) and published and (self.last_run is None or self.last_run[0] not in _FAILED)

    def is_of_champion(self, table: TableStatus) -> bool:
        """Whether the champion's files as they are known made this table, or no model did."""
        if table.asset in NOT_MADE_BY_THE_MODEL:
            return True
        return table.version == self.champion and self.digest in (None, table.digest)

    def is_outdated(self, table: TableStatus) -> bool:
        """Whether the table that this one was made from has been published anew since."""
        if table.made_from is None:
            return False
        source = _MADE_FROM.get(table.asset)
        sources = [each for each in self.tables if each.asset == source and each.partition == table.partition]
        return any(each.data_version != table.made_from for each in sources if each.rows is not None)

    def to_text(self) -> str:
        """For a terminal."""
        alias = f" ({self.alias})" if self.alias else ""
        digest = f", digest {self.digest[:12]}" if self.digest else ", which no run has seen yet"
        lines = [("model", f"{self.model}, of the code location {self.location}")]
        seen = f", seen first {_time(self.seen)}" if self.seen else ""
        lines.append(("champion", f"version {self.champion}{alias}{digest}{seen}"))
        lines += [(_name(table), self._describe(table)) for table in self.tables]
        if self.partitions is not None:
            published = len({table.partition for table in self.tables if table.rows is not None})
            lines.append(("partitions", f"{published} of {self.partitions} published"))
        if self.last_run is not None:
            status, job, ended, run_id = self.last_run
            lines.append(("last run", f"{status}, {job}{f', {_time(ended)}' if ended else ''} ({run_id[:8]})"))
        else:
            lines.append(("last run", self.no_runs or "none"))
        width = max(len(name) for name, _ in lines)
        text = [f"{name:<{width}}  {value}" for name, value in lines]
        text.append("")
        text.append(
            "All tables are the champion's, on the same rows."
            if self.is_current
            else f"NOT current: see above. To publish all tables anew: dg launch --job {self.job}"
        )
        return "\n".join(text) + "\n"

    def _describe(self, table: TableStatus) -> str:
        if table.rows is None:
            return "not published" + (" yet: the performance job makes it" if table.asset in OF_OUTCOMES else "")
        by = ""
        if table.asset in OF_OUTCOMES:
            by = f", the newest predictions by version {table.version}"
        elif table.asset not in NOT_MADE_BY_THE_MODEL:
            current = self.is_of_champion(table)
            replaced = " as its files were before" if not current and table.version == self.champion else ""
            by = f", made by version {table.version}{replaced}{', the champion' if current else ', NOT the champion'}"
            by += f", of earlier {_MADE_FROM[table.asset]}" if self.is_outdated(table) else ""
        return f"{table.rows:,} rows{by}{f', {_time(table.published)}' if table.published else ''}"


_FAILED = ("FAILURE", "CANCELED")


def find_status(opened: ModelResources) -> ModelStatus:
    """Ask the registry, read the journal and the tables' metadata, and ask Dagster's instance where there is one.

    Raises
    ------
    RegistryError
        The registry does not answer, or has no such model, alias or version.
    """
    names, settings = opened.names, opened.settings
    registry: MlflowRegistry = opened.resources["mlflow_registry"]
    entries = opened.journal_resource.open().entries()
    chosen = settings.alias_or_version if settings else next((each.alias for each in entries[::-1] if each.alias), None)
    version = int(registry.address().version(names.model, chosen or "Champion").version)
    seen = [entry for entry in entries if entry.version == version and entry.digest]
    keys = settings.partitions_def.get_partition_keys() if settings and settings.partitions_def else None
    tables: TableIOManager = opened.resources[names.tables]
    last_run, no_runs = _last_run(opened)
    return ModelStatus(
        names.model,
        opened.location.name,
        chosen if isinstance(chosen, str) else None,
        version,
        seen[-1].digest if seen else None,
        seen[0].observed_at if seen else None,
        tuple(_tables(tables, keys, _names_of_tables(settings))),
        len(keys) if keys is not None else None,
        last_run,
        no_runs,
        names.explanations_job,
    )


def _names_of_tables(settings: ModelSettings | None) -> tuple[str, ...]:
    """Those that every model has, and those that its settings ask for."""
    if settings is None:
        return TABLES
    return (*TABLES, *assets_on_request(settings), *(OF_OUTCOMES if settings.outcomes is not None else ()))


def _tables(tables: TableIOManager, partitions: Sequence[str] | None, assets: Sequence[str]) -> Iterator[TableStatus]:
    for asset in assets:
        if partitions is None or asset in NEVER_PARTITIONED:
            yield _table(tables, asset, None) if tables.exists(asset) else TableStatus(asset, None)
            continue
        published = tables.published_partitions(asset, partitions)
        yield from (_table(tables, asset, key) for key in published)
        if not published:
            yield TableStatus(asset, None)


def _table(tables: TableIOManager, asset: str, partition: str | None) -> TableStatus:
    dataset = tables.read(asset, partition)
    source = Provenance.of(dataset.schema)
    uri = parse_model_uri(source.model_uri or "")
    age = None
    if isinstance(tables, FileTableIOManager):
        age = tables.writer.path_of(tables.table_place(asset, partition)).age()
    return TableStatus(
        asset,
        partition,
        dataset.count_rows(),
        uri.version if isinstance(uri, VersionUri) else None,
        source.model_digest,
        datetime.now(UTC) - age if age is not None else None,
        source.data_version,
        source.inputs_version,
    )


def _last_run(opened: ModelResources) -> tuple[tuple[str, str, datetime | None, str] | None, str | None]:
    """The model's last run, or why nothing is known of runs."""
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        return None, "unknown: DAGSTER_HOME is not set"
    if not Path(home).is_dir():
        return None, f"unknown: DAGSTER_HOME is {home}, where there is no folder"
    tags = {MODEL_TAG: opened.names.slug}
    with dg.DagsterInstance.get() as instance:
        records = instance.get_run_records(dg.RunsFilter(tags=tags), limit=1)
    if not records:
        return None, None
    run, ended = records[0].dagster_run, records[0].end_time
    time = datetime.fromtimestamp(ended, UTC) if ended else None
    return (run.status.value, run.job_name, time, run.run_id), None


def _name(table: TableStatus) -> str:
    return f"{table.asset}[{table.partition}]" if table.partition is not None else table.asset


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
