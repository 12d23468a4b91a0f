"""The jobs that `benchmarks.wide` measures, each in a process of its own: one line of JSON on standard output.

``python -m mlops_assets_tests.benchmarks.wide_jobs JOB FOLDER [--model M] [--columns N] [--rows N] [--format F]``

``inference`` and ``explanations`` are the package's jobs, in this process. ``plain_inference`` and
``plain_explanations`` are what a person writes who wants the same numbers and nothing else: read the table, ask the
library, write Parquet.
Imports, loading the model and a run on few rows are left out of ``cpu``. ``--profile`` prints where the time went.
"""

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_assets_tests.benchmarks.score_jobs import KEY, peak, processor_seconds, registry_of, registry_uri

TRAINING_ROWS = 2_000
FEW_ROWS = 20
BLOCK = 1_000
CLASSES = 100
TREES = 100
SEED = 7

Work = Callable[[], None]


def table_path(folder: Path, columns: int, rows: int, table_format: str) -> Path:
    return folder / f"inputs-{columns}-{rows}.{table_format}"


def column_names(columns: int) -> list[str]:
    return [f"f{number}" for number in range(columns)]


def make_table(folder: Path, columns: int, rows: int, table_format: str) -> Path:
    """An increasing int64 key and `columns` normal doubles, a block of rows at a time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv as pcsv
    import pyarrow.parquet as pq

    path = table_path(folder, columns, rows, table_format)
    if path.exists():
        return path
    schema = pa.schema([(KEY, pa.int64()), *((name, pa.float64()) for name in column_names(columns))])
    part = path.with_suffix(".part")
    generator = np.random.default_rng(SEED)
    writer: Any = pq.ParquetWriter(part, schema) if table_format == "parquet" else pcsv.CSVWriter(part, schema)
    with writer:
        step = rows if table_format == "parquet" else BLOCK
        for start in range(0, rows, step):
            count = min(step, rows - start)
            # Few digits, so that a file of text is no longer than people's are.
            values = generator.standard_normal((columns, count)).round(4)
            writer.write_table(pa.table([np.arange(start, start + count), *values], schema=schema))
    part.rename(path)
    return path


def fit(model: str, columns: int) -> tuple[Any, Any]:
    """Rows to train on, and the model fitted on them."""
    import numpy as np
    import pandas as pd

    rows = max(TRAINING_ROWS, 2 * CLASSES)
    values = np.random.default_rng(0).standard_normal((rows, columns))
    frame = pd.DataFrame(values, columns=column_names(columns))
    target = values[:, :10] @ np.arange(1.0, 11.0)
    if model == "linear":
        from sklearn.linear_model import Ridge

        return frame, Ridge().fit(frame, target)
    if model == "xgboost":
        from xgboost import XGBRegressor

        return frame, XGBRegressor(n_estimators=TREES, max_depth=6, n_jobs=1).fit(frame, target)
    if model == "classes":
        from sklearn.linear_model import LogisticRegression

        classes = np.arange(rows) % CLASSES
        return frame, LogisticRegression(max_iter=5).fit(frame, classes)
    raise ValueError(f"{model}: use linear, xgboost or classes")


def registered_name(model: str, columns: int) -> str:
    return f"{model}_{columns}"


def register(folder: Path, model: str, columns: int) -> None:
    """Fit and register a model with a signature; nothing happens when it is there."""
    import mlflow.sklearn
    import mlflow.xgboost
    from mlflow import MlflowClient
    from mlflow.models import infer_signature

    name = registered_name(model, columns)
    place = folder / "models" / name
    if place.exists():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame, fitted = fit(model, columns)
        options: dict[str, Any] = {
            "signature": infer_signature(frame, fitted.predict(frame)),
            "pip_requirements": ["mlflow"],
        }
        if model == "xgboost":
            mlflow.xgboost.save_model(fitted, place, **options)
        else:
            mlflow.sklearn.save_model(fitted, place, serialization_format="skops", **options)
    client = MlflowClient(tracking_uri=registry_uri(folder), registry_uri=registry_uri(folder))
    client.create_registered_model(name)
    version = client.create_model_version(name, source=place.as_uri())
    client.set_registered_model_alias(name, "Champion", version.version)


def plain_job(folder: Path, model: str, columns: int, table: Path, explain: bool) -> Work:
    """The script: the model by MLflow's own loader, the table by pandas, the numbers by the library."""
    import mlflow
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    mlflow.set_tracking_uri(registry_uri(folder))
    uri = f"models:/{registered_name(model, columns)}@Champion"
    flavor = mlflow.xgboost if model == "xgboost" else mlflow.sklearn
    loaded: Any = flavor.load_model(uri)

    def contributions(rows: pd.DataFrame) -> Any:
        """Of shape (rows, outputs, columns + 1), the base last; as shap's or XGBoost's own explainer gives them."""
        if model == "xgboost":
            import xgboost

            return loaded.get_booster().predict(xgboost.DMatrix(rows), pred_contribs=True)[:, None]
        import shap

        explained = shap.LinearExplainer(loaded, rows.to_numpy()[:100])(rows.to_numpy())
        values = explained.values if explained.values.ndim == 3 else explained.values[:, :, None]
        base = np.broadcast_to(np.reshape(explained.base_values, (len(rows), 1, -1)), (len(rows), 1, values.shape[2]))
        return np.concatenate([values, base], axis=1).transpose(0, 2, 1)

    def work() -> None:
        frame = pd.read_parquet(table) if table.suffix == ".parquet" else pd.read_csv(table)
        keys, rows = frame[KEY].to_numpy(), frame.drop(columns=KEY)
        predicted = pa.table({KEY: keys, "prediction": loaded.predict(rows)})
        pq.write_table(predicted, folder / "plain-predictions.parquet")
        if not explain:
            return
        values = contributions(rows)
        outputs = values.shape[1]
        names = [*(f"shap_{name}" for name in rows.columns), "base_value"]
        flat = values.reshape(-1, values.shape[2])
        ledger = pa.table([np.repeat(keys, outputs), *flat.T], names=[KEY, *names])
        pq.write_table(ledger, folder / "plain-ledger.parquet")

    return work


