"""The job that makes an earlier version the champion again."""

import json
from dataclasses import asdict, dataclass

import dagster as dg
from pydantic import Field

from mlops_assets.errors import AliasNotFoundError, PromotionError
from mlops_assets.jobs.alias_move import LONGEST_NAME, LONGEST_NOTE, Move, MovedAlias, registry_of, report_move
from mlops_assets.journal.journal import Journal, champion_versions, earlier_version
from mlops_assets.models.move_alias import move_alias, read_alias
from mlops_assets.naming import MODEL_TAG, NOTIFIER, REGISTRY
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import job_with_defaults
from mlops_assets.resources.liveness import executed_alive

ROLLED_BACK_TAG = "mlops_assets.rolled_back"
# Of the registered model: what the last run of this job is about, so that a run that is repeated goes back once.
INTENT_TAG = "mlops_assets.rollback"


@dataclass(frozen=True)
class Intent:
    """What a run of the rollback job has set out to do, before it does it."""

    run: str
    left: int
    target: int

    @classmethod
    def from_json(cls, text: str) -> "Intent | None":
        """None for what is no such tag."""
        try:
            fields = json.loads(text)
            return cls(str(fields["run"]), int(fields["left"]), int(fields["target"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


def rollback_job(moved: MovedAlias) -> dg.JobDefinition:
    """`<model>_rollback_job`: the version that was in force before, by the journal, takes the alias again.

    One person is enough, and no validation is asked for: the version has been the champion. Its files must be those
    that the journal saw then, and the trust policy must allow it. A run that is repeated goes back no further.
    """
    names = moved.names

    class RollbackConfig(dg.Config):
        """Who goes back, and why."""

        approved_by: str = Field(description="Your name. It is recorded, and not verified.", max_length=LONGEST_NAME)
        note: str = Field(default="", description="Why; for the journal and MLflow's tags.", max_length=LONGEST_NOTE)
        version: int | None = Field(
            default=None,
            description="An earlier champion to go back to. Null: the one before the present one, by the journal.",
            gt=0,
        )

    @dg.op(
        name=f"{names.slug}__roll_back",
        required_resource_keys={REGISTRY, NOTIFIER},
        description="Points the alias at the version that was in force before.",
        out=dg.Out(dg.Nothing),
    )
    @redact_errors
    @executed_alive(names.name, moved.silent_seconds)
    def roll_back(context: dg.OpExecutionContext, config: RollbackConfig) -> None:
        from mlops_assets.validation.approvals import check_person

        registry = registry_of(context)
        address = registry.address()
        approver = check_person(config.approved_by)
        with moved.open_journal(context) as journal:
            current = read_alias(address, names.model, moved.alias)
            if current is None:
                raise AliasNotFoundError(
                    f"Model {names.model!r} has no alias {moved.alias!r}, so there is nothing to go back from",
                    where=address.where,
                    fix=f"Run {names.promotion_job}",
                )
            run = context.run.root_run_id or context.run_id
            intent = Intent.from_json(address.model(names.model).tags.get(INTENT_TAG, ""))
            if intent is None or intent.run != run:
                intent = Intent(run, current, _find_target(journal, moved, current, config.version))
            reference = registry.pin(names.model, intent.target, moved.trust.policy())
            journal.check_digest(intent.target, reference.digest)
            if current != intent.target:
                with address.translate_errors(f"recording that {names.model!r} goes back"):
                    address.client.set_registered_model_tag(names.model, INTENT_TAG, json.dumps(asdict(intent)))
                move_alias(address, names.model, moved.alias, intent.target, intent.left)
            move = Move("rollback", reference, [approver], config.note.strip())
            move.record(registry, moved.alias, journal, ROLLED_BACK_TAG, intent.left)
        title = f"{moved.version(intent.target)} has the alias {moved.alias} again"
        message = f"In place of version {intent.left}; by {approver}{': ' * bool(move.note)}{move.note}"
        report_move(context, title, message)

    return job_with_defaults(
        roll_back,
        names.rollback_job,
        f"Points the alias {moved.alias} of {names.model} back at the version that was in force before. "
        "Set `approved_by` in the Launchpad.",
        moved.defaults,
        tags={MODEL_TAG: names.slug},
    )


def _find_target(journal: Journal, moved: MovedAlias, current: int, asked: int | None) -> int:
    """The version to go back to; raises `PromotionError` where there is none."""
    target = earlier_version(journal, moved.alias, current) if asked is None else asked
    if target is None:
        raise PromotionError(
            f"The journal knows no champion of {moved.names.model!r} before version {current}",
            where=journal.folder.uri,
            fix=f"Name an earlier champion in the config `version`, or run {moved.names.promotion_job}",
        )
    if target == current:
        raise PromotionError(
            f"{moved.version(target)} has the alias {moved.alias} already", fix="Name another version, or none"
        )
    if target not in champion_versions(journal, moved.names.model, moved.alias):
        raise PromotionError(
            f"{moved.version(target)} has never had the alias {moved.alias}, by the journal",
            where=journal.folder.uri,
            fix=f"Run {moved.names.promotion_job}, which asks for validation and approval",
        )
    return target
