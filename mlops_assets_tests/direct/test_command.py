"""`mlops-assets score` and `explain`: what is refused, what is counted, and what is left when they fail."""

import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor

from mlops_assets.cli import main
from mlops_assets.direct.wording import reword


@pytest.fixture
def files(registry, tmp_path, monkeypatch) -> pd.DataFrame:
    """A model `m`, and ``in.csv`` with one row of three that the contract refuses."""
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "n": [1, 2, 3]})
    registry.add_sklearn(DecisionTreeRegressor(random_state=0).fit(frame, frame.a), frame)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.uri)
    (tmp_path / "in.csv").write_text("id,a,n\nx,1.5,1\ny,2.5,no\nz,3.5,3\n")
    return frame


def test_refused_rows_are_counted_on_stderr_and_written(files, tmp_path, capsys):
    given = ["score", "m", "in.csv", "out.csv", "--key", "id"]
    assert main(given) == 1
    failed = capsys.readouterr()
    assert (failed.out, (tmp_path / "out.csv").exists()) == ("", False)
    assert "1 of 3 rows" in failed.err
    assert "--max-rejected" in failed.err
    assert "YAML" not in failed.err
    assert main([*given, "--max-rejected", "1", "--rejected", "bad.csv"]) == 0
    done = capsys.readouterr()
    assert done.err == "1 of 3 rows were rejected; they are in bad.csv\n"
    assert done.out == "2 rows scored by m (version 1; predict): out.csv\n"
    assert pd.read_csv("out.csv")["id"].tolist() == ["x", "z"]
    assert pd.read_csv("bad.csv")["id"].tolist() == ["y"]


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (["m", "in.csv", "out.xlsx"], ["out.xlsx", ".parquet or .csv"]),
        (["m", "in.csv", "in.csv"], ["would replace the table that is read"]),
        (["m", "in.csv", "out.csv", "--rejected", "in.csv"], ["would replace the table that is read"]),
        (["m", "nothing.csv", "out.csv"], ["No such file", "nothing.csv"]),
        (["m", "in.csv", "out.csv", "--key", "idd"], ["did you mean 'id'"]),
        (["m", "in.csv", "out.csv", "--types", "a"], ["--types", "COLUMN=TYPE"]),
        (["m", "in.csv", "out.csv", "--types", "b=int64"], ["'b'", "--types"]),
        (["m", "in.csv", "out.csv", "--max-rejected", "1.5"], ["--max-rejected", "1.5"]),
        (["m", "in.csv", "out.csv", "--method", "predict_proba"], ["predict_proba", "--method predict"]),
        (["n", "in.csv", "out.csv"], ["no registered model 'n'", "registered are: 'm'"]),
    ],
)
def test_what_is_refused_names_the_option(arguments, facts, files, tmp_path, capsys):
    lenient = ["--max-rejected", "1"] if "--max-rejected" not in arguments else []
    assert main(["score", *arguments, *lenient]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    for fact in facts:
        assert fact in told.err
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["in.csv"]


@pytest.mark.parametrize(
    ("rows", "facts"),
    [
        (None, ["no.csv", "No such file"]),
        ("a\n1\n", ["'n'", "no.csv"]),
        ("a,n\n1.5,x\n", ["--background, ", "no.csv", "refused 1 of 1 rows", "--max-rejected"]),
        ("a,n\n", ["The background has no rows", "--background, ", "no.csv"]),
    ],
    ids=["missing", "a column is missing", "a value is wrong", "empty"],
)
def test_a_background_that_will_not_do_is_named_by_its_option(rows, facts, files, tmp_path, capsys):
    if rows is not None:
        (tmp_path / "no.csv").write_text(rows)
    (tmp_path / "in.csv").write_text("id,a,n\nx,1.5,1\n")
    assert main(["explain", "m", "in.csv", "out.csv", "--key", "id", "--background", "no.csv"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    for fact in facts:
        assert fact in told.err
    assert not (tmp_path / "out.csv").exists()


def test_a_failure_leaves_the_file_that_was_there(files, tmp_path, capsys):
    (tmp_path / "out.csv").write_text("mine")
    assert main(["score", "m", "in.csv", "out.csv", "--key", "id"]) == 1
    assert (tmp_path / "out.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "python", "command"),
    [
        ("write `contract: {missing: allow}` into its YAML: x", 'pass missing="allow": x', "add --missing allow: x"),
        ("Use `inputs: {columns: [a, b]}`", "Use columns=['a', 'b']", 'Use --columns "a, b"'),
        ("Write `predict: {method: predict}` into its YAML", 'Pass method="predict"', "Add --method predict"),
        ("raise contract.max_rejected", "raise max_rejected", "raise --max-rejected"),
        ("explain.background, b.csv", "background, b.csv", "--background, b.csv"),
        ("Set explain.background_rows: 5", "Set explain.background_rows: 5", "Set explain.background_rows: 5"),
        ("inputs.types does", "types does", "--types does"),
        ("Set explain.KIND: Sum, or", 'Pass explainer="Sum", or', "Add --explainer Sum, or"),
        ("`explain: {KIND: Sum}` needs", 'explainer="Sum" needs', "--explainer Sum needs"),
        (
            "Read its message, the cause in the event log",
            "Read its message, the cause of this error",
            "Read its message, which Python shows: mlops_assets.score() and explain() have it as the cause of their "
            "error",
        ),
        (
            "out: give the model fewer rows at once, `predict: {batch_rows: 1000}` or `explain: {batch_rows: 100}`",
            "out: pass a part of the table at a time",
            "out: give it a part of the table at a time",
        ),
        ("the column types is an int", "the column types is an int", "the column types is an int"),
    ],
)
def test_settings_are_named_as_they_are_given(text, python, command):
    assert (reword(text, "python"), reword(text, "command")) == (python, command)
