"""What a step has noted of the ledger that it made, for later steps of the run in this process."""

from collections.abc import Sequence

from mlops_assets.explain.report.facts_while_written import NOTES, PartNotes
from mlops_assets.io_managers.rows import AnyContext
from mlops_assets.naming import ModelNames
from mlops_assets.tables.staged_table import SourcePart, StagedPart


def keep_notes(
    context: AnyContext, names: ModelNames, version: str, parts: Sequence[StagedPart], notes: Sequence[object]
) -> None:
    """Keep the notes on all parts of a ledger of this data version, or none where one was not made now."""
    found = {part.key: each for part, each in zip(parts, notes, strict=True) if isinstance(each, PartNotes)}
    NOTES.keep(_key(context, names, version), found if len(found) == len(parts) else {})


def find_notes(
    context: AnyContext, names: ModelNames, version: str | None, parts: Sequence[SourcePart]
) -> list[PartNotes] | None:
    """The notes on these parts of a published ledger, where the run has made them in this process."""
    return NOTES.find(_key(context, names, version or ""), [part.content for part in parts])


def _key(context: AnyContext, names: ModelNames, version: str) -> tuple[str, ...]:
    return context.run.run_id, names.slug, version
