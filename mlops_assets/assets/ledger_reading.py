"""What is read of a ledger for importances, the report and the profile: once a run, though they may be three steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines.engine import Engine
from mlops_assets.explain.drift.profile import OutputProfile
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.report.contents import OUTPUTS_SHOWN
from mlops_assets.explain.report.facts_while_written import PartNotes, merge_notes
from mlops_assets.explain.report.ledger_facts import LedgerFacts, can_be_summarized_in_parts, facts_of, summarize_ledger
from mlops_assets.naming import ModelNames
from mlops_assets.tables.staged_table import SourcePart


class LedgerRead(NamedTuple):
    """The facts of a ledger, and the inputs of the rows that are shown; None: these are not known."""

    facts: LedgerFacts
    inputs: ds.Dataset | None


_READ: dict[tuple[str, str, str | None], LedgerRead] = {}
"""By run, model and the ledger's data version: what one step has read, until the next one takes it."""


def read_once_a_run(
    context: dg.AssetExecutionContext,
    names: ModelNames,
    ledger: StoredLedger,
    read: Callable[[], LedgerRead],
    *,
    for_later: bool,
) -> LedgerRead:
    """What `read` gives, from an earlier step of the run where that was in this process.

    `for_later`: another step is going to ask for it.
    """
    key = _key(context, names, ledger.provenance)
    found = _READ.pop(key, None)
    if found is None:
        found = read()
    if for_later:
        # One at most is kept: the report of another run may never have been made.
        _READ.clear()
        _READ[key] = found
    return found


def sums_read_before(
    context: dg.AssetExecutionContext, names: ModelNames, ledger: Provenance
) -> Mapping[str, OutputProfile] | None:
    """The sums of the ledger with this provenance, by output, from an earlier step of the run; None: read it."""
    found = _READ.get(_key(context, names, ledger))
    return None if found is None or found.facts.sums is None else found.facts.sums.outputs()


def _key(context: dg.AssetExecutionContext, names: ModelNames, ledger: Provenance) -> tuple[str, str, str | None]:
    return (context.run.run_id, names.slug, ledger.data_version)


def facts_of_parts(
    ledger: StoredLedger,
    parts: Sequence[SourcePart],
    engine: Callable[[], Engine],
    log: Callable[[str], None],
    *,
    with_sums: bool = False,
    notes: Sequence[PartNotes] | None = None,
) -> LedgerFacts:
    """The facts of a ledger, part by part where there are parts; `with_sums`: those of a profile as well.

    `notes`: what was noted of these parts while they were made; where it is enough, they are not read.
    """
    if notes is not None:
        facts = merge_notes(notes)
        if facts.is_whole(facts.summary.rows) and (facts.sums is not None or not with_sums):
            return facts
    if parts and can_be_summarized_in_parts(ledger):
        return summarize_ledger(engine(), ledger, parts, OUTPUTS_SHOWN, log, with_sums=with_sums)
    return facts_of(ledger, OUTPUTS_SHOWN, with_sums=with_sums)
