"""`mlops-assets doctor`: colours, exit codes, JSON; and the YAML that `init` writes."""

import json

import pytest
import yaml

from mlops_assets.commands.doctor import _line
from mlops_assets.examine.findings import Finding
from mlops_assets_tests.commands.conftest import command

TABLE = ("--inputs", "data/customers.parquet", "--row-key", "customer_id")


@pytest.mark.slow
def test_every_topic_is_examined_and_the_yaml_is_the_one_that_is_written(project):
    done = command(project.root, "doctor", "churn", *TABLE)
    assert (done.returncode, done.stderr) == (0, "")
    findings, _, text = done.stdout.partition("\n\n")
    topics = {line[8:24].strip() for line in findings.splitlines()}
    assert topics == {
        "registry", "model", "environment", "trust", "table", "row key", "contract", "predictions", "explanations",
        "storage",
    }  # fmt: skip
    assert {line[:7].strip() for line in findings.splitlines()} == {"green"}
    assert "\x1b" not in done.stdout
    assert "TreeExplainer" in findings
    assert "rows a second" in findings
    assert yaml.safe_load(text)["attributes"]["inputs"]["row_key"] == ["customer_id"]
    written = command(project.root, "init", "--model", "churn", *TABLE, "--name", "again")
    assert written.returncode == 0, written.stderr
    file = (project.root / "src/theirs/defs/again/defs.yaml").read_text()
    assert file == command(project.root, "doctor", "churn", *TABLE, "--name", "again").stdout.partition("\n\n")[2]


@pytest.mark.slow
def test_red_is_exit_code_1_also_as_json(project):
    done = command(project.root, "doctor", "chrun", *TABLE, "--json")
    assert (done.returncode, done.stderr) == (1, "")
    answer = json.loads(done.stdout)
    assert answer["color"] == "red"
    assert any("did you mean 'churn'?" in finding["what"] for finding in answer["findings"])
    assert yaml.safe_load(answer["yaml"])["attributes"] == answer["attributes"]


@pytest.mark.slow
def test_a_pickled_model_is_loaded_where_it_is_allowed_for_the_examination(project):
    project.registry.add_sklearn(
        project.model, project.features, name="pickled", serialization_format="cloudpickle", skops_trusted_types=None
    )
    refused = command(project.root, "doctor", "pickled", *TABLE)
    assert refused.returncode == 1
    assert "--allow-pickle" in refused.stdout
    allowed = command(project.root, "doctor", "pickled", *TABLE, "--allow-pickle")
    assert "TreeExplainer" in allowed.stdout
    assert "trust" not in yaml.safe_load(allowed.stdout.partition("\n\n")[2])["attributes"]


def test_colours_are_added_to_words_and_never_replace_them():
    finding = Finding("table", "red", "The table has no rows", "in.csv", "Give a table with rows")
    plain = "red     table           The table has no rows (in.csv). Give a table with rows."
    assert _line(finding, colored=False) == plain
    assert _line(finding, colored=True) == plain.replace("red    ", "\x1b[31mred    \x1b[0m")
