"""A code location of plain Dagster with as many definitions as this package makes for each model, all of them empty."""

import dagster as dg

# A family: 7 assets in 6 definitions and one external, 7 definitions of checks, 2 jobs of assets, 3 of ops, 5 sensors.
ASSETS = ("champion_model", "model_signature", "predictions", "sample_explanations", "model_explanations")
CHECKED = (*ASSETS, "input_samples", "rejected_samples")


def plain_definitions(families: int) -> dg.Definitions:
    """`families` of them, merged, on one shared resource."""
    shared = dg.Definitions(resources={"registry": dg.ResourceDefinition.none_resource()})
    return dg.Definitions.merge(*(_family(f"model_{number:04d}") for number in range(families)), shared)


def _family(name: str) -> dg.Definitions:
    assets: list[dg.AssetsDefinition] = [_asset(name, asset) for asset in ASSETS]

    @dg.multi_asset(
        name=f"{name}__samples",
        outs={out: dg.AssetOut(key=[name, out], group_name=name) for out in ("rejected_samples", "input_samples")},
    )
    def samples():
        """Nothing."""

    keys = [[name, asset] for asset in CHECKED]
    jobs = [
        dg.define_asset_job(f"{name}_inference_job", dg.AssetSelection.assets(*keys[:3], *keys[5:])),
        dg.define_asset_job(f"{name}_explanations_job", dg.AssetSelection.assets(*keys)),
    ]
    op_jobs = [_op_job(f"{name}_{job}_job") for job in ("validation", "sign", "compatibility")]

    @dg.run_status_sensor(
        name=f"{name}_success_notification", run_status=dg.DagsterRunStatus.SUCCESS, monitored_jobs=jobs
    )
    def success() -> None:
        """Nothing."""

    @dg.run_failure_sensor(name=f"{name}_failure_notification", monitored_jobs=jobs)
    def failure() -> None:
        """Nothing."""

    sensors = [_sensor(f"{name}_{sensor}_sensor", jobs[1]) for sensor in ("champion", "inputs", "new_version")]
    return dg.Definitions(
        assets=[*assets, samples, dg.AssetSpec([name, "inputs"], group_name=name)],
        asset_checks=[_check(name, asset) for asset in CHECKED],
        jobs=[*jobs, *op_jobs],
        sensors=[success, failure, *sensors],
    )


def _asset(name: str, asset: str) -> dg.AssetsDefinition:
    @dg.asset(key=[name, asset], group_name=name, required_resource_keys={"registry"})
    def definition() -> None:
        """Nothing."""

    return definition


def _check(name: str, asset: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(name="holds", asset=dg.AssetKey([name, asset]))
    def definition() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    return definition


def _op_job(name: str) -> dg.JobDefinition:
    @dg.op(name=f"{name}__op", required_resource_keys={"registry"})
    def operation() -> None:
        """Nothing."""

    @dg.job(name=name)
    def definition() -> None:
        operation()

    return definition


def _sensor(name: str, job: object) -> dg.SensorDefinition:
    @dg.sensor(name=name, job=job, required_resource_keys={"registry"})  # type: ignore[arg-type]
    def definition() -> dg.SkipReason:
        return dg.SkipReason("nothing")

    return definition
