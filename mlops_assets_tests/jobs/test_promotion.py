"""The alias is moved by people who approve of it, exactly once, and back; somebody else's move stands."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError, TableError, user_error
from mlops_assets.jobs.alias_move import MOVE_TAG, PROMOTED_TAG, ROLLED_BACK_TAG
from mlops_assets.journal.journal import Journal
from mlops_assets.models.move_alias import move_alias
from mlops_assets.resources.defaults import default_resources
from mlops_assets.validation.approvals import APPROVAL_TAG, REGISTERED_BY_TAG
from mlops_assets.validation.verdict import CHAMPION_TAG, TAG, CandidateVerdict

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Alias:
    """Three versions of a model, the first its champion; the second and third have passed validation."""

    def __init__(self, registry, iris, folder, instance) -> None:
        self.registry, self.folder, self.instance, self.client = registry, folder, instance, registry.client
        for strength in (1.0, 0.1, 0.01):
            registry.add_sklearn(LogisticRegression(C=strength, max_iter=500).fit(*iris), iris[0])
        registry.client.set_registered_model_alias("m", "Champion", "1")
        for version in (2, 3):
            self.validate(version)
        self.define()

    def validate(self, version: int) -> None:
        """As if it had passed validation beside the champion."""
        digest = self.registry.resource.pin("m", version).digest
        for name, value in CandidateVerdict(version, digest, self.champion, ()).tags().items():
            self.client.set_model_version_tag("m", str(version), name, value)

    def define(self, alias_or_version: str = "Champion", **promotion: object) -> None:
        self.definitions = dg.Definitions.merge(
            build_model_definitions(
                "m",
                self.folder,
                alias_or_version=alias_or_version,
                inputs={"path": "x.csv"},
                outputs={"path": "tables"},
                promotion=promotion,
            ),
            dg.Definitions(resources=default_resources(self.folder) | {"mlflow_registry": self.registry.resource}),
        )

    def _run(self, job: str, op: str, **config: object) -> str:
        done = self.definitions.resolve_job_def(f"m_{job}_job").execute_in_process(
            instance=self.instance, run_config=QUIET | {"ops": {op: {"config": config}}}, raise_on_error=False
        )
        return self._result(done)

    def start(self, job: str) -> None:
        """Nothing was ever promoted; of a rollback version 2 was, in place of version 1."""
        for version in (2, 3):
            for name in self.client.get_model_version("m", str(version)).tags:
                self.client.delete_model_version_tag("m", str(version), name)
        for name in self.client.get_registered_model("m").tags:
            self.client.delete_registered_model_tag("m", name)
        shutil.rmtree(self.folder / ".mlops_assets" / "journal", ignore_errors=True)
        self.client.set_registered_model_alias("m", "Champion", "1")
        self.validate(2)
        if job == "rollback":
            self.move_to(2)

    def play(self, job: str) -> str:
        return self.promote(2, note="why") if job == "promotion" else self.roll_back(note="why")

    def target(self, job: str) -> int:
        return 2 if job == "promotion" else 1

    def again(self) -> str:
        """Re-executes the last run."""
        last = self.instance.get_runs(limit=1)[0]
        job = self.definitions.resolve_job_def(last.job_name)
        run = self.instance.create_run_for_job(
            job, run_config=last.run_config, parent_run_id=last.run_id, root_run_id=last.root_run_id or last.run_id
        )
        return self._result(execute_run(InMemoryJob(job), run, self.instance, raise_on_error=False))

    def _result(self, done) -> str:
        for event in done.all_events:
            if event.is_step_failure:
                error = event.step_failure_data.error
                assert error is not None
                return user_error(error).message.strip()
        return str(next(e for e in done.all_events if e.is_successful_output).step_output_data.metadata["result"].value)

    def move_to(self, *versions: int) -> None:
        """Promotes one after another."""
        for version in versions:
            self.validate(version)
            assert "has the alias Champion now" in self.promote(version)

    def promote(self, version: int, by: str = "Ann", **config: object) -> str:
        return self._run("promotion", "m__promote", version=version, approved_by=by, **config)

    def roll_back(self, by: str = "Bob", **config: object) -> str:
        return self._run("rollback", "m__roll_back", approved_by=by, **config)

    @property
    def champion(self) -> int:
        return int(self.client.get_registered_model("m").aliases["Champion"])

    def journal(self) -> list[tuple[int, str, list[str], str]]:
        files = sorted((self.folder / ".mlops_assets" / "journal").rglob("*.json"))
        entries = [json.loads(file.read_text()) for file in files]
        return [(each["version"], each["noticed_by"], each["approved_by"], each["note"]) for each in entries]

    def tags(self, version: int) -> dict[str, str]:
        tags = self.client.get_model_version("m", str(version)).tags
        return {name.removeprefix("mlops_assets."): value for name, value in tags.items()}


@pytest.fixture
def alias(registry, tmp_path, instance) -> Alias:
    return Alias(registry, load_iris(return_X_y=True, as_frame=True), tmp_path, instance)


def test_a_promotion_is_made_and_recorded_once(alias):
    assert alias.promote(2, note="better") == "'m' version 2 has the alias Champion now"
    assert alias.champion == 2
    assert alias.promote(2, note="again") == "'m' version 2 has the alias Champion already"
    assert alias.journal() == [(2, "promotion", ["Ann"], "better")]
    record = json.loads(alias.tags(2)["promoted"])
    assert {name: record[name] for name in ("alias", "to", "approved_by", "note")} == {
        "alias": "Champion",
        "to": 2,
        "approved_by": ["Ann"],
        "note": "better",
    }
    assert not [name for name in alias.tags(2) if name.startswith("approval.")]


def test_two_people_must_approve_and_neither_may_have_registered_it(alias):
    alias.define(required_approvals=2, four_eyes=True)
    assert "does not say who registered it" in alias.promote(2)
    alias.client.set_model_version_tag("m", "2", "mlops_assets.registered_by", "dan@example.com")
    assert "registered by 'dan@example.com', who cannot approve" in alias.promote(2, "Dan")
    assert alias.promote(2, "Ann", note="a") == "'m' version 2 has 1 of 2 approvals"
    assert alias.promote(2, "ann@example.com") == "'m' version 2 has 1 of 2 approvals"
    assert alias.champion == 1
    assert alias.journal() == []
    assert alias.promote(2, "Bob", note="b") == "'m' version 2 has the alias Champion now"
    assert alias.journal() == [(2, "promotion", ["Ann", "Bob"], "a; b")]


def test_what_is_not_validated_or_not_as_validated_is_refused_and_nothing_changes(alias):
    alias.client.delete_model_version_tag("m", "2", "mlops_assets.validation")
    assert "has not been validated. Run m_validation_job" in alias.promote(2)
    (alias.registry.folder / "models" / "2" / "requirements.txt").write_text("changed")
    assert "not the files that 'm' version 3 has now" in alias.promote(3)
    assert "Model 'm' has no version 9" in alias.promote(9)
    assert "no name in approved_by" in alias.promote(3, " ")
    assert (alias.champion, alias.journal()) == (1, [])


def test_a_rollback_leads_to_what_was_in_force_before_and_a_second_one_further_back(alias):
    alias.move_to(2, 3)
    assert alias.roll_back(note="worse") == "'m' version 2 has the alias Champion again"
    assert alias.champion == 2
    assert json.loads(alias.tags(3)["rolled_back"])["note"] == "worse"
    # No run and no sensor has seen version 1: the promotion has.
    assert alias.roll_back() == "'m' version 1 has the alias Champion again"
    assert "knows no champion of 'm' before version 1" in alias.roll_back()
    assert alias.roll_back(version=3) == "'m' version 3 has the alias Champion again"
    assert [entry[:3] for entry in alias.journal()] == [
        (2, "promotion", ["Ann"]),
        (3, "promotion", ["Ann"]),
        (2, "rollback", ["Bob"]),
        (1, "rollback", ["Bob"]),
        (3, "rollback", ["Bob"]),
    ]


def test_a_version_that_never_had_the_alias_is_not_gone_back_to(alias):
    alias.move_to(2)
    assert "version 3 has never had the alias Champion, by the journal" in alias.roll_back(version=3)


def test_a_run_that_is_run_again_moves_nothing_twice(alias):
    alias.move_to(2, 3)
    alias.roll_back()
    assert alias.again() == "'m' version 2 has the alias Champion"
    assert alias.champion == 2
    alias.client.set_registered_model_alias("m", "Champion", "3")
    assert alias.again() == "This run has given the alias Champion to 'm' version 2 before"
    assert alias.champion == 3
    assert len(alias.journal()) == 3
    alias.move_to(1)
    alias.client.set_registered_model_alias("m", "Champion", "3")
    assert alias.again() == "This run has given the alias Champion to 'm' version 1 before"
    assert (alias.champion, len(alias.journal())) == (3, 4)


def test_a_version_is_validated_beside_the_champion_that_it_replaces(alias):
    alias.move_to(2)
    message = "version 3 has not been validated beside version 2, which is the champion now: it was compared with"
    assert f"{message} version 1. Run m_validation_job" in alias.promote(3)
    alias.client.delete_model_version_tag("m", "3", CHAMPION_TAG)
    assert "its verdict names no champion" in alias.promote(3)
    # Without a champion there is nothing to compare with.
    alias.client.delete_registered_model_alias("m", "Champion")
    assert alias.promote(3) == "'m' version 3 has the alias Champion now"


def test_files_that_the_journal_knows_otherwise_are_refused_before_anything_is_moved(alias):
    alias.move_to(2)
    alias.roll_back()
    (alias.registry.folder / "models" / "1" / "requirements.txt").write_text("changed")
    alias.validate(2)
    assert "The files of 'm' version 2 are not those" in alias.promote(2)
    assert alias.champion == 1


def test_a_version_that_was_deleted_is_named_with_those_that_are_left(alias):
    alias.move_to(2, 3)
    alias.client.delete_model_version("m", "2")
    message = "'m' version 2, the champion to go back to, is no longer registered"
    assert message in (refused := alias.roll_back())
    assert "Name another earlier champion in the config `version`: the journal knows '1'" in refused
    assert alias.roll_back(version=1) == "'m' version 1 has the alias Champion again"


def test_a_rollback_by_who_promoted_is_recorded_after_a_move_by_hand(alias):
    alias.move_to(2)
    alias.client.set_registered_model_alias("m", "Champion", "3")
    assert alias.roll_back("Ann") == "'m' version 2 has the alias Champion again"
    assert [entry[:2] for entry in alias.journal()] == [(2, "promotion"), (2, "rollback")]
    assert alias.roll_back("Ann") == "'m' version 1 has the alias Champion again"


def test_an_approval_that_comes_after_a_move_by_hand_is_recorded(alias):
    alias.define(required_approvals=2)
    alias.promote(2)
    alias.client.set_registered_model_alias("m", "Champion", "2")
    assert alias.promote(2, "Bob") == "'m' version 2 has the alias Champion now"
    assert alias.journal() == [(2, "promotion", ["Ann", "Bob"], "")]


READS = ("get_registered_model", "get_model_version", "get_model_version_download_uri")
WRITES = (
    "set_registered_model_alias",
    "set_registered_model_tag",
    "set_model_version_tag",
    "delete_model_version_tag",
)


class Killed(BaseException):
    """The end of a process: no handler of errors runs."""


@contextmanager
def before_call(number: int, act: Callable[[], object], calls: tuple[str, ...]) -> Iterator[list[str]]:
    """Does something before that call of these, or of those that write the journal; the calls that are made."""
    made: list[str] = []

    def watched(name, original):
        def call(*arguments, **options):
            made.append(name)
            if len(made) == number + 1:
                act()
            return original(*arguments, **options)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in calls:
            patch.setattr(MlflowClient, name, watched(name, getattr(MlflowClient, name)))
        patch.setattr(Journal, "note", watched("note", Journal.note))
        yield made


@pytest.mark.parametrize("job", ["promotion", "rollback"])
def test_a_person_who_moves_the_alias_at_any_moment_is_not_overruled(alias, job):
    for number in count():
        alias.start(job)
        before = alias.journal()
        theirs = partial(alias.client.set_registered_model_alias, "m", "Champion", "3")
        with before_call(number, theirs, READS + WRITES) as made:
            result = alias.play(job)
        if len(made) <= number:
            break
        succeeded = result.endswith(("now", "again"))
        if job == "rollback" and made[: number + 1] in (["get_registered_model"], ["get_registered_model"] * 2):
            # Before the run has read the alias: it goes back from version 3.
            assert (alias.champion, succeeded) == (2, True)
        elif "set_registered_model_alias" in made[number - 1 : number + 1]:
            # Between the requests that read and write, which MLflow cannot make one; it looks for the model in between.
            assert (alias.champion, succeeded) == (alias.target(job), True)
        else:
            assert alias.champion == 3, (number, made[number], result)
            assert succeeded or "somebody else moved it" in result or "validated beside version 3" in result
        assert succeeded or alias.journal() == before
        if "somebody else moved it" in result:
            # Nor by a retry of the run.
            assert "Somebody else moved the alias Champion when this run was to give it" in alias.again()
            assert alias.champion == 3
    assert number > 8


@pytest.mark.parametrize("job", ["promotion", "rollback"])
@pytest.mark.parametrize("restart", ["re-executed", "launched anew"])
def test_a_run_that_is_killed_at_any_moment_is_completed_by_the_next_exactly_once(alias, job, restart):
    def kill() -> None:
        raise Killed

    for number in count():
        alias.start(job)
        before = alias.journal()
        # What is read in between leaves nothing behind.
        with before_call(number, kill, WRITES) as made, suppress(Killed):
            alias.play(job)
        if len(made) <= number:
            break
        result = alias.again() if restart == "re-executed" else alias.play(job)
        assert f"version {alias.target(job)} has the alias Champion" in result, (number, made[number], result)
        assert alias.champion == alias.target(job)
        of_this_job = {"promotion": (2, "promotion", ["Ann"], "why"), "rollback": (1, "rollback", ["Bob"], "why")}
        assert alias.journal() == [*before, of_this_job[job]], (number, made[number])
        tags = alias.tags(2)
        assert json.loads(tags["promoted" if job == "promotion" else "rolled_back"])["note"] == "why"
        assert not [name for name in tags if name.startswith("approval.")]
    assert number >= 5


def test_a_registry_that_refuses_to_be_written_to_refuses_before_the_alias_is_moved(alias, monkeypatch):
    def refuse(*_: object) -> None:
        raise MlflowException("no", error_code=PERMISSION_DENIED)

    monkeypatch.setattr(MlflowClient, "set_registered_model_tag", refuse)
    refused = "refuses access while writing down that 'm' version 2 is to take the alias 'Champion'"
    assert refused in alias.promote(2)
    assert (alias.champion, alias.journal()) == (1, [])


def test_a_move_that_cannot_be_recorded_says_that_it_was_made(alias, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise TableError("The disk is full", where="journal", fix="Make room")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "note", fail)
        assert alias.promote(2).removeprefix("mlops_assets.errors.TableError: ") == (
            "'m' version 2 has the alias Champion now, and this could not be recorded: The disk is full (journal). "
            "Make room, and re-execute this run: it records the move, and moves nothing again."
        )
    assert alias.again() == "'m' version 2 has the alias Champion"
    assert alias.journal() == [(2, "promotion", ["Ann"], "")]


def test_two_aliases_of_one_model_are_moved_apart(alias):
    alias.move_to(2)
    champion = alias.definitions
    alias.client.set_registered_model_alias("m", "Shadow", "1")
    alias.define(alias_or_version="Shadow")
    assert alias.promote(2) == "'m' version 2 has the alias Shadow now"
    alias.definitions = champion
    assert alias.roll_back() == "'m' version 1 has the alias Champion again"
    assert alias.client.get_registered_model("m").aliases == {"Champion": 1, "Shadow": 2}


def test_somebody_elses_move_stands(alias, monkeypatch):
    registry = alias.registry.resource.address()
    alias.client.set_registered_model_alias("m", "Champion", "3")
    message = alias_error(lambda: move_alias(registry, "m", "Champion", 2, 1))
    assert "points at version 3 and no longer at version 1" in message
    assert alias.champion == 3

    alias.validate(2)
    moved = MlflowClient.set_registered_model_alias

    def and_theirs(client, name, alias_name, version):
        moved(client, name, alias_name, version)
        moved(client, name, alias_name, "1")

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", and_theirs)
    assert "was pointed at version 2, and points at version 1 now" in alias.promote(2)
    assert alias.champion == 1
    assert alias.journal() == []


def alias_error(move) -> str:
    with pytest.raises(Exception, match="somebody else moved it") as raised:
        move()
    return str(raised.value)


def test_a_fixed_version_is_never_promoted(tmp_path):
    with pytest.raises(ConfigurationError, match="promotion needs an alias"):
        build_model_definitions("m", tmp_path, alias_or_version=3, inputs={"path": "x.csv"}, promotion={})


def test_the_page_names_the_jobs_the_steps_and_the_tags(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "promotion.md").read_text("utf-8")
    component, *configs = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    attributes = component["attributes"]
    definitions = build_model_definitions(attributes.pop("model"), tmp_path, **attributes)
    for name, config in zip(("churn_promotion_job", "churn_rollback_job"), configs, strict=True):
        assert f"`{name}`" in page
        assert dg.validate_run_config(definitions.resolve_job_def(name), config)
    for tag in (TAG, PROMOTED_TAG, ROLLED_BACK_TAG, MOVE_TAG, APPROVAL_TAG, REGISTERED_BY_TAG):
        assert tag in page


@pytest.mark.fast
def test_without_the_setting_there_are_no_such_jobs(tmp_path):
    definitions = build_model_definitions("m", tmp_path, inputs={"path": "x.csv"})
    names = {job.name for job in definitions.jobs or ()}
    assert not {"m_promotion_job", "m_rollback_job"} & names
