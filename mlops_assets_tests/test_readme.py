"""Every command and snippet of the README, and the snippets of the documentation, are run.

The README's first two commands by CI on a clean checkout, the rest here. Pages with data of their own have tests of
their own: `commands/test_docs.py`, `test_docs_of_tables.py`, `test_errors_page.py`, `test_extend_page.py`.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from mlops_assets_tests.dev_server import dev_server
from mlops_assets_tests.waiting import LONGEST_SECONDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for language, text in BLOCKS if language == "bash" for line in text.splitlines()]
DOCS = ROOT / "docs"
# Pages whose snippets need nothing but an empty folder.
PAGES = ("places.md", "operate.md", "scale.md", "contract.md")


def blocks(language: str) -> list[str]:
    """The snippets of a language, in the README and on the pages."""
    pages = [README, *((DOCS / page).read_text("utf-8") for page in PAGES)]
    return [text for page in pages for text in re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)]


INLINE = re.findall(r"`(\.venv/bin/[^`]+)`", README)


def bin_path(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of what a clone holds, so that the commands leave nothing in this checkout."""
    clone = tmp_path_factory.mktemp("clone")
    for name in ("mlops_assets", "pyproject.toml", "workspace.yaml", "README.md"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, clone / name)
    return clone


def environment(project: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DAGSTER_HOME", "MLFLOW_TRACKING"))}
    return kept | {"PYTHONPATH": str(project), "DAGSTER_DISABLE_TELEMETRY": "1"}


def test_the_first_two_commands_are_those_that_ci_runs():
    assert COMMANDS[0] == "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/mlops-assets demo"
    assert COMMANDS[1] == '.venv/bin/pip install -e ".[test]" && .venv/bin/pytest -n 2'
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "README.md" in ci
    assert "for number in 1 2" in ci


@pytest.mark.slow
def test_the_demo_succeeds_twice_with_one_version_and_the_ui_commands_work(project):
    outputs = [
        subprocess.run(
            [bin_path("mlops-assets"), "demo"],
            cwd=project,
            env=environment(project),
            capture_output=True,
            text=True,
            check=False,
        )
        for _ in range(2)
    ]
    for done in outputs:
        assert done.returncode == 0, done.stderr
        assert "version 1 (Champion)" in done.stdout
        assert re.search(r"rows scored +569", done.stdout)
        assert re.search(r"rows rejected +0", done.stdout)
        assert re.search(r"top features +worst \w+", done.stdout)
        assert "dg dev" in done.stdout
        assert done.stderr == ""
    (snippet,) = re.findall(r"```python\n(.*?)```", (DOCS / "quickstart.md").read_text("utf-8"), re.DOTALL)
    printed = subprocess.run([sys.executable, "-c", snippet], cwd=project, capture_output=True, text=True, check=True)
    assert re.search(r"shap_worst \w+ +-?0\.\d+", printed.stdout)
    assert "registered now" in outputs[0].stdout
    assert "already registered" in outputs[1].stdout

    assert {"dagster dev -w workspace.yaml", "dg check defs", "dg list defs"} <= {
        command.removeprefix(".venv/bin/") for command in INLINE
    }
    for command in (["dg", "check", "defs"], ["dg", "list", "defs"]):
        done = subprocess.run(
            [bin_path(command[0]), *command[1:]],
            cwd=project,
            env=environment(project) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "arning" not in done.stdout + done.stderr
    for command in (["dg", "dev"], ["dagster", "dev", "-w", "workspace.yaml"]):
        shows_the_history(project, command)


def shows_the_history(project: Path, command: list[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = project / f"{command[0]}.log"
    query = (
        '{"query": "{ assetNodes { repository { location { name } } assetKey { path } '
        'assetMaterializations(limit: 1) { runId } } }"}'
    )
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    served = [bin_path(command[0]), *command[1:], "-p", str(port)]
    with dev_server(served, project, environment(project) | path, log):
        nodes = []
        deadline = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < deadline and not nodes:
            time.sleep(1)
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/graphql", query.encode(), {"content-type": "application/json"}
            )
            try:
                with urllib.request.urlopen(request, timeout=120) as answer:
                    nodes = yaml.safe_load(answer.read())["data"]["assetNodes"]
            except (OSError, TypeError, KeyError):
                continue
        assert {node["repository"]["location"]["name"] for node in nodes} == {"mlops_assets"}, log.read_text()
        materialized = {node["assetKey"]["path"][-1] for node in nodes if node["assetMaterializations"]}
        assert materialized == {node["assetKey"]["path"][-1] for node in nodes} - {
            "inputs",
            # Trees are explained without a background.
            "sample_explanations_background",
        }


@pytest.mark.parametrize("text", blocks("python"))
def test_python_snippets_run(text, tmp_path, monkeypatch):
    import dagster as dg

    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "snippet"}
    exec(compile(text, "README.md", "exec"), names)
    if isinstance(names.get("defs"), dg.Definitions):
        dg.Definitions.validate_loadable(names["defs"])


YAML = blocks("yaml")


FRAGMENT = re.compile("^(partitions|inputs|outputs|engine):", re.MULTILINE)


@pytest.mark.parametrize("text", [text for text in YAML if FRAGMENT.search(textwrap.dedent(text))])
def test_fragments_of_a_models_yaml_load(text, tmp_path):
    from mlops_assets.component import MlflowModelComponent

    fragment = yaml.safe_load(textwrap.dedent(text))
    least = {"model": "churn", "inputs": {"path": "x.csv"}, "outputs": {"path": "tables"}}
    assert MlflowModelComponent.model_validate(least | fragment).definitions(tmp_path).jobs


@pytest.mark.parametrize("text", [text for text in YAML if text.startswith(("concurrency:", "storage:"))])
def test_instance_snippets_are_what_dagster_takes(text, tmp_path, monkeypatch):
    """The storage itself runs on a real server in test_postgres.py; here the rest of it is loaded."""
    import dagster as dg

    settings = yaml.safe_load(text)
    storage = settings.pop("storage", None)
    assert storage in (None, {"postgres": {"postgres_url": {"env": "DAGSTER_DATABASE"}}})
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        assert instance.run_monitoring_enabled == (storage is None)


@pytest.mark.parametrize("text", [text for text in YAML if text.startswith("type:")])
def test_yaml_snippets_load(text, tmp_path):
    from mlops_assets import MlflowModelComponent
    from mlops_assets.registry_component import RegistrySettings

    written = yaml.safe_load(text)
    if written["type"] == "mlops_assets.MlflowRegistryComponent":
        assert RegistrySettings.model_validate(written["attributes"]).defaults
    else:
        assert written["type"] == "mlops_assets.MlflowModelComponent"
        assert MlflowModelComponent.model_validate(written["attributes"]).definitions(tmp_path).jobs


@pytest.mark.parametrize("name", re.findall(r"\]\(((?:docs/|[A-Z]+\.md)[^)#]*)\)", README))
def test_links_lead_somewhere(name):
    assert (ROOT / name).is_file()


def test_the_quickstart_has_the_commands_of_the_readme_and_the_demos_yaml():
    from mlops_assets.demo.project import DEFS_YAML

    page = (DOCS / "quickstart.md").read_text("utf-8")
    assert COMMANDS[0] in page
    assert COMMANDS[2] in page
    assert DEFS_YAML.partition("\n")[2].strip() in page


def test_the_table_of_conversions_is_the_one_in_the_code():
    from mlops_assets.signatures.contract.arrow_types import conversions_as_markdown

    page = (DOCS / "contract.md").read_text("utf-8")
    shown = page.split("<!-- conversions -->")[1].split("<!-- /conversions -->")[0]
    assert shown.strip() == conversions_as_markdown().strip()


@pytest.mark.parametrize("text", blocks("sql"))
def test_sql_snippets_give_the_latest_publication(text, tmp_path):
    import sqlite3

    import pyarrow as pa

    from mlops_assets.arrow.provenance import Provenance
    from mlops_assets.tables.sql.address import SqlAddress
    from mlops_assets.tables.sql.names import TableName
    from mlops_assets.tables.sql.writer import Target, write
    from mlops_assets_tests.tables.sql.test_round_trip import Stored

    target = Target(SqlAddress.parse(f"sqlite:///{tmp_path}/x.db"), TableName("churn_predictions"), mode="append")
    for version in ("first", "second"):
        metadata = Provenance(model="churn", data_version=version).to_metadata()
        write(Stored(pa.table({"prediction": [version]}).replace_schema_metadata(metadata)), target)
    with sqlite3.connect(tmp_path / "x.db") as connection:
        assert [row[0] for row in connection.execute(text)] == ["second"]
