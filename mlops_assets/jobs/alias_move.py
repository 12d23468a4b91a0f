"""What the two jobs that move the alias share: one at a time, and one record of each move."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from mlops_assets.errors import MlopsAssetsError, PromotionError, VersionNotFoundError, strip_ends
from mlops_assets.journal.journal import Journal
from mlops_assets.journal.move import Move
from mlops_assets.metadata import shorten_text, strip_markup
from mlops_assets.models.move_alias import describe_version, move_alias, read_alias
from mlops_assets.models.registry import Registry
from mlops_assets.naming import NOTIFIER, REGISTRY, ModelNames
from mlops_assets.resources.binding import initialize_resources
from mlops_assets.resources.journal import ChampionJournal
from mlops_assets.resources.notifier import deliver
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.settings.promotion import PromotionSettings
from mlops_assets.settings.trust import TrustSettings
from mlops_assets.storage.locks import lock_file

# Of what a person types; `mlops_assets.validation` is not imported when definitions are loaded.
LONGEST_NAME, LONGEST_NOTE = 100, 1000
# Of the version that took the alias, and of the one that was left.
PROMOTED_TAG, ROLLED_BACK_TAG = "mlops_assets.promoted", "mlops_assets.rolled_back"
# Of the registered model, one for each alias.
MOVE_TAG = "mlops_assets.move."
_LONGEST_TAG_NAME = 250


@dataclass(frozen=True)
class MovedAlias:
    """The alias that the jobs move, and what they need for it."""

    names: ModelNames
    alias: str
    settings: PromotionSettings
    trust: TrustSettings
    resources: Mapping[str, dg.ResourceDefinition]
    defaults: Mapping[str, dg.ResourceDefinition]
    silent_seconds: float

    def version(self, number: int) -> str:
        """A version, for a message."""
        return f"{self.names.model!r} version {number}"

    @property
    def tag(self) -> str:
        """The tag of the registered model that keeps the last move."""
        return f"{MOVE_TAG}{self.alias}"[:_LONGEST_TAG_NAME]

    @contextmanager
    def open_journal(self, context: dg.OpExecutionContext) -> Iterator[Journal]:
        """The model's journal, for one run of these jobs at a time where it is on a local disk.

        An object store knows no locks: there `move_alias` alone sees that somebody else was faster.
        """
        with ExitStack() as stack:
            own = stack.enter_context(initialize_resources(context, self.resources, {self.names.journal}))
            resource: ChampionJournal = getattr(own, self.names.journal)
            journal = resource.open()
            if journal.folder.is_local:
                lock = Path(journal.folder.address) / ".mlops_assets.alias"
                lock.parent.mkdir(parents=True, exist_ok=True)
                waiting = f"Another run moves the alias {self.alias}; this one waits for it to end"
                stack.enter_context(lock_file(lock, lambda: context.log.info(waiting)))
            yield journal

    def complete_last(self, address: Registry, journal: Journal) -> tuple[Move | None, bool]:
        """The last move by these jobs, and whether it was recorded just now, as the run that made it was killed.

        One that was begun, and whose version does not have the alias, was never made, or somebody else has moved the
        alias since.
        """
        move = Move.from_json(address.model(self.names.model).tags.get(self.tag, ""))
        if move is None or move.state != "begun" or read_alias(address, self.names.model, self.alias) != move.to:
            return move, False
        return self._record(move, address, journal), True

    def make(self, move: Move, address: Registry, journal: Journal, *, is_moved: bool = False) -> None:
        """Point the alias where `move` says, unless a person has done so (`is_moved`), and record it.

        Raises
        ------
        PromotionError
            Somebody else has moved the alias; their move stands.
        RegistryUnreachableError, RegistryError, TableError
            The registry does not do it; or the move was made and cannot be recorded, as the message says then.
        """
        self._keep(move, address)
        if not is_moved:
            try:
                move_alias(address, self.names.model, self.alias, move.to, move.left)
            except PromotionError:
                # A retry of this run must not take the alias from them either.
                self._keep(replace(move, state="lost"), address)
                raise
        self._record(move, address, journal)

    def _keep(self, move: Move, address: Registry) -> None:
        with address.translate_errors(f"writing down that {self.version(move.to)} is to take the alias {self.alias!r}"):
            address.client.set_registered_model_tag(self.names.model, self.tag, move.to_json())

    def _record(self, move: Move, address: Registry, journal: Journal) -> Move:
        try:
            journal.note(
                self.alias,
                move.to,
                move.digest,
                move.how,
                approved_by=move.approved_by,
                note=move.note,
                run=move.run,
                left=move.left,
            )
            self._tag_version(move, address)
            recorded = replace(move, state="recorded")
            self._keep(recorded, address)
        except MlopsAssetsError as error:
            raise type(error)(
                f"{self.version(move.to)} has the alias {self.alias} now, and this could not be recorded: {error.what}",
                where=error.where,
                fix=f"{strip_ends(error.fix or 'Correct it')}, and re-execute this run: it records the move, and moves "
                "nothing again",
            ) from error
        return recorded

    def _tag_version(self, move: Move, address: Registry) -> None:
        """Write the move into a tag of the version that it is about.

        The approvals of that version are used up: one that becomes the champion again needs new ones.
        """
        from mlops_assets.validation.approvals import APPROVAL_TAG

        model, promoted = self.names.model, move.how == "promotion"
        number = move.to if promoted or move.left is None else move.left
        shown = {
            "alias": self.alias,
            "to": move.to,
            "approved_by": list(move.approved_by),
            "note": move.note,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            tags = address.version(model, number).tags
        except VersionNotFoundError:
            # It was deleted since, and its tags with it.
            return
        with address.translate_errors(f"recording the move of {self.alias!r} on {self.version(number)}"):
            address.client.set_model_version_tag(
                model, str(number), PROMOTED_TAG if promoted else ROLLED_BACK_TAG, json.dumps(shown)
            )
            for name in tags:
                if name.startswith(APPROVAL_TAG):
                    address.client.delete_model_version_tag(model, str(number), name)


def run_of(context: dg.OpExecutionContext) -> str:
    """The run by which a move is known: of one that is re-executed the first."""
    return context.run.root_run_id or context.run_id


def end_repeated(context: dg.OpExecutionContext, moved: MovedAlias, move: Move, current: int | None) -> None:
    """Say what this very run has come to before, and that it moves nothing twice.

    Raises
    ------
    PromotionError
        It had lost against a move of somebody else's.
    """
    to = moved.version(move.to)
    if move.state == "lost":
        raise PromotionError(
            f"Somebody else moved the alias {moved.alias} when this run was to give it to {to}; it points at "
            f"{describe_version(current)} now, which stands",
            fix="Launch a new run if the alias is still to be moved",
        )
    if current == move.to:
        report_move(context, f"{to} has the alias {moved.alias}", "Nothing was moved again")
        return
    title = f"This run has given the alias {moved.alias} to {to} before"
    message = f"It points at {describe_version(current)} now, which stands; launch a new run to move it again"
    report_move(context, title, message)


def report_move(context: dg.OpExecutionContext, title: str, message: str, **metadata: str | int) -> None:
    """Say in the run's log, on its step and through the notifier what was done."""
    context.log.info(f"{title}: {shorten_text(message)}")
    texts = {"result": title, "detail": message} | metadata
    context.add_output_metadata(
        {name: strip_markup(value) if isinstance(value, str) else value for name, value in texts.items()}
    )
    deliver(getattr(context.resources, NOTIFIER), title, message, context.log)


def registry_of(context: dg.OpExecutionContext) -> MlflowRegistry:
    """The code location's registry."""
    registry: MlflowRegistry = getattr(context.resources, REGISTRY)
    return registry
