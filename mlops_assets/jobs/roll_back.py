"""The job that makes an earlier version the champion again."""

import dagster as dg
from pydantic import Field

from mlops_assets.errors import AliasNotFoundError, PromotionError, VersionNotFoundError, list_some
from mlops_assets.jobs.alias_move import (
    LONGEST_NAME,
    LONGEST_NOTE,
    MovedAlias,
    end_repeated,
    registry_of,
    report_move,
    run_of,
)
from mlops_assets.journal.journal import Journal, champion_versions, earlier_version
from mlops_assets.journal.move import Move, move_of
from mlops_assets.models.move_alias import read_alias
from mlops_assets.naming import MODEL_TAG, NOTIFIER, REGISTRY
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import job_with_defaults
from mlops_assets.resources.liveness import executed_alive


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
            last, is_completed = moved.complete_last(address, journal)
            current, run = read_alias(address, names.model, moved.alias), run_of(context)
            attempt = move_of(run, last)
            if attempt is not None and attempt.state != "begun":
                end_repeated(context, moved, attempt, current)
                return
            if last is not None and last.how == "rollback" and is_completed:
                # Whoever launches this run has seen the other one fail: they want to go back once, not twice.
                title = f"{moved.version(last.to)} has the alias {moved.alias} again"
                message = f"The run {last.run} had moved it, and it is recorded now; launch the job to go further back"
                report_move(context, title, message)
                return
            if current is None:
                raise AliasNotFoundError(
                    f"Model {names.model!r} has no alias {moved.alias!r}, so there is nothing to go back from",
                    where=address.where,
                    fix=f"Run {names.promotion_job}",
                )
            if attempt is not None:
                # It did not come to the move, or somebody else has moved the alias since.
                left, target = attempt.left, attempt.to
            else:
                left, target = current, _find_target(journal, moved, current, config.version)
            try:
                reference = registry.pin(names.model, target, moved.trust.policy())
            except VersionNotFoundError as error:
                raise _deleted(journal, moved, current, target) from error
            journal.check_digest(target, reference.digest)
            move = Move("rollback", run, left, target, reference.digest, (approver,), config.note.strip())
            moved.make(move, address, journal)
        title = f"{moved.version(target)} has the alias {moved.alias} again"
        message = f"In place of version {left}; by {approver}{': ' * bool(move.note)}{move.note}"
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


def _deleted(journal: Journal, moved: MovedAlias, current: int, target: int) -> VersionNotFoundError:
    known = champion_versions(journal, moved.names.model, moved.alias)
    others = [str(version) for version in known if version not in (current, target)]
    listed = f": the journal knows {list_some(others)}" if others else f", or run {moved.names.promotion_job}"
    return VersionNotFoundError(
        f"{moved.version(target)}, the champion to go back to, is no longer registered",
        where=journal.folder.uri,
        fix=f"Name another earlier champion in the config `version`{listed}",
    )
