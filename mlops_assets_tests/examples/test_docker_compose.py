"""examples/docker-compose: no container engine is here, so what the files refer to is looked up."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlops_assets_tests.examples.conftest import EXAMPLES

FOLDER = EXAMPLES / "docker-compose"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text("utf-8")


def test_the_services_are_those_of_the_readme_and_each_is_healthy_or_not():
    readme = (FOLDER / "README.md").read_text("utf-8")
    named = set(re.findall(r"^\| `(\w+)` \|", readme, re.MULTILINE))
    assert set(SERVICES) == named == {"postgres", "mlflow", "webserver", "daemon"}
    for service in SERVICES.values():
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
        assert service["restart"] == "unless-stopped"


def test_what_a_service_waits_for_exists_and_has_a_healthcheck():
    for service in SERVICES.values():
        for name, wait in service.get("depends_on", {}).items():
            assert wait == {"condition": "service_healthy"}
            assert "healthcheck" in SERVICES[name]


def test_volumes_are_declared_and_used_and_files_that_are_mounted_exist():
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    assert {name for name in mounted if not name.startswith(".")} == set(COMPOSE["volumes"])
    for name in mounted:
        assert not name.startswith(".") or (FOLDER / name).is_file()


def test_folders_of_volumes_belong_to_the_user_of_the_image():
    made = re.search(r"mkdir -p (.*?) *\\\n", DOCKERFILE)
    assert made is not None
    for service in SERVICES.values():
        for volume in service.get("volumes", ()) if "build" in service else ():
            assert volume.split(":")[1] in made[1].split()
    assert "USER dagster" in DOCKERFILE


def test_ports_are_open_on_this_machine_only_and_are_those_that_the_programs_listen_to():
    ports = {name: port for name, service in SERVICES.items() for port in service.get("ports", ())}
    assert set(ports) == {"mlflow", "webserver"}
    for name, port in ports.items():
        assert port.startswith("127.0.0.1:")
        inside = port.split(":")[2]
        assert inside in " ".join(SERVICES[name]["command"])
        assert f":{inside}/" in SERVICES[name]["healthcheck"]["test"][-1]


def test_every_url_names_a_service():
    for service in SERVICES.values():
        text = yaml.safe_dump([service.get("environment", {}), service.get("command", [])])
        for host in re.findall(r"(?:@|http://)([a-z]\w*):\d+", text):
            assert host in SERVICES


def test_every_variable_is_in_the_example_and_no_password_is_in_any_file():
    example = dict(
        line.split("=", 1) for line in (FOLDER / ".env.example").read_text("utf-8").splitlines() if "=" in line
    )
    used = set(re.findall(r"\$\{(\w+)", (FOLDER / "compose.yaml").read_text("utf-8")))
    assert used == set(example) == {"POSTGRES_PASSWORD"}
    assert set(example.values()) == {""}
    for path in FOLDER.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            # A password in a URL is a variable, and compose refuses to start without it.
            for password in re.findall(r"://\w+:([^@\s/]+)@", path.read_text("utf-8")):
                assert password.startswith("${POSTGRES_PASSWORD:?")
    assert ".env" in (FOLDER / ".gitignore").read_text("utf-8").split()
    assert ".env" in (FOLDER / ".dockerignore").read_text("utf-8").split()


def test_dagster_reads_its_storage_from_a_variable_that_its_services_have():
    dagster = yaml.safe_load((FOLDER / "dagster.yaml").read_text("utf-8"))
    variable = dagster["storage"]["postgres"]["postgres_url"]["env"]
    for name in ("webserver", "daemon"):
        assert variable in SERVICES[name]["environment"]
    assert "[postgres]" in (FOLDER / "pyproject.toml").read_text("utf-8")


def test_the_image_copies_files_that_exist():
    for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE):
        *sources, _ = [word for word in line.split() if not word.startswith("--")]
        for source in sources:
            assert (FOLDER / source).exists()


def test_the_workspace_names_a_module_that_is_in_the_image():
    (location,) = yaml.safe_load((FOLDER / "workspace.yaml").read_text("utf-8"))["load_from"]
    module = location["python_module"]["module_name"]
    assert (FOLDER / "src" / Path(*module.split("."))).with_suffix(".py").is_file()


def commands() -> list[list[str]]:
    own = [service["command"] for service in SERVICES.values() if "command" in service]
    checks = [service["healthcheck"]["test"][1:] for service in SERVICES.values() if "build" in service]
    readme = (FOLDER / "README.md").read_text("utf-8")
    typed = [line.split()[4:] for line in readme.splitlines() if line.startswith("docker compose exec")]
    return [command for command in (*own, *checks, *typed) if command[0] != "python"]


@pytest.mark.slow
@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_exists_with_its_options(command):
    """As `--help` lists them."""
    names = []
    for word in command:
        if word.startswith("-") or word.endswith(".yaml"):
            break
        names.append(word)
    program = shutil.which(names[0], path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run([program, *names[1:], "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for option in [word.split("=")[0] for word in command if word.startswith("--")]:
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", done.stdout)


@pytest.mark.slow
def test_the_project_in_the_image_is_that_of_own_project_and_loads(example):
    """The same files as examples/own_project; what differs is where Dagster and MLflow keep things."""
    own, packed = EXAMPLES / "own_project", FOLDER
    assert (own / "train.py").read_bytes() == (packed / "train.py").read_bytes()
    place = Path("defs") / "diabetes" / "defs.yaml"
    assert (own / "src" / "own_project" / place).read_bytes() == (
        packed / "src" / "platform_project" / place
    ).read_bytes()
    example("docker-compose").run("python", "-c", "from platform_project.definitions import defs; defs()")
