"""Dagster runs as MLflow runs: a resource of ours in front of dagster-mlflow.

dagster-mlflow finds or makes a run by searching, sets MLflow's global state, and ends the run when a process exits.
Here the run is found or made by us, with an explicit client; dagster-mlflow gets its id, works in a thread of its own
(MLflow's active runs belong to a thread), and MLflow's globals are put back. It never ends a run: `finish` does, told
by the sensor what became of the Dagster run.
"""

import json
import logging
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from pydantic import Field

from mlops_assets.family import Family
from mlops_assets.models.addresses import strip_credentials
from mlops_assets.resources.registry import MlflowRegistry

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

RUN_TAG, MODEL_TAG, RECORDED_TAG = "dagster.run_id", "mlops_assets.model", "mlops_assets.recorded"
# MLflow's limits: of a param's value, of a dataset's digest, and of what one call takes.
_LONGEST_PARAM, LONGEST_DIGEST, _MOST_METRICS = 6000, 36, 1000

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
    """A finished Dagster run, as MLflow is told of it. Times are milliseconds since 1970."""

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

    def metadata(self) -> dict[str, Any]:
        """The link back, as Dagster metadata."""
        return {"mlflow_run": dg.MetadataValue.url(self.page) if self.page else self.run_id}


class MlflowTracking(dg.ConfigurableResource[Any]):
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
        """Find or make the MLflow run of a Dagster run that is under way; `tags` and the run config are written to it.

        Returns
        -------
        The MLflow run; None when it could not be recorded, which is logged and never fails the run.
        """

        def record() -> TrackedRun:
            found = self._find_or_create(registry, run.run_id, run.job_name, None)
            uri, params = registry.address().tracking_uri, params_of(run.run_config)
            _through_dagster_mlflow(uri, self.experiment, found.info.run_id, run, tags, params, log)
            return self._tracked(registry, found)

        return self._safely(registry, record, log)

    def finish(self, registry: MlflowRegistry, record: FinishedRun) -> TrackedRun:
        """Write what a finished Dagster run has shown, and end its MLflow run with the same status. Repeatable.

        Raises
        ------
        RegistryError
            The tracking server refused or does not answer; nothing is lost, because all of it can be done again.
        """
        with registry.address().translate_errors(f"recording run {record.run_id}"):
            run = self._find_or_create(registry, record.run_id, record.job, record.started)
            if run.data.tags.get(RECORDED_TAG) != record.status:
                self._write(registry.address().client, run, record)
            return self._tracked(registry, run)

    def _write(self, client: "MlflowClient", run: "Run", record: FinishedRun) -> None:
        from mlflow.entities import Dataset as DatasetEntity
        from mlflow.entities import DatasetInput, InputTag, Metric, Param, RunTag

        number = run.info.run_id
        metrics = [Metric(name, value, record.ended, 0) for name, value in record.metrics.items()]
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(number, metrics=metrics[start : start + _MOST_METRICS])
        known = run.data.params
        params = [Param(name, value[:_LONGEST_PARAM]) for name, value in record.params.items() if name not in known]
        for start in range(0, len(params), 100):
            client.log_batch(number, params=params[start : start + 100])
        client.log_batch(number, tags=[RunTag(name, value) for name, value in record.tags.items()])
        if record.datasets:
            client.log_inputs(
                number,
                datasets=[
                    DatasetInput(
                        DatasetEntity(
                            name=one.name,
                            digest=one.digest[:LONGEST_DIGEST],
                            source_type="uri",
                            source=json.dumps({"uri": one.uri}),
                        ),
                        [InputTag("mlflow.data.context", one.context)],
                    )
                    for one in record.datasets
                ],
            )
        with tempfile.TemporaryDirectory() as folder:
            for name, content in record.files.items():
                place = Path(folder) / name
                place.write_bytes(content)
                client.log_artifact(number, str(place))
        # The status last: a run that has it is recorded whole.
        client.set_terminated(number, status=record.status, end_time=record.ended)
        client.set_tag(number, RECORDED_TAG, record.status)

    def _find_or_create(self, registry: MlflowRegistry, run_id: str, job: str, started: int | None) -> "Run":
        client = registry.address().client
        experiment = self._experiment(registry)
        found = client.search_runs(
            [experiment], filter_string=f"tags.`{RUN_TAG}` = '{run_id}'", max_results=1, order_by=["start_time ASC"]
        )
        if found:
            return found[0]
        tags = {RUN_TAG: run_id, MODEL_TAG: self.model, "dagster.job": job}
        return client.create_run(experiment, start_time=started, tags=tags, run_name=f"{job} {run_id[:8]}")

    def _experiment(self, registry: MlflowRegistry) -> str:
        from mlflow.exceptions import MlflowException

        client = registry.address().client
        known = client.get_experiment_by_name(self.experiment)
        if known is None:
            # Without a server MLflow would put artifacts into the working folder of whoever comes first.
            served = registry.address().tracking_uri.startswith(("http://", "https://"))
            place = None if served else (registry.state_folder.absolute() / "artifacts").as_uri()
            try:
                return str(client.create_experiment(self.experiment, artifact_location=place))
            except MlflowException:
                known = client.get_experiment_by_name(self.experiment)
                if known is None:
                    raise
        return str(known.experiment_id)

    def _tracked(self, registry: MlflowRegistry, run: "Run") -> TrackedRun:
        where = strip_credentials(registry.address().tracking_uri)
        served = where.startswith(("http://", "https://"))
        page = f"{where.rstrip('/')}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}" if served else None
        return TrackedRun(run.info.run_id, page)

    def _safely(
        self, registry: MlflowRegistry, record: Callable[[], TrackedRun], log: logging.Logger
    ) -> TrackedRun | None:
        try:
            with registry.address().translate_errors("recording the run in MLflow"):
                return record()
        except Exception as error:  # noqa: BLE001 - tracking is a by-product: whatever it raises, the run goes on
            log.warning(f"The run is not recorded in MLflow: {type(error).__name__}: {error}")
            return None


