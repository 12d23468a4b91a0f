"""The job that makes a version the champion, with the approval of people."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from mlops_assets.jobs.alias_move import (
    LONGEST_NAME,
    LONGEST_NOTE,
    MovedAlias,
    end_repeated,
    registry_of,
    report_move,
    run_of,
)
from mlops_assets.journal.move import Move, move_of
from mlops_assets.metadata import shorten_text
from mlops_assets.models.move_alias import describe_version, find_registrant, read_alias
from mlops_assets.naming import MODEL_TAG, NOTIFIER, REGISTRY
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.binding import job_with_defaults
from mlops_assets.resources.liveness import executed_alive


def promotion_job(moved: MovedAlias) -> dg.JobDefinition:
    """`<model>_promotion_job`: one person approves of a version; with the last approval needed it takes the alias.

    Refused, with nothing changed: a version that has not passed validation with the files that it has now and beside
    the present champion, that the trust policy refuses, or whose approver does not count; an alias that somebody else
    has moved meanwhile. A run that is repeated, or two at once, move the alias and record the move once.
    """
    names = moved.names

    class PromotionConfig(dg.Config):
        """What is approved of, by whom."""

        version: int = Field(description="Number of the registered version that is to become the champion.", gt=0)
        approved_by: str = Field(
            description="Your name. It is recorded, and not verified: who may start this job is decided by Dagster.",
            max_length=LONGEST_NAME,
        )
        note: str = Field(default="", description="Why; for the journal and MLflow's tags.", max_length=LONGEST_NOTE)

    @dg.op(
        name=f"{names.slug}__promote",
        required_resource_keys={REGISTRY, NOTIFIER},
        description="Records an approval of a version; with the last one that is needed, points the alias at it.",
        out=dg.Out(dg.Nothing),
    )
    @redact_errors
    @executed_alive(names.name, moved.silent_seconds)
    def promote(context: dg.OpExecutionContext, config: PromotionConfig) -> None:
        from mlops_assets.validation.approvals import (
            REGISTERED_BY_TAG,
            Approval,
            ApprovalPolicy,
            approvals_of,
            check_champion,
            check_person,
            check_validated,
        )

        registry = registry_of(context)
        address, number, version = registry.address(), config.version, moved.version(config.version)
        approver = check_person(config.approved_by)
        policy = ApprovalPolicy(moved.settings.required_approvals, moved.settings.four_eyes)
        with moved.open_journal(context) as journal:
            last, _ = moved.complete_last(address, journal)
            current, run = read_alias(address, names.model, moved.alias), run_of(context)
            attempt = move_of(run, last)
            if attempt is not None and attempt.state != "begun":
                end_repeated(context, moved, attempt, current)
                return
            reference = registry.pin(names.model, number, moved.trust.policy())
            registered = address.version(names.model, number)
            tags = registered.tags
            if current == number and not approvals_of(tags):
                report_move(context, f"{version} has the alias {moved.alias} already", "Nothing was done")
                return
            # What an earlier attempt of this run has left, in case that somebody has moved the alias since.
            left = current if attempt is None else attempt.left
            check_validated(tags, reference.digest, version, names.validation_job)
            if left is not None and current != number:
                check_champion(tags, left, version, names.validation_job)
            journal.check_digest(number, reference.digest)
            registrant = find_registrant(address, registered, REGISTERED_BY_TAG) if policy.four_eyes else None
            policy.check_approver(approver, registrant, version)
            approval = Approval(approver, config.note.strip(), reference.digest, datetime.now(UTC))
            counted = policy.counted([*approvals_of(tags), approval], reference.digest, registrant)
            people = tuple(each.by for each in counted)
            if approval in counted:
                with address.translate_errors(f"recording the approval of {version}"):
                    address.client.set_model_version_tag(names.model, str(number), approval.tag, approval.to_json())
            missing, by_hand = policy.required - len(counted), current == number
            if missing > 0:
                title = f"{version} has {len(counted)} of {policy.required} approvals"
                then = (
                    f"it lacks {missing} more, and somebody has given it the alias {moved.alias} without waiting"
                    if by_hand
                    else f"{missing} more by others will move the alias {moved.alias}"
                )
                report_move(context, title, f"By {', '.join(people)}; {then}", approvals=len(counted))
                return
            note = shorten_text("; ".join(each.note for each in counted if each.note), LONGEST_NOTE)
            before = None if by_hand else left
            move = Move("promotion", run, before, number, reference.digest, people, note)
            moved.make(move, address, journal, is_moved=by_hand)
        how = "Somebody had moved it by hand" if by_hand else f"In place of {describe_version(left)}"
        message = f"{how}; approved by {', '.join(people)}{': ' * bool(note)}{note}"
        report_move(context, f"{version} has the alias {moved.alias} now", message, approvals=len(counted))

    return job_with_defaults(
        promote,
        names.promotion_job,
        f"Points the alias {moved.alias} of {names.model} at a version that has passed validation and is approved of. "
        "Set `version` and `approved_by` in the Launchpad.",
        moved.defaults,
        tags={MODEL_TAG: names.slug},
    )
