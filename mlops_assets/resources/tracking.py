"""Dagster runs as MLflow runs, written through an explicit `MlflowClient`: no active run, no global setting of MLflow.

An MLflow run is opened by the step that pins the champion and closed by the tracking sensor with the status of the
Dagster run. Both find it by its tags, `DAGSTER_MLFLOW_TAG` among them, by which dagster-mlflow finds it as well.
"""

import json
import logging
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.mistakes import ReadableModel
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.registry import Registry
from mlops_assets.naming import ModelNames
from mlops_assets.redaction.addresses import show_address
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.groups import TrackingSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput, Run

RUN_TAG, MODEL_TAG, RECORDED_TAG = "dagster.run_id", "mlops_assets.model", "mlops_assets.recorded"
# By this tag dagster-mlflow (0.29) looks for the MLflow run of a Dagster run, and joins it where there is one.
DAGSTER_MLFLOW_TAG = "dagster_run_id"
# MLflow's limits: characters of a param's value and of a dataset's digest, entries of one `log_batch`.
MAX_PARAM_LENGTH, MAX_DIGEST_LENGTH, MAX_METRICS, MAX_PARAMS = 6000, 36, 1000, 100

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Dataset:
    """A table that a run read or wrote; the digest is the data version, over every row."""

    name: str
    digest: str
    uri: str
    context: str


@dataclass(frozen=True)
class FinishedRun:
    """A finished Dagster run, as it is recorded in MLflow. Times are milliseconds since 1970."""

    run_id: str
    job: str
    status: Status
    started: int
    ended: int
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: Sequence[Dataset] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackedRun:
    """The MLflow run of a Dagster run; `page` where the tracking server has pages."""

    run_id: str
    page: str | None

    def artifact_page(self, path: str) -> str | None:
        """The page that shows one of the run's files; None where the tracking server has no pages."""
        return f"{self.page}/artifacts/{path}" if self.page else None

    def metadata(self) -> dict[str, Any]:
        """The link to MLflow, as Dagster metadata."""
        return {"mlflow_run": dg.MetadataValue.url(self.page) if self.page else self.run_id}


class MlflowTracking(ReadableModel, dg.ConfigurableResource[Any]):
    """Records each Dagster run of a model as exactly one MLflow run, on the tracking server of the registry."""

    model: str = Field(description="The registered model.")
    experiment: str = Field(description="MLflow experiment.")

    def begin(
        self,
        registry: MlflowRegistry,
        run: dg.DagsterRun,
        tags: Mapping[str, str],
        log: logging.Logger,
    ) -> TrackedRun | None:
        """Find or create the MLflow run of a Dagster run in progress; write `tags` and the run config to it.

        Returns
        -------
        The MLflow run; None when it could not be recorded, which is logged as a warning and never fails the run.
        """
        try:
            with registry.address().translate_errors("recording the run in MLflow"):
                mlflow_run = self.find_or_create(registry, run.run_id, run.job_name)
                params = flatten_run_config(run.run_config)
                _log_params_and_tags(registry.address().client, mlflow_run, params, tags)
                return self.link(registry, mlflow_run)
        except Exception as error:  # noqa: BLE001 - tracking is a by-product: whatever it raises, the run goes on
            # The text of a foreign error may hold the address of the server, with its password.
            reason = f"{error}" if isinstance(error, MlopsAssetsError) else f"an unexpected {type(error).__name__}."
            log.warning(
                f"MLflow tracking: this run is not recorded yet: {reason} "
                "The run itself continues; the tracking sensor records it once it has ended."
            )
            return None

    def finish(self, registry: MlflowRegistry, record: FinishedRun) -> TrackedRun:
        """Write the results of a finished Dagster run, and end its MLflow run with the same status. Repeatable.

        Raises
        ------
        RegistryError
            The tracking server refused or does not answer; nothing is lost, because all of it can be repeated.
        """
        with registry.address().translate_errors(f"recording run {record.run_id}"):
            run = self.find_or_create(registry, record.run_id, record.job, record.started)
            if run.data.tags.get(RECORDED_TAG) != record.status:
                _write(registry.address(), run, record)
            return self.link(registry, run)

    def find_or_create(self, registry: MlflowRegistry, run_id: str, job: str, started: int | None = None) -> "Run":
        """The one MLflow run of a Dagster run, also where dagster-mlflow was the first to create it.

        Parameters
        ----------
        run_id, job
            Of the Dagster run.
        started
            When it started, in milliseconds since 1970; None: now.
        """
        client = registry.address().client
        experiment = self._experiment_id(registry)
        tags = {RUN_TAG: run_id, DAGSTER_MLFLOW_TAG: run_id, MODEL_TAG: self.model, "dagster.job": job}
        # The second tag alone is that of runs which this package, until 0.1, met only after their end.
        runs = (self._find(client, experiment, tag, run_id) for tag in (DAGSTER_MLFLOW_TAG, RUN_TAG))
        run = next((match for match in runs if match is not None), None)
        if run is None:
            created = client.create_run(experiment, start_time=started, tags=tags, run_name=f"{job} {run_id[:8]}")
            # Steps in other processes may have created one at the same time: all of them agree on the oldest.
            run = self._find(client, experiment, DAGSTER_MLFLOW_TAG, run_id) or created
            if run.info.run_id != created.info.run_id:
                client.delete_run(created.info.run_id)
        missing = {name: value for name, value in tags.items() if name not in run.data.tags}
        if missing:
            _log_params_and_tags(client, run, {}, missing)
        return run

    def link(self, registry: MlflowRegistry, run: "Run") -> TrackedRun:
        """An MLflow run's id and page; the address without user and password."""
        uri = show_address(registry.address().tracking_uri)
        page = f"{uri.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
        return TrackedRun(run.info.run_id, page if _is_server(uri) else None)

    def _find(self, client: "MlflowClient", experiment: str, tag: str, run_id: str) -> "Run | None":
        runs = client.search_runs([experiment], f"tags.`{tag}` = '{run_id}'", order_by=["start_time ASC"])
        # A Dagster run may concern several models that share an experiment; dagster-mlflow names no model.
        return next((run for run in runs if run.data.tags.get(MODEL_TAG, self.model) == self.model), None)

    def _experiment_id(self, registry: MlflowRegistry) -> str:
        from mlflow.exceptions import MlflowException

        client = registry.address().client
        experiment = client.get_experiment_by_name(self.experiment)
        if experiment is None:
            # Without a server MLflow would put artifacts into the working folder of whoever comes first.
            artifacts = None if _is_server(registry.address().tracking_uri) else registry.state_folder / "artifacts"
            location = artifacts.absolute().as_uri() if artifacts else None
            try:
                return str(client.create_experiment(self.experiment, artifact_location=location))
            except MlflowException:
                # Another process may have created it in the meantime.
                experiment = client.get_experiment_by_name(self.experiment)
                if experiment is None:
                    raise
        return str(experiment.experiment_id)