def graph_job(folder: Path, model: str, columns: int, table: Path, which: str, resume: bool) -> Work:
    """A job of the package whose imports, kernels and model are paid for by a run on few rows."""
    import dagster as dg

    from mlops_assets import build_model_definitions
    from mlops_assets.resources.defaults import default_resources

    name = registered_name(model, columns)
    definitions = dg.Definitions.merge(
        build_model_definitions(
            name,
            folder,
            inputs={"path": str(table), "row_key": [KEY]},
            outputs={"path": str(folder / which)},
            resume={"path": str(folder / "chunks")} if resume else False,
        ),
        dg.Definitions(resources=default_resources(folder) | {"mlflow_registry": registry_of(folder)}),
    )
    job = definitions.resolve_job_def(f"{name}_{which}_job")
    instance = dg.DagsterInstance.ephemeral()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    few = {"ops": {f"{name}__samples": {"config": {"limit": FEW_ROWS}}}}
    assert job.execute_in_process(instance=instance, run_config=quiet | few).success

    def work() -> None:
        assert job.execute_in_process(instance=instance, run_config=quiet).success

    return work


def main(arguments: list[str] | None = None) -> None:
    """Do one job and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    jobs = ["prepare", "plain_inference", "plain_explanations", "inference", "explanations"]
    parser.add_argument("job", choices=jobs)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="linear")
    parser.add_argument("--columns", type=int, default=300)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--format", default="parquet")
    parser.add_argument("--no-resume", action="store_true", help="keep no results of chunks")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args(arguments)
    folder, model, columns = options.folder, options.model, options.columns
    folder.mkdir(parents=True, exist_ok=True)
    table = make_table(folder, columns, options.rows, options.format)
    if options.job == "prepare":
        register(folder, model, columns)
        return
    if options.job.startswith("plain"):
        work = plain_job(folder, model, columns, table, options.job == "plain_explanations")
    else:
        work = graph_job(folder, model, columns, table, options.job, not options.no_resume)
    profile: Any = None
    if options.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
    spent = processor_seconds()
    work()
    cpu = processor_seconds() - spent
    if profile is not None:
        import pstats

        profile.disable()
        for order in ("cumulative", "tottime"):
            pstats.Stats(profile, stream=sys.stderr).sort_stats(order).print_stats(70)
    print(json.dumps({"cpu": cpu, "peak": peak()}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
