"""New versions: what asks for a validation, and what a validation finds and writes back."""

import re

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, Ridge

from mlops_assets.resources.notifier import Notifier
from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.versions import MOST, Newest, VersionMemory, new_versions

SENSOR = "m_new_version_sensor"
TAG, REASONS = "mlops_assets.validation", "mlops_assets.validation_reasons"


def test_the_first_tick_takes_what_is_there_for_known():
    found = new_versions("m", VersionMemory(), Newest(7), None)
    assert found.versions == ()
    assert new_versions("m", found.memory, Newest(8), None).versions == (8,)


def test_every_version_since_the_last_tick_is_new():
    assert new_versions("m", VersionMemory(7), Newest(10), None).versions == (8, 9, 10)


def test_a_lost_cursor_is_restored_from_the_highest_request():
    assert new_versions("m", VersionMemory(), Newest(9), 7).versions == (8, 9)


def test_all_versions_of_a_model_registered_anew_are_new():
    memory = new_versions("m", VersionMemory(), Newest(7, 100, 10), None).memory
    assert new_versions("m", memory, Newest(2, 300, 200), None).versions == (1, 2)
    assert new_versions("m", memory, Newest(9, 300, 200), None).versions == tuple(range(1, 10))


def test_a_version_that_got_the_number_of_a_deleted_one_is_new():
    memory = new_versions("m", VersionMemory(), Newest(7, 100, 10), None).memory
    assert new_versions("m", memory, Newest(7, 100, 10), None).versions == ()
    assert new_versions("m", memory, Newest(7, 101, 10), None).versions == (7,)
    fewer = new_versions("m", memory, Newest(6, 90, 10), None)
    assert fewer.versions == ()
    assert new_versions("m", fewer.memory, Newest(7, 101, 10), None).versions == (7,)


def test_the_first_version_of_a_model_without_any_is_new():
    found = new_versions("m", VersionMemory(), Newest(0), None)
    assert new_versions("m", found.memory, Newest(1), None).versions == (1,)


def test_many_at_once_are_spread_over_ticks():
    first = new_versions("m", VersionMemory(0), Newest(MOST + 3, 5), None)
    assert first.versions == tuple(range(1, MOST + 1))
    assert new_versions("m", first.memory, Newest(MOST + 3, 5), None).versions == (MOST + 1, MOST + 2, MOST + 3)


def test_cursors_of_an_earlier_release_are_understood_and_garbled_ones_ask_for_nothing_old():
    assert VersionMemory.read(Memory(True, "7").to_cursor()).handled == 7
    for cursor in (None, "", "[]", "nonsense", Memory(True, "seven").to_cursor()):
        assert new_versions("m", VersionMemory.read(cursor), Newest(9), None).versions == ()


@pytest.fixture
def add(registry, versions):
    """`add(model, inputs)` registers another version and leaves the alias where it is."""

    def register(model=None, inputs: pd.DataFrame | None = None, **kw) -> int:
        inputs = versions if inputs is None else inputs
        target = load_diabetes(return_X_y=True)[1][: len(inputs)]
        number = registry.add_sklearn((model or Ridge(5)).fit(inputs, target), inputs, **kw)
        registry.client.set_registered_model_alias("m", "Champion", "1")
        return number

    return register


def test_each_new_version_asks_for_one_validation(model, add):
    m = model()
    assert m.keys(SENSOR) == []
    add()
    add()
    requests = m.tick(SENSOR, keep_cursor=False).run_requests
    assert [request.tags["mlops_assets/version"] for request in requests] == ["4", "5"]
    assert [request.run_config for request in requests] == [
        {"ops": {"m__validate": {"config": {"version": number}}}} for number in (4, 5)
    ]
    assert m.keys(SENSOR) == [request.run_key for request in requests]
    assert m.keys(SENSOR) == []


def test_a_deleted_version_and_one_with_a_verdict_are_passed_over(model, add, registry):
    m = model()
    m.tick(SENSOR)
    add()
    add()
    add()
    registry.client.delete_model_version("m", "4")
    registry.client.set_model_version_tag("m", "5", TAG, "passed")
    assert [request.tags["mlops_assets/version"] for request in m.tick(SENSOR).run_requests] == ["6"]


