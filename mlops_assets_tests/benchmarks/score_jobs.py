"""The jobs that `benchmarks.score` measures, each in a process of its own: one line of JSON on standard output.

``python -m mlops_assets_tests.benchmarks.score_jobs JOB FOLDER [--model M] [--rows N]``

Imports and model loading are timed apart: ``seconds`` is the job proper. ``peak`` is this process's own (Linux); the
caller adds what child processes hold.
"""

import argparse
import json
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

COLUMNS = 20
ROW_GROUP = 1 << 20
"""pyarrow's and pandas' own default: the inputs are files as people have them."""
TRAINING_ROWS = 20_000
KEY = "id"
FEW_ROWS = 1_000

Stages = dict[str, float]


def features(rows: int, seed: int) -> Any:
    """`rows` x 20 standard normal doubles: no codec and no dictionary makes them smaller."""
    import numpy as np

    return np.random.default_rng(seed).standard_normal((COLUMNS, rows))


def make_table(folder: Path, rows: int) -> Path:
    """The inputs: an increasing int64 key and 20 doubles, written a row group at a time; kept for the next job."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / f"inputs-{rows}.parquet"
    if path.exists():
        return path
    fields = [(KEY, pa.int64()), *((f"f{i}", pa.float64()) for i in range(COLUMNS))]
    schema = pa.schema(fields)
    with pq.ParquetWriter(path.with_suffix(".part"), schema) as writer:
        for number, start in enumerate(range(0, rows, ROW_GROUP)):
            count = min(ROW_GROUP, rows - start)
            columns = [np.arange(start, start + count), *features(count, number + 1)]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)
    path.with_suffix(".part").rename(path)
    return path


def fitted(name: str) -> Any:
    """The models, by name; all see the same seeded rows."""
    import numpy as np
    import pandas as pd

    X = features(TRAINING_ROWS, 0).T
    frame = pd.DataFrame(X, columns=[f"f{i}" for i in range(COLUMNS)])
    noise = np.random.default_rng(0).standard_normal(len(X))
    y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + np.abs(X[:, 3:10]).sum(axis=1) + X[:, 10:].sum(axis=1) + noise
    return frame, model_of(name).fit(frame, y)


def model_of(name: str) -> Any:
    """An unfitted model."""
    kind, _, size = name.partition("-")
    trees, _, leaves = size.partition("x")
    if kind == "histogram":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(max_iter=int(trees), early_stopping=False)
    if kind == "lightgbm":
        from lightgbm import LGBMRegressor

        return LGBMRegressor(n_estimators=int(trees), num_leaves=int(leaves or 31), verbose=-1)
    if kind == "gradient":
        from sklearn.ensemble import GradientBoostingRegressor

        return GradientBoostingRegressor(n_estimators=int(trees), subsample=0.5, random_state=0)
    if kind == "xgboost":
        from xgboost import XGBRegressor

        return XGBRegressor(n_estimators=int(trees), max_depth=int(leaves or 6))
    if kind == "catboost":
        from catboost import CatBoostRegressor

        return CatBoostRegressor(iterations=int(trees), depth=int(leaves or 6), verbose=0, allow_writing_files=False)
    if kind == "forest":
        from sklearn.ensemble import RandomForestRegressor

        depth = int(leaves or 20)
        return RandomForestRegressor(n_estimators=int(trees), max_depth=depth, max_features=0.3, random_state=0)
    kinds = "histogram-N, lightgbm-NxLEAVES, gradient-N, xgboost-NxDEPTH, catboost-NxDEPTH or forest-NxDEPTH"
    raise ValueError(f"{name}: use {kinds}, N trees")


def registry_uri(folder: Path) -> str:
    return f"sqlite:///{folder / 'mlflow.db'}"


def register(folder: Path, name: str) -> None:
    """Fit a model and register it, with a signature, under its own name; nothing happens when it is there."""
    import mlflow.catboost
    import mlflow.lightgbm
    import mlflow.sklearn
    import mlflow.xgboost
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.models import infer_signature

    from mlops_assets.models.trust import TRUSTED_TYPES

    place = folder / "models" / name
    if place.exists():
        return
    frame, model = fitted(name)
    signature = infer_signature(frame, pd.DataFrame({"prediction": model.predict(frame)}))
    told: dict[str, Any] = {"signature": signature, "pip_requirements": ["mlflow"]}
    if name.startswith("lightgbm"):
        # A Booster is stored as text; LightGBM's scikit-learn classes would be pickled.
        mlflow.lightgbm.save_model(model.booster_, place, **told)
    elif name.startswith("xgboost"):
        mlflow.xgboost.save_model(model, place, **told)
    elif name.startswith("catboost"):
        mlflow.catboost.save_model(model, place, **told)
    else:
        trusted = sorted(TRUSTED_TYPES)
        mlflow.sklearn.save_model(model, place, serialization_format="skops", skops_trusted_types=trusted, **told)
    client = MlflowClient(tracking_uri=registry_uri(folder), registry_uri=registry_uri(folder))
    client.create_registered_model(name)
    version = client.create_model_version(name, source=place.as_uri())
    client.set_registered_model_alias(name, "Champion", version.version)


@contextmanager
def timed(stages: Stages, name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    stages[name] = stages.get(name, 0.0) + time.perf_counter() - start


def job_native(folder: Path, model: str, table: Path, stages: Stages) -> Callable[[], Path | None]:
    """`model.predict` alone, rows in memory; as a DataFrame and as a C-contiguous array."""
    import numpy as np
    import pandas as pd

    loaded = load(folder, model, stages)
    native: Any = loaded.native
    frame = pd.read_parquet(table).drop(columns=KEY)
    array = np.ascontiguousarray(frame.to_numpy())

    def work() -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for form, rows in (("frame", frame), ("array", array)):
                cpu = time.process_time()
                with timed(stages, form):
                    native.predict(rows)
                stages[f"{form} cpu"] = time.process_time() - cpu

    return work


def job_naive(folder: Path, model: str, table: Path, stages: Stages) -> Callable[[], Path | None]:
    """What people write: read all, predict all through MLflow, write all."""
    import mlflow
    import mlflow.pyfunc
    import pandas as pd

    mlflow.set_tracking_uri(registry_uri(folder))
    with timed(stages, "load"):
        loaded = mlflow.pyfunc.load_model(f"models:/{model}@Champion")

    def work() -> Path:
        with timed(stages, "read"):
            frame = pd.read_parquet(table)
        with timed(stages, "predict"):
            predicted = loaded.predict(frame)
        with timed(stages, "write"):
            result = pd.DataFrame({KEY: frame[KEY], "prediction": predicted})
            result.to_parquet(folder / "naive.parquet", index=False)
        return folder / "naive.parquet"

    return work


def load(folder: Path, model: str, stages: Stages) -> Any:
    from mlops_assets.models.load import load_by_flavor

    registry = registry_of(folder)
    with timed(stages, "load"):
        reference = registry.pin(model, "Champion")
        return load_by_flavor(registry.files(reference), reference)


def load_kernel(stages: Stages) -> None:
    """Import numba and what it has compiled, as every process with many rows to predict does once."""
    with timed(stages, "load"):
        import mlops_assets.trees.ranked_kernel  # noqa: F401


def registry_of(folder: Path) -> Any:
    from mlops_assets.resources.registry import MlflowRegistry

    return MlflowRegistry(tracking_uri=registry_uri(folder), state=str(folder / "state"))


def job_pipeline(folder: Path, model: str, table: Path, stages: Stages) -> Callable[[], Path | None]:
    """What the graph does, function by function: samples published, then predictions published."""
    from mlops_assets_tests.benchmarks.score_pipeline import score

    loaded = load(folder, model, stages)
    load_kernel(stages)
    with timed(stages, "load"):
        # What is imported on the way, as in `job_of`.
        score(loaded, make_table(folder, FEW_ROWS), KEY, folder, {})
    return lambda: score(loaded, table, KEY, folder, stages)


def job_graph(folder: Path, model: str, table: Path, stages: Stages) -> Callable[[], Path | None]:
    """The whole `<model>_inference_job` in this process."""
    return job_of(folder, model, table, stages, "inference")


def job_explain(folder: Path, model: str, table: Path, stages: Stages) -> Callable[[], Path | None]:
    """The whole `<model>_explanations_job` in this process."""
    return job_of(folder, model, table, stages, "explanations")


def job_of(
    folder: Path, model: str, table: Path, stages: Stages, which: str, **settings: Any
) -> Callable[[], Path | None]:
    """A job whose imports are paid, model loaded and kernels compiled by a run on few rows."""
    import dagster as dg

    from mlops_assets import build_model_definitions
    from mlops_assets.resources.defaults import default_resources

    name = model.replace("-", "_")
    definitions = dg.Definitions.merge(
        build_model_definitions(
            model,
            folder,
            inputs={"path": str(table), "row_key": [KEY]},
            outputs={"path": str(folder / which)},
            resume={"path": str(folder / "chunks")},
            **settings,
        ),
        dg.Definitions(resources=default_resources(folder) | {"mlflow_registry": registry_of(folder)}),
    )
    job = definitions.resolve_job_def(f"{name}_{which}_job")
    instance = dg.DagsterInstance.ephemeral()
    load_kernel(stages)
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with timed(stages, "load"):
        few = {"ops": {f"{name}__samples": {"config": {"limit": FEW_ROWS}}}}
        assert job.execute_in_process(instance=instance, run_config=quiet | few).success
        # What earlier jobs have computed is not to be found.
        shutil.rmtree(folder / "chunks", ignore_errors=True)

    def work() -> Path:
        result = job.execute_in_process(instance=instance, run_config=quiet)
        assert result.success
        for event in result.all_events:
            if event.is_step_success:
                spent = (event.step_success_data.duration_ms or 0) / 1000
                step = (event.step_key or "").removeprefix(f"{name}__")
                stages[step] = stages.get(step, 0.0) + spent
        return folder / which / "predictions.parquet"

    return work


JOBS = {
    "native": job_native,
    "naive": job_naive,
    "pipeline": job_pipeline,
    "graph": job_graph,
    "explain": job_explain,
}


def peak() -> int:
    """Bytes this process has held at most. Not getrusage: its maximum survives fork and exec, and is the parent's."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def processor_seconds() -> float:
    """Of this process and of the worker processes that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def fingerprint(path: Path) -> float:
    """The sum of the predictions: the jobs must agree on it."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    return float(pc.sum(pq.read_table(path, columns=["prediction"])["prediction"]).as_py())


def main(arguments: list[str] | None = None) -> None:
    """Do one job and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=["prepare", *JOBS])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="histogram-100")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args(arguments)
    if options.job == "prepare":
        make_table(options.folder, options.rows)
        register(options.folder, options.model)
        return
    table = options.folder / f"inputs-{options.rows}.parquet"
    stages: Stages = {}
    start = time.perf_counter()
    work = JOBS[options.job](options.folder, options.model, table, stages)
    loading = stages.pop("load")
    imports = time.perf_counter() - start - loading
    # What the jobs before have written is not for this one to wait for.
    os.sync()
    cpu, start = processor_seconds(), time.perf_counter()
    result = work()
    told = {
        "seconds": time.perf_counter() - start,
        "cpu": processor_seconds() - cpu,
        "load": loading,
        "imports": imports,
        "peak": peak(),
        "stages": stages,
    }
    if result is not None:
        told["sum"] = fingerprint(result)
    print(json.dumps(told))
    sys.stdout.flush()
    # Interpreters with thread pools of four libraries take their time to leave; nothing is measured there.
    os._exit(0)


if __name__ == "__main__":
    main()
