"""What the two jobs that move the alias share: one at a time, and one record of each move."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from mlops_assets.journal.entry import NoticedBy
from mlops_assets.journal.journal import Journal
from mlops_assets.metadata import shorten_text, strip_markup
from mlops_assets.models.reference import ModelReference
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


@dataclass(frozen=True)
class Move:
    """A move of the alias that has been made, and who answers for it."""

    how: NoticedBy
    to: ModelReference
    approved_by: Sequence[str]
    note: str

    def record(self, registry: MlflowRegistry, alias: str, journal: Journal, tag: str, tagged: int) -> None:
        """Write the move into the tag `tag` of the version `tagged`, and into the journal.

        The approvals of the version that is tagged are used up: one that becomes the champion again needs new ones.
        """
        from mlops_assets.validation.approvals import APPROVAL_TAG

        model, address = self.to.name, registry.address()
        moved = {
            "alias": alias,
            "to": self.to.version,
            "approved_by": list(self.approved_by),
            "note": self.note,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        journal.note(alias, self.to.version, self.to.digest, self.how, approved_by=self.approved_by, note=self.note)
        with address.translate_errors(f"recording the move of {alias!r} on {model!r} version {tagged}"):
            address.client.set_model_version_tag(model, str(tagged), tag, json.dumps(moved))
            tags = address.client.get_model_version(model, str(tagged)).tags
            for name in tags:
                if name.startswith(APPROVAL_TAG):
                    address.client.delete_model_version_tag(model, str(tagged), name)


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