def _write(registry: Registry, run: "Run", record: FinishedRun) -> None:
    from mlflow.entities import Metric

    client = registry.client
    run_id = run.info.run_id
    metrics = [Metric(name, value, record.ended, 0) for name, value in record.metrics.items()]
    for start in range(0, len(metrics), MAX_METRICS):
        client.log_batch(run_id, metrics=metrics[start : start + MAX_METRICS])
    _log_params_and_tags(client, run, record.params, record.tags)
    if record.datasets:
        client.log_inputs(run_id, datasets=[_dataset_input(dataset) for dataset in record.datasets])
    with tempfile.TemporaryDirectory() as folder:
        for name, content in record.files.items():
            path = Path(folder) / name
            path.write_bytes(content)
            registry.add_files(
                ArtifactAddress.parse(str(run.info.artifact_uri)), path, f"recording run {record.run_id}"
            )
    # The status last: a run that has it is recorded completely.
    client.set_terminated(run_id, status=record.status, end_time=record.ended)
    client.set_tag(run_id, RECORDED_TAG, record.status)


def _log_params_and_tags(
    client: "MlflowClient", run: "Run", params: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    """Write tags, and those params that the run has not yet: MLflow refuses another value for a param."""
    from mlflow.entities import Param, RunTag

    new = [Param(name, value[:MAX_PARAM_LENGTH]) for name, value in params.items() if name not in run.data.params]
    for start in range(0, len(new), MAX_PARAMS):
        client.log_batch(run.info.run_id, params=new[start : start + MAX_PARAMS])
    client.log_batch(run.info.run_id, tags=[RunTag(name, value) for name, value in tags.items()])


def _dataset_input(dataset: Dataset) -> "DatasetInput":
    from mlflow.entities import Dataset as DatasetEntity
    from mlflow.entities import DatasetInput, InputTag

    source = json.dumps({"uri": dataset.uri})
    digest = dataset.digest[:MAX_DIGEST_LENGTH]
    return DatasetInput(
        DatasetEntity(name=dataset.name, digest=digest, source_type="uri", source=source),
        [InputTag("mlflow.data.context", dataset.context)],
    )


def _is_server(tracking_uri: str) -> bool:
    return tracking_uri.startswith(("http://", "https://"))


def flatten_run_config(run_config: Mapping[str, Any]) -> dict[str, str]:
    """The ops' run config as flat params: ``<op>.<field>``."""
    params: dict[str, str] = {}

    def add(name: str, value: object) -> None:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                add(f"{name}.{key}" if name else str(key), inner)
        else:
            params[to_mlflow_name(name)] = value if isinstance(value, str) else json.dumps(value, default=str)

    for op, settings in run_config.get("ops", {}).items():
        add(str(op), settings.get("config", {}))
    return params


def to_mlflow_name(text: str) -> str:
    """`text` with an underscore for each character that MLflow refuses in the name of a param or metric."""
    return re.sub(r"[^A-Za-z0-9_\-. :/]", "_", text)


def tracking_resource(names: ModelNames, settings: TrackingSettings) -> MlflowTracking:
    """Where the runs of a model are recorded."""
    return MlflowTracking(model=names.model, experiment=settings.experiment or f"mlops_assets/{names.name}")
