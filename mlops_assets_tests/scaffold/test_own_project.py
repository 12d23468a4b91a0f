"""Every command, snippet and YAML of docs/own_project.md, in the order of the page."""

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent.parent.parent / "docs" / "own_project.md"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(folder: Path, environment: dict[str, str]) -> None:
    """`dg dev`, until its UI is there."""
    server = subprocess.Popen(
        ["dg", "dev", "--port", str(free_port())],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert server.stdout is not None
        lines: list[str] = []
        for line in server.stdout:
            lines.append(line)
            if "Serving dagster-webserver" in line:
                return
        raise AssertionError("".join(lines)[-3000:])
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(120)


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
