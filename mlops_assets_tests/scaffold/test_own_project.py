"""Every command, snippet and YAML of docs/own_project.md, in the order of the page."""

import re
import socket
import time
from pathlib import Path

import pytest
import yaml

from mlops_assets_tests.dev_server import dev_server
from mlops_assets_tests.waiting import LONGEST_SECONDS

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent.parent / "docs" / "own_project.md"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(folder: Path, environment: dict[str, str]) -> None:
    """`dg dev`, until its UI is there."""
    log = folder / "dev.log"
    with dev_server(["dg", "dev", "--port", str(free_port())], folder, environment, log) as server:
        deadline = time.monotonic() + LONGEST_SECONDS
        while "Serving dagster-webserver" not in log.read_text():
            assert server.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.5)


def test_the_page_from_top_to_bottom(desk):
    desk.write_table(desk.folder)
    folder, run = desk.folder, []
    for language, text in re.findall(r"```(bash|python|yaml)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        if language == "yaml":
            file = folder / "churn_scores" / "defs" / "churn" / "defs.yaml"
            before = file.read_text()
            commented = "".join(f"  # {line[2:]}\n" for line in text.splitlines())
            known = [re.sub(r"(?<=})  # .*", "", line) for line in before.splitlines()]
            assert commented.splitlines() == known[-3:]
            file.write_text("\n".join([*before.splitlines()[:-3], text]))
            assert yaml.safe_load(file.read_text())["attributes"]["sensors"]["champion"] == {"status": "RUNNING"}
            continue
        if language == "python":
            (folder / "snippet.py").write_text(text)
            text = "python snippet.py"
        for line in text.splitlines():
            run.append(line)
            if line.startswith("pip install"):
                continue
            if line == "dg dev":
                serve(folder, desk.environment)
            elif line.startswith("cd "):
                folder = folder / line.removeprefix("cd ")
            else:
                done = desk.shell(folder, line)
                assert done.returncode == 0, (line, done.stdout[-2000:], done.stderr[-3000:])
                if line.startswith(("mlops-assets init", "dg scaffold")):
                    assert "Ready: " in done.stdout
                if line.startswith("python"):
                    assert "shap_income" in done.stdout
    assert {line.split()[0] for line in run} == {"pip", "mlops-assets", "cd", "dg", "python"}


def test_the_page_names_every_topic():
    from typing import get_args

    from mlops_assets.examine.findings import Topic

    rows = re.findall(r"^\| ([a-z ]+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(get_args(Topic)) - {"settings"} <= set(rows)
