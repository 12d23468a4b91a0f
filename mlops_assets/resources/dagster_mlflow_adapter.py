"""dagster-mlflow for a user's own ops, in the MLflow run that this package keeps for the Dagster run."""

from collections.abc import Iterator

import dagster as dg

from mlops_assets.errors import ConfigurationError
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.tracking import tracking_resource
from mlops_assets.settings.groups import TrackingSettings


def dagster_mlflow_resource(model: str, experiment: str | None = None) -> dg.ResourceDefinition:
    """dagster-mlflow's `mlflow_tracking`, bound to the MLflow run of a model that has ``tracking: {enabled: true}``.

    What a user's op or asset logs through it arrives in the same MLflow run as what this package records. The run is
    found or created before dagster-mlflow starts, and released without an end afterwards: the tracking sensor ends it
    with the status of the Dagster run. Meanwhile MLflow's global tracking URI, experiment and active run are those of
    this run, because that is how dagster-mlflow works.

    Parameters
    ----------
    model
        The registered model.
    experiment
        As the model's ``tracking.experiment``.

    Examples
    --------
    >>> import dagster as dg
    >>> @dg.asset(deps=[["churn", "predictions"]], required_resource_keys={"mlflow"})
    ... def campaign(context: dg.AssetExecutionContext) -> None:
    ...     context.resources.mlflow.log_metric("customers_called", 120)
    >>> @dg.definitions
    ... def campaign_definitions() -> dg.Definitions:
    ...     return dg.Definitions(assets=[campaign], resources={"mlflow": dagster_mlflow_resource("churn")})
    """
    tracking = tracking_resource(ModelNames(model), TrackingSettings(experiment=experiment))

    @dg.resource(
        required_resource_keys={REGISTRY}, description=f"dagster-mlflow, in the MLflow runs of {model}; see tracking."
    )
    @redact_errors
    def mlflow_resource(context: dg.InitResourceContext) -> Iterator[object]:
        import mlflow
        from dagster_mlflow import mlflow_tracking

        registry: MlflowRegistry = getattr(context.resources, REGISTRY)
        run = context.run
        if run is None:
            raise ConfigurationError(
                "dagster-mlflow needs a Dagster run", fix="Use this resource in a job or a materialization"
            )
        with registry.address().translate_errors("opening the MLflow run of this Dagster run"):
            run_id = tracking.find_or_create(registry, run.run_id, run.job_name).info.run_id
        config = {
            "experiment_name": tracking.experiment,
            "mlflow_tracking_uri": registry.address().tracking_uri,
            "mlflow_run_id": run_id,
        }
        active = mlflow.active_run()
        if active is not None:
            # dagster-mlflow would log into this one without a word.
            raise ConfigurationError(
                f"The MLflow run {active.info.run_id} is active in this process already",
                where=f"resource for the runs of {model}",
                fix="End it with mlflow.end_run(), and use one such resource per step",
            )
        with dg.build_resources(
            {"mlflow": mlflow_tracking},
            instance=context.instance,
            resource_config={"mlflow": {"config": config}},
            dagster_run=run,
            log_manager=context.log,
        ) as resources:
            try:
                yield resources.mlflow
            finally:
                # MLflow's only public way to release an active run also sets a status, and would set FINISHED when the
                # process exits (dagster issue 21872). The run is still in progress.
                with registry.address().translate_errors("releasing the MLflow run of this Dagster run"):
                    mlflow.end_run(status="RUNNING")

    return mlflow_resource