def test_no_such_model_is_skipped_and_backs_off(model, registry):
    m = model()
    m.tick(SENSOR)
    registry.client.rename_registered_model("m", "elsewhere")
    assert m.tick(SENSOR).skip_message.startswith("ModelNotFoundError")
    assert VersionMemory.read(m.tick(SENSOR).cursor).attempts.failures == 2
    assert m.tick(SENSOR).skip_message.startswith("Backing off")


@pytest.fixture
def here(monkeypatch):
    """Validations take place in this process; what another one sends back, and how it ends, is tested without this."""
    from mlops_assets.validation import in_child

    def validate_here(candidate, champion, trial, longest_seconds):
        return in_child.validate_candidate(candidate, champion, trial)

    monkeypatch.setattr(in_child, "validate_in_child", validate_here)


class Validation:
    """One validation: its verdict in the registry, and its report."""

    def __init__(self, m, registry, version: int, **config) -> None:
        self.before = published(m)
        self.result = m.materialize("m_validation_job", ops={"m__validate": {"config": {"version": version, **config}}})
        assert self.result.success
        tags = registry.client.get_model_version("m", str(version)).tags
        self.verdict, self.reasons = tags[TAG], tags[REASONS]
        (event,) = [event for event in self.result.all_events if event.is_successful_output]
        self.metadata = {key: value.value for key, value in event.step_output_data.metadata.items()}
        self.findings = {
            record.data["asked"]: (record.data["answer"], record.data["detail"])
            for record in event.step_output_data.metadata["findings"].records
        }
        assert published(m) == self.before


