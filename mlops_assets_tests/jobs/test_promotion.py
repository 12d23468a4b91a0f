"""The alias is moved by people who approve of it, exactly once, and back; somebody else's move stands."""

import json
import re
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from mlflow import MlflowClient
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import ConfigurationError, user_error
from mlops_assets.jobs.promote import PROMOTED_TAG
from mlops_assets.jobs.roll_back import ROLLED_BACK_TAG
from mlops_assets.models.move_alias import move_alias
from mlops_assets.resources.defaults import default_resources
from mlops_assets.validation.approvals import APPROVAL_TAG, REGISTERED_BY_TAG
from mlops_assets.validation.verdict import TAG, CandidateVerdict

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Alias:
    """Three versions of a model, the first its champion; the second and third have passed validation."""

    def __init__(self, registry, iris, folder, instance) -> None:
        self.registry, self.folder, self.instance, self.client = registry, folder, instance, registry.client
        for strength in (1.0, 0.1, 0.01):
            version = registry.add_sklearn(LogisticRegression(C=strength, max_iter=500).fit(*iris), iris[0])
            self.validate(version)
        registry.client.set_registered_model_alias("m", "Champion", "1")
        self.define()

    def validate(self, version: int) -> None:
        digest = self.registry.resource.pin("m", version).digest
        for name, value in CandidateVerdict(version, digest, 1, ()).tags().items():
            self.client.set_model_version_tag("m", str(version), name, value)

    def define(self, **promotion: object) -> None:
        self.definitions = dg.Definitions.merge(
            build_model_definitions(
                "m", self.folder, inputs={"path": "x.csv"}, outputs={"path": "tables"}, promotion=promotion
            ),
            dg.Definitions(resources=default_resources(self.folder) | {"mlflow_registry": self.registry.resource}),
        )

    def _run(self, job: str, op: str, **config: object) -> str:
        done = self.definitions.resolve_job_def(f"m_{job}_job").execute_in_process(
            instance=self.instance, run_config=QUIET | {"ops": {op: {"config": config}}}, raise_on_error=False
        )
        for event in done.all_events:
            if event.is_step_failure:
                error = event.step_failure_data.error
                assert error is not None
                return user_error(error).message.strip()
        return str(next(e for e in done.all_events if e.is_successful_output).step_output_data.metadata["result"].value)

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
    for version in (2, 3):
        alias.promote(version)
    assert alias.roll_back(note="worse") == "'m' version 2 has the alias Champion again"
    assert alias.champion == 2
    assert json.loads(alias.tags(3)["rolled_back"])["note"] == "worse"
    assert "knows no champion of 'm' before version 2" in alias.roll_back()
    assert "version 1 has never had the alias" in alias.roll_back(version=1)
    assert alias.roll_back(version=3) == "'m' version 3 has the alias Champion again"
    assert [entry[:3] for entry in alias.journal()] == [
        (2, "promotion", ["Ann"]),
        (3, "promotion", ["Ann"]),
        (2, "rollback", ["Bob"]),
        (3, "rollback", ["Bob"]),
    ]


def test_a_rollback_that_is_run_again_goes_back_no_further(alias):
    for version in (2, 3):
        alias.promote(version)
    alias.promote(1)
    job = alias.definitions.resolve_job_def("m_rollback_job")
    config = QUIET | {"ops": {"m__roll_back": {"config": {"approved_by": "Bob"}}}}
    first = job.execute_in_process(instance=alias.instance, run_config=config)
    assert alias.champion == 3
    again = alias.instance.create_run_for_job(
        job, run_config=config, parent_run_id=first.run_id, root_run_id=first.run_id
    )
    assert execute_run(InMemoryJob(job), again, alias.instance).success
    assert alias.champion == 3


def test_somebody_elses_move_stands(alias, monkeypatch):
    registry = alias.registry.resource.address()
    alias.client.set_registered_model_alias("m", "Champion", "3")
    message = alias_error(lambda: move_alias(registry, "m", "Champion", 2, 1))
    assert "points at version 3 and no longer at version 1" in message
    assert alias.champion == 3

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
    for tag in (TAG, PROMOTED_TAG, ROLLED_BACK_TAG, APPROVAL_TAG, REGISTERED_BY_TAG):
        assert tag in page


@pytest.mark.fast
def test_without_the_setting_there_are_no_such_jobs(tmp_path):
    definitions = build_model_definitions("m", tmp_path, inputs={"path": "x.csv"})
    names = {job.name for job in definitions.jobs or ()}
    assert not {"m_promotion_job", "m_rollback_job"} & names
