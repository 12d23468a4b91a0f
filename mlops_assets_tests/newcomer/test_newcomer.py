"""The newcomer in the running environment, with the wheel of this checkout; and following advice to the letter."""

import pytest
import yaml

from mlops_assets_tests.newcomer.advice import apply_settings, messages_of, read_advice, remove_comment_mark
from mlops_assets_tests.newcomer.environment import running_environment
from mlops_assets_tests.newcomer.play import play_all, table_of

# A minute each. Two others and one by hand are played below; all: `python -m mlops_assets_tests.newcomer`.
PLAYED = ("no_signature",)


@pytest.fixture(scope="module")
def environment(tmp_path_factory, wheel):
    return running_environment(tmp_path_factory.mktemp("environment") / "environment", wheel)


@pytest.fixture(scope="module")
def sessions(tmp_path_factory, environment):
    folder = tmp_path_factory.mktemp("newcomer")
    return {session.model: session for session in play_all(environment, folder, PLAYED, quick=True)}


@pytest.mark.slow
@pytest.mark.parametrize("model", PLAYED)
def test_each_kind_of_model_ends_in_predictions_and_explanations(model, sessions):
    session = sessions[model]
    assert session.passed, f"{table_of([session])}\n{session.problem}\n{session.messages}"


@pytest.mark.slow
def test_a_yaml_written_by_hand_takes_three_edits_where_the_model_wants_missing_values(environment, tmp_path):
    (session,) = play_all(environment, tmp_path, ("forest_imputer",), quick=True, by_hand=True)
    assert session.passed, f"{table_of([session])}\n{session.problem}\n{session.messages}"
    assert session.edited == 3  # the model, the table, and `contract: {missing: allow}`
    assert "SimpleImputer" in session.messages[0]


@pytest.mark.slow
def test_init_makes_the_project_in_an_empty_folder_and_adds_a_second_model(environment, tmp_path):
    models = ("sklearn_cloudpickle", "integer_columns")
    pickled, plain = play_all(environment, tmp_path, models, quick=True, empty_folder=True)
    assert pickled.passed, f"{table_of([pickled])}\n{pickled.problem}\n{pickled.messages}"
    assert plain.passed, f"{table_of([plain])}\n{plain.problem}\n{plain.messages}"
    assert pickled.edited == 1
    assert "remove the # and the blank after it" in pickled.messages[0]
    assert len([command for command in pickled.commands if command.startswith("dg launch")]) == 1


def test_the_line_that_init_names_is_no_comment_any_more(tmp_path):
    place = tmp_path / "defs.yaml"
    place.write_text("attributes:\n  model: m\n  # trust: {allow_pickle: true}\n  # explain: {sample: 1}\n")
    line = "  If you trust the model: in defs.yaml, line 3, remove the # and the blank after it"
    assert remove_comment_mark(line, tmp_path) == 1
    assert yaml.safe_load(place.read_text())["attributes"] == {"model": "m", "trust": {"allow_pickle": True}}
    assert remove_comment_mark("Next:", tmp_path) == 0


def test_the_first_setting_of_a_message_is_followed():
    message = "Refused. Write `contract: {missing: allow}` into its YAML, or `contract: {max_rejected: 3}`."
    assert read_advice(message).settings == {"contract": {"missing": "allow"}}


def test_a_setting_with_a_gap_and_a_quoted_name_are_no_advice():
    assert not read_advice("Name them: `inputs: {columns: [...]}`; the column `x` is missing")


def test_a_command_is_advice():
    assert read_advice('Install it: `pip install "mlops-assets[sql]"`').commands == ('pip install "mlops-assets[sql]"',)


def test_lines_that_are_there_already_are_not_counted(tmp_path):
    place = tmp_path / "defs.yaml"
    place.write_text("type: t\nattributes:\n  model: m\n  contract: {max_rejected: 1}\n")
    assert apply_settings(place, {"contract": {"missing": "allow"}, "model": "m"}) == 1
    assert yaml.safe_load(place.read_text())["attributes"]["contract"] == {"max_rejected": 1, "missing": "allow"}
    assert apply_settings(place, {"contract": {"missing": "allow"}}) == 0


def test_messages_of_other_packages_are_none_of_ours():
    assert messages_of(
        "ValueError: `a: {b: 1}`\nmlops_assets.errors.TrustError: No. Add `trust: {allow_pickle: true}`."
    ) == ["No. Add `trust: {allow_pickle: true}`."]
