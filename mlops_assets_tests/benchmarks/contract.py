"""The contract beside MLflow's own enforcement: ``python -m mlops_assets_tests.benchmarks.contract``.

Prints one table, best of three (one run where that takes more than a second). *contract*: `Contract.apply` over record
batches of 65,536 rows. *MLflow*: `mlflow.models.validate_schema` on the same data as a DataFrame, which is what
`PyFuncModel.predict` does before it predicts. *to the model*: the way from Arrow to what the model sees, here
`Contract.apply` and `to_model_input`, there `Table.to_pandas` and the enforcement. Then the peak memory of streaming
twice and eight times as many rows (Linux).
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from mlops_assets.signatures.contract.contract import Contract, ContractPolicy
from mlops_assets.signatures.mlflow.model_input import to_model_input

BATCH = 65_536


@dataclass(frozen=True)
class Case:
    """One row of the table: a table, the MLflow type of all its columns, and what MLflow would be given."""

    name: str
    table: pa.Table
    kind: object
    frame: Callable[[], pd.DataFrame]
    policy: ContractPolicy | None = None


def cases(rows: int) -> list[Case]:
    """The cases of the issue: nothing to cast, integers, ISO dates, lists, objects, strings."""
    from mlflow.types.schema import Array, Object, Property

    random = np.random.default_rng(0)
    names = [f"c{i}" for i in range(20)]
    doubles = pa.table({name: random.random(rows) for name in names})
    # MLflow casts int64 to double only if all values are 0 or 1.
    flags = pa.table({name: random.integers(0, 2, rows) for name in names})
    days = pa.table({"day": np.datetime_as_string(np.datetime64("1990-01-01") + random.integers(0, 9000, rows))})
    some = max(rows // 10, 1)
    lists = pa.table({"v": pa.FixedSizeListArray.from_arrays(random.random(4 * some), 4).cast(pa.list_(pa.float64()))})
    few = max(rows // 50, 1)
    records = pa.StructArray.from_arrays([random.random(few), pa.array(["x"] * few)], names=["a", "b"])
    texts = pa.table({name: pa.array(random.integers(0, 1000, rows)).cast(pa.string()) for name in names[:5]})

    def listed() -> pd.DataFrame:
        return pd.DataFrame({"v": lists["v"].to_pylist()})

    record = Object([Property("a", "double"), Property("b", "string")])
    return [
        Case(f"{rows:,} x 20 double -> double", doubles, "double", doubles.to_pandas),
        Case(f"{rows:,} x 20 int64 -> double", flags, "double", flags.to_pandas),
        Case(
            f"{rows:,} x 1 ISO text -> datetime",
            days,
            "datetime",
            days.to_pandas,
            ContractPolicy(parse_iso_datetimes=True),
        ),
        Case(f"{some:,} x 1 list of 4 -> Array(double)", lists, Array("double"), listed),
        Case(f"{few:,} x 1 struct -> Object", pa.table({"o": records}), record, pa.table({"o": records}).to_pandas),
        Case(f"{rows:,} x 5 string -> string", texts, "string", texts.to_pandas),
    ]


def seconds(run: Callable[[], object], repeat: int = 3) -> float:
    """The best of `repeat` runs; one run where that takes more than a second."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        if best > 1:
            break
    return best


def measure(case: Case) -> tuple[float, float, float, float]:
    """Seconds of the contract, of MLflow's enforcement, and of both ways from Arrow to the model."""
    from mlflow.models import validate_schema
    from mlflow.types import ColSpec, Schema

    schema = Schema([ColSpec(case.kind, name) for name in case.table.column_names])  # type: ignore[arg-type]
    contract = Contract(schema, case.table.schema, (), case.policy)
    batches = case.table.combine_chunks().to_batches(max_chunksize=BATCH)

    def judge() -> None:
        for batch in batches:
            assert contract.apply(batch).rejected.num_rows == 0

    def hand_over() -> None:
        for batch in batches:
            to_model_input(contract.apply(batch).accepted, schema)

    frame = case.frame()
    enforced = seconds(lambda: validate_schema(frame, schema))
    return seconds(judge), enforced, seconds(hand_over), enforced + seconds(case.frame)


def stream(rows: int) -> int:
    """Peak memory (bytes) of this process after the contract and the model's input for `rows` rows, made as they go."""
    from mlflow.types import ColSpec, Schema

    random = np.random.default_rng(0)
    names = [f"c{i}" for i in range(20)]
    schema = Schema([ColSpec("double", name) for name in names])
    contract: Contract | None = None
    for _ in range(0, rows, BATCH):
        batch = pa.record_batch({name: random.integers(0, 2**53 + 2**45, BATCH) for name in names})
        contract = contract or Contract(schema, batch.schema)
        to_model_input(contract.apply(batch).accepted, schema)
    # Not getrusage: its maximum survives fork and exec, and would be the parent's.
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--stream", type=int, help="only stream so many rows and print the peak memory in bytes")
    options = parser.parse_args(arguments)
    if options.stream:
        print(stream(options.stream))
        return
    header = ("contract", "MLflow", "ratio", "to the model", "MLflow", "ratio")
    print(f"{'case':<44}" + "".join(f"{title:>14}" for title in header))
    for case in cases(options.rows):
        ours, theirs, ours_to_model, theirs_to_model = measure(case)
        cells = [
            f"{mine * 1e3:>11.1f} ms{other * 1e3:>11.1f} ms{other / mine:>13.1f}x"
            for mine, other in ((ours, theirs), (ours_to_model, theirs_to_model))
        ]
        print(f"{case.name:<44}{''.join(cells)}", flush=True)
    for rows in (2 * options.rows, 8 * options.rows):
        command = [sys.executable, "-m", __spec__.name if __spec__ else __name__, "--stream", str(rows)]
        peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(f"peak memory, {rows:,} x 20 int64 streamed to double, some rejected: {peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
