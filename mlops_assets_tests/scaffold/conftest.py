"""Programs as a person types them, in folders of their own."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from mlops_assets_tests.forked import write_programs

ROOT = Path(__file__).parent.parent.parent
MLOPS_ASSETS = f"#!{sys.executable}\nimport sys\nfrom mlops_assets.cli import main\nsys.exit(main())\n"


@pytest.fixture
def desk(tmp_path, registry) -> SimpleNamespace:
    """A registry with a champion, a table, and a shell that finds `dg` and `mlops-assets`."""
    random = np.random.default_rng(0)
    customers = pd.DataFrame(random.normal(size=(60, 2)), columns=["age", "income"])
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(customers, customers.income > 0)
    registry.add_sklearn(model, customers, name="churn")
    table = customers.assign(customer_id=[f"c{number:02}" for number in range(60)])
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "mlops-assets").write_text(MLOPS_ASSETS)
    (programs / "mlops-assets").chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DAGSTER_HOME"))}
    forked = tmp_path / "forked"
    forked.mkdir()
    write_programs(forked)
    environment = kept | {
        "PATH": os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"])),
        "PYTHONPATH": str(ROOT),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLOPS_ASSETS_HOME": str(tmp_path / "home"),
        "MLFLOW_TRACKING_URI": registry.uri,
    }

    def shell(folder: Path, line: str, **more: str) -> Any:
        path = {"PATH": f"{forked}{os.pathsep}{environment['PATH']}"}
        return subprocess.run(
            ["sh", "-c", line], cwd=folder, env=environment | path | more, capture_output=True, text=True, check=False
        )

    def next_commands(output: str) -> list[str]:
        return [line.strip() for line in output.partition("Next:\n")[2].splitlines()]

    def write_table(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        table.to_parquet(folder / "customers.parquet", index=False)

    return SimpleNamespace(
        folder=tmp_path,
        registry=registry,
        shell=shell,
        next_commands=next_commands,
        write_table=write_table,
        root=ROOT,
        environment=environment,
    )