def _through_dagster_mlflow(
    uri: str,
    experiment: str,
    mlflow_run_id: str,
    run: dg.DagsterRun,
    tags: Mapping[str, str],
    params: Mapping[str, str],
    log: logging.Logger,
) -> None:
    """Tags and params, by dagster-mlflow's resource bound to an MLflow run that is there already."""

    def session() -> None:
        with _mlflow_globals_restored(), warnings.catch_warnings():
            # Beta warnings are dagster-mlflow's authors' business, not the user's.
            warnings.simplefilter("ignore", dg.BetaWarning)
            from dagster_mlflow.resources import MlFlow

            config = {
                "experiment_name": experiment,
                "mlflow_tracking_uri": uri,
                "mlflow_run_id": mlflow_run_id,
                "extra_tags": dict(tags),
            }
            context = SimpleNamespace(log=log, run_id=run.run_id, dagster_run=run, resource_config=config)
            opened: Any = MlFlow
            opened(context).log_params({name: value[:_LONGEST_PARAM] for name, value in params.items()})

    with ThreadPoolExecutor(1, "dagster-mlflow") as own_thread:
        own_thread.submit(session).result()


@contextmanager
def _mlflow_globals_restored() -> Iterator[None]:
    """Put back the tracking URI and the experiment that were set, here and in the environment."""
    import mlflow
    from mlflow.tracking import fluent

    names = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID")
    before = {name: os.environ.get(name) for name in names}
    uri = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
    # What is set in code is in the environment too, save when somebody changed the environment afterwards.
    in_code = None if uri == before["MLFLOW_TRACKING_URI"] else uri
    # MLflow has no public way to forget an experiment.
    chosen = fluent._active_experiment_id
    try:
        yield
    finally:
        mlflow.set_tracking_uri(in_code)  # type: ignore[arg-type]
        fluent._active_experiment_id = chosen
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def params_of(run_config: Mapping[str, Any]) -> dict[str, str]:
    """The ops' run config as flat params: ``<op>.<field>``."""
    found: dict[str, str] = {}

    def walk(prefix: str, value: object) -> None:
        if isinstance(value, Mapping) and value:
            for name, inner in value.items():
                walk(f"{prefix}.{name}" if prefix else str(name), inner)
        else:
            found[mlflow_name(prefix)] = value if isinstance(value, str) else json.dumps(value, default=str)

    for op, settings in run_config.get("ops", {}).items():
        walk(str(op), settings.get("config", {}))
    return found


def mlflow_name(text: str) -> str:
    """A name that MLflow takes."""
    return re.sub(r"[^A-Za-z0-9_\-. :/]", "_", text)


def tracking_resource(family: Family) -> MlflowTracking:
    """Where the runs of `family` are recorded."""
    experiment = family.settings.tracking.experiment or f"mlops_assets/{family.model}"
    return MlflowTracking(model=family.model, experiment=experiment)
