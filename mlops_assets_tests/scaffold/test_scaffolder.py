"""`dg scaffold defs mlops_assets.MlflowModelComponent`, with and without options, in a project of one's own."""

import subprocess
import sys

import pandas as pd
import pytest
import yaml

from mlops_assets_tests.scaffold.test_init import SRC, contents

COMPONENT = "mlops_assets.MlflowModelComponent"


@pytest.fixture
def project(desk):
    folder = desk.folder / "my-project"
    for name, text in SRC.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    desk.write_table(folder)
    return folder


@pytest.mark.slow
def test_what_is_scaffolded_checks_and_launches_unedited(desk, project):
    path = {"PYTHONPATH": f"{project / 'src'}:{desk.root}"}
    options = "--model churn --inputs customers.parquet --row-key customer_id"
    done = desk.shell(project, f"dg scaffold defs {COMPONENT} churn {options}", **path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\nReady: " in done.stdout
    done = desk.shell(project, f"dg scaffold defs {COMPONENT} shops/challenger {options}", **path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = desk.shell(project, f"dg scaffold defs {COMPONENT} later", **path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Not ready: --model and --inputs were not given" in done.stdout
    done = desk.shell(
        project, f"dg scaffold defs {COMPONENT} in_python --format python {options} --name python", **path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    defs = project / "src" / "my_project" / "defs"
    assert yaml.safe_load((defs / "shops/challenger/defs.yaml").read_text())["attributes"]["name"] == "challenger"
    checked = desk.shell(project, "dg check yaml && dg check defs", **path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    launched = desk.shell(project, "dg launch --job churn_explanations_job", **path)
    assert launched.returncode == 0, launched.stderr[-3000:]
    assert len(pd.read_parquet(project / "tables" / "churn" / "sample_explanations.parquet")) == 60


@pytest.mark.slow
def test_what_cannot_be_launched_says_so_on_its_first_line(desk, project):
    done = desk.shell(project, f"dg scaffold defs {COMPONENT} churn --model chrun --inputs customers.parquet")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (project / "src" / "my_project" / "defs" / "churn" / "defs.yaml").read_text()
    assert text.startswith("# Not ready: There is no registered model 'chrun' (did you mean 'churn'?)")
    before = contents(project)
    done = desk.shell(project, f"dg scaffold defs {COMPONENT} churn --model churn --inputs customers.parquet")
    assert done.returncode != 0
    assert {path: text for path, text in contents(project).items() if path in before} == before


@pytest.mark.slow
def test_the_component_stays_light():
    code = (
        "import sys; import mlops_assets.component\n"
        "heavy = {'mlflow', 'shap', 'sklearn', 'numba', 'skops'} & set(sys.modules)\n"
        "print(sorted(heavy), 'mlops_assets.examine.examine' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] False\n"