def published(m) -> dict[str, bytes]:
    """Every file beside the inputs, save the registry's own: what a validation must leave alone."""
    root = m.folder / "tables"
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_good_candidate_passes_with_its_shift_and_its_explanations(model, add, registry, versions):
    m = model()
    assert m.materialize("m_explanations_job").success
    done = Validation(m, registry, add())
    assert done.verdict == "passed"
    assert list(done.findings) == [
        "loads",
        "signature",
        "compatible",
        "conforms",
        "predicts",
        "explains",
        "compared",
    ]
    assert {answer for answer, _ in done.findings.values()} == {"yes"}
    target = load_diabetes(return_X_y=True)[1][: len(versions)]
    old, new = (kind.fit(versions, target).predict(versions) for kind in (LinearRegression(), Ridge(5)))
    assert done.metadata["shift/mean_abs_change"] == pytest.approx(np.abs(new - old).mean())
    assert done.metadata["rows_compared"] == len(versions)
    assert 0 < done.metadata["explanations/lowest_ndcg"] <= 1
    features = {record.data["feature"] for record in done.metadata["explanation_diff"].records}
    assert features == set(versions.columns)
    assert done.result.get_asset_materialization_events() == []


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_version_earns_the_tag_that_is_asked_of_champions(model, add, registry):
    """The champion of before has none: the first validation compares with it all the same."""
    done = Validation(model(trust={"required_tags": {TAG: "passed"}}), registry, add())
    assert done.verdict == "passed"
    assert done.metadata["champion"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_candidate_without_a_signature_fails(model, add, registry):
    done = Validation(model(), registry, add(signature=None))
    assert done.verdict == "failed"
    assert done.reasons == "signature: it carries none"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_an_incompatible_candidate_fails_with_the_difference(model, add, registry, versions):
    done = Validation(model(), registry, add(inputs=versions.assign(extra=1.0)))
    assert done.verdict == "failed"
    assert done.findings["compatible"][0] == "no"
    assert "extra" in done.reasons
    assert done.findings["conforms"][0] == "no"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_compatibility_mode_is_the_contracts(model, add, registry, versions):
    m = model(contract={"compatibility": "NONE"})
    done = Validation(m, registry, add(inputs=versions[["age", "sex"]]))
    assert done.verdict == "passed"
    assert done.findings["compatible"][0] == "yes"


class Pickled:
    """Any Python object: enough to need a pickle."""


@pytest.mark.slow
def test_an_untrusted_candidate_fails_with_the_line_that_would_allow_it(model, add, registry, versions):
    import mlflow.pyfunc

    class Custom(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            return np.zeros(len(model_input))

    add()
    signature = infer_signature(versions, pd.DataFrame({"prediction": np.zeros(2)}))
    number = registry.add_pyfunc(Custom(), signature=signature)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    done = Validation(model(), registry, number)
    assert done.verdict == "failed"
    assert done.findings["loads"][0] == "no"
    assert "allow_pickle: true" in done.reasons


@pytest.mark.slow
def test_a_candidate_that_raises_fails_without_the_datas_values(model, add, registry, versions):
    import mlflow.pyfunc

    class Raising(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):
            raise RuntimeError(f"cannot deal with {model_input.iloc[0, 0]} canary-9")

    signature = infer_signature(versions, pd.DataFrame({"prediction": np.zeros(2)}))
    number = registry.add_pyfunc(Raising(), signature=signature)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    done = Validation(model(trust={"allow_pickle": True}), registry, number)
    assert done.verdict == "failed"
    assert done.findings["predicts"][0] == "no"
    assert "canary-9" not in done.reasons
    assert "row number" not in done.reasons
    shown = Validation(model(trust={"allow_pickle": True}, contract={"show_values": True}), registry, number)
    for question in ("predicts", "explains"):
        assert "the first rows are row number=0; row number=1" in shown.findings[question][1]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_without_a_champion_the_comparison_is_left_out(model, add, registry):
    number = add()
    registry.client.delete_registered_model_alias("m", "Champion")
    done = Validation(model(), registry, number)
    assert done.verdict == "passed"
    assert "compared" not in done.findings
    assert done.metadata["champion"] == "(none)"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_only_the_first_rows_are_tried(model, add, registry):
    done = Validation(model(), registry, add(), rows=11)
    assert done.metadata["rows"] == 11


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_the_verdict_is_told(model, add, registry):
    told: list[tuple[str, str]] = []

    class Recorder(Notifier):
        def notify(self, title: str, message: str) -> None:
            told.append((title, message))

    m = model()
    m.definitions.resources["notifier"] = Recorder()
    Validation(m, registry, add(signature=None))
    assert told == [("m: version 4 failed validation", "signature: it carries none")]


def kill(context, model_input, params=None):
    import os
    import signal

    os.kill(os.getpid(), signal.SIGSEGV)


def leave(context, model_input, params=None):
    import os

    os._exit(0)


def wait(context, model_input, params=None):
    import time

    time.sleep(600)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "minutes", "reason"),
    [
        (kill, 60, "predicts: the process that tried it was killed by SIGSEGV"),
        (leave, 60, "predicts: the process that tried it ended by itself, with exit status 0"),
        # On a busy machine it may not have come as far as to predict.
        (wait, 0.2, "there was no answer within 0.2 minutes, and its process was ended"),
    ],
    ids=["killed", "left", "hangs"],
)
def test_a_candidate_that_takes_its_process_with_it_has_failed(model, add, registry, versions, deed, minutes, reason):
    """The run goes on, the verdict is written, and what was asked before is in the report."""
    import mlflow.pyfunc

    class Dying(mlflow.pyfunc.PythonModel):
        predict = deed

    signature = infer_signature(versions, pd.DataFrame({"prediction": np.zeros(2)}))
    number = registry.add_pyfunc(Dying(), signature=signature)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    done = Validation(model(trust={"allow_pickle": True}), registry, number, minutes=minutes)
    assert done.verdict == "failed"
    assert done.reasons.endswith(reason)
    if deed is not wait:
        assert list(done.findings) == ["loads", "signature", "compatible", "conforms", "predicts"]
    assert done.metadata["champion"] == 1


@pytest.mark.slow
def test_a_native_file_that_would_never_let_its_library_end_gets_a_verdict_without_being_loaded(
    model, add, registry, versions, tmp_path
):
    import lightgbm
    import mlflow.lightgbm

    data = lightgbm.Dataset(versions, versions.iloc[:, 0])
    booster = lightgbm.train({"verbose": -1, "objective": "regression", "min_data_in_leaf": 1}, data, 1)
    signature = infer_signature(versions, pd.DataFrame({"prediction": np.zeros(2)}))
    mlflow.lightgbm.save_model(booster, tmp_path / "m", signature=signature, pip_requirements=["lightgbm"])
    file = tmp_path / "m" / "model.lgb"
    # The root is its own child; as many characters, so that `tree_sizes` still holds.
    text = file.read_text()
    file.write_text(re.sub(r"(?<=left_child=)-?\d+", lambda found: f"{0:<{len(found[0])}}", text, count=1))
    number = registry.add(tmp_path / "m", alias=None)
    registry.client.set_registered_model_alias("m", "Champion", "1")
    done = Validation(model(), registry, number)
    assert done.verdict == "failed"
    assert "made to harm: it has a node with two parents" in done.reasons
