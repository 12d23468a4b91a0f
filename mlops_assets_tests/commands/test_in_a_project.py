"""Commands in a project of one's own: they answer for it, from any of its folders, and for nothing else."""

import re

import pytest

from mlops_assets_tests.commands.conftest import command

pytestmark = pytest.mark.slow


def plain(text: str) -> str:
    """Without the spaces that align it."""
    return " ".join(text.split())


def test_the_project_is_found_before_and_after_its_first_run(project):
    deep = project.root / "src" / "theirs" / "defs"
    done = command(deep, "journal", "churn")
    assert (done.returncode, done.stderr) == (0, "")
    assert "journal of 'churn' is empty" in done.stdout
    assert str(project.root) in done.stdout
    done = command(deep, "status", "churn")
    assert done.returncode == 1
    assert "predictions not published" in plain(done.stdout)
    assert "NOT current: see above. To publish all tables anew: dg launch --job churn_explanations_job" in done.stdout
    done = command(deep, "report", "churn")
    assert done.returncode == 1
    assert "has not been materialized" in done.stderr

    project.run()
    done = command(deep, "journal", "churn")
    assert "Champion  1 " in done.stdout
    done = command(deep, "status", "churn")
    assert (done.returncode, done.stderr) == (0, "")
    said = plain(done.stdout)
    assert "champion version 1 (Champion), digest " in said
    assert "sample_explanations 60 rows, made by version 1, the champion" in said
    assert "last run unknown: DAGSTER_HOME is not set" in said
    # What the YAML asks for as well; outcomes have not come.
    for name, rows in {"changes": 0, "change_summary": 0, "drift": 0}.items():
        assert f"{name} {rows} rows, made by version 1, the champion" in said
    assert re.search(r"\nreasons +\d+ rows, made by version 1, the champion", done.stdout)
    assert re.search(r"\nprofile +\d+ rows, made by version 1, the champion", done.stdout)
    assert "performance not published yet: the performance job makes it" in said
    report = command(deep, "report", "churn").stdout.strip()
    assert report == str(project.root / "data" / "tables" / "explanation_report.html")
    for name in ("verify", "explain-receipt"):
        done = command(deep, name, "churn", "c07")
        assert (done.returncode, done.stderr) == (0, "")
        assert "the same as stored" in done.stdout

    project.registry.add_sklearn(project.model, project.features, name="churn")
    done = command(deep, "status", "churn")
    assert done.returncode == 1
    said = plain(done.stdout)
    assert "champion version 2 (Champion), which no run has seen yet" in said
    assert "predictions 60 rows, made by version 1, NOT the champion" in said
    assert "drift 0 rows, made by version 1, NOT the champion" in said


@pytest.mark.parametrize("name", ["journal", "status", "report"])
def test_an_unknown_model_is_an_error_that_names_those_there_are(name, project):
    done = command(project.root, name, "chrun")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no model 'chrun' (did you mean 'churn'?)" in done.stderr
    assert "Its models are: churn, fraud" in done.stderr


def test_outside_of_a_project_no_command_answers_for_another_one(tmp_path):
    for arguments in (
        ("journal", "churn"),
        ("status", "churn"),
        ("verify", "churn", "1"),
        ("compare", "churn", "1", "2"),
    ):
        done = command(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no Dagster project here" in done.stderr


def test_two_versions_without_a_signature_are_not_called_compatible(project):
    for _ in range(2):
        project.registry.add_sklearn(project.model, project.features, name="churn", signature=None)
    done = command(project.root, "compare", "churn", "2", "3")
    assert done.returncode == 1
    assert "signature" in done.stderr
    done = command(project.root, "compare", "churn", "1", "Champion")
    assert done.returncode == 1
    assert "NOT compatible" in done.stdout


def test_definitions_that_cannot_be_loaded_are_reported_without_a_traceback(project):
    (project.root / "src" / "theirs" / "definitions.py").write_text("defs = 1 / 0\n")
    done = command(project.root, "journal", "churn")
    assert (done.returncode, done.stdout) == (1, "")
    assert "ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_with_a_name_of_its_own_is_found_under_both(project):
    yaml = project.root / "src" / "theirs" / "defs" / "fraud" / "defs.yaml"
    yaml.write_text(yaml.read_text().replace("model: fraud", "model: fraud\n  name: fraud_west"))
    for name in ("fraud", "fraud_west"):
        done = command(project.root, "journal", name)
        assert (done.returncode, done.stderr) == (0, "")
    other = yaml.parent.parent / "east" / "defs.yaml"
    other.parent.mkdir()
    other.write_text(yaml.read_text().replace("west", "east").replace("data/fraud", "data/east"))
    done = command(project.root, "journal", "fraud")
    assert done.returncode == 1
    assert "Use one of: fraud_east, fraud_west" in done.stderr
