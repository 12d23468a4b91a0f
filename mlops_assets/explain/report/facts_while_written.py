"""The facts of a ledger and the input rows that are shown, noted while the ledger is made: neither is read for them."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.batching import BATCH_ROWS
from mlops_assets.arrow.plain_types import plain_array
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT
from mlops_assets.explain.explainers.sampling import hash_bound, position_hash
from mlops_assets.explain.labels import to_names
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.residuals import ResidualJudge
from mlops_assets.explain.ledger.summary import SAMPLE_ROWS
from mlops_assets.explain.report.example_rows import MEDIAN_SAMPLE
from mlops_assets.explain.report.ledger_facts import LedgerFacts, no_facts, summarized_columns


@dataclass(frozen=True)
class PartNotes:
    """What was noted of a part of a ledger of every row.

    Attributes
    ----------
    facts
        As `facts_of` reads them of the written part: the same to the last bit.
    shown
        The input rows that may be shown, in order, or more; None: they were not seen.
    """

    facts: LedgerFacts
    shown: pa.Table | None


@dataclass(frozen=True)
class FactsOfPart:
    """Makes the observer of one part; can be pickled.

    Attributes
    ----------
    with_sums, outputs_shown, provenance, start, of_rows
        As of `SummarizeLedger`; each row of the inputs has all outputs.
    """

    with_sums: bool
    outputs_shown: int
    provenance: Provenance
    start: int
    of_rows: int

    def __call__(self) -> "FactsWhileWritten":
        return FactsWhileWritten(self)


class FactsWhileWritten:
    """Adds up a part of a ledger while it is written; an `Observer`."""

    def __init__(self, part: FactsOfPart) -> None:
        self._facts = no_facts(part.provenance, part.outputs_shown, part.start, part.of_rows, with_sums=part.with_sums)
        self._shown = _ShownRows(part)

    def add_chunk(self, rows: pa.RecordBatch, results: pa.RecordBatch) -> None:
        self._shown.add(rows, results)

    def add_written(self, group: pa.Table) -> None:
        columns = group.select(summarized_columns(group.schema.names))
        # As the part is read, row group by row group: sums are rounded within a batch.
        for start in range(0, group.num_rows, BATCH_ROWS):
            self._facts.add(_with_names(columns.slice(start, BATCH_ROWS)))

    @property
    def notes(self) -> PartNotes:
        return PartNotes(self._facts, self._shown.rows())


def _with_names(ledger: pa.Table) -> pa.Table:
    """Rows of a ledger that is written, as they are read: outputs by name."""
    place = ledger.schema.get_field_index(OUTPUT)
    names = to_names(plain_array(ledger.column(place).combine_chunks()))
    return ledger.set_column(place, pa.field(OUTPUT, pa.string(), nullable=False), names)


class _ShownRows:
    """The input rows whose ledger rows may be drawn for a sample, or be shown as an extreme of a part."""

    def __init__(self, part: FactsOfPart) -> None:
        self._position = part.start
        outputs = len(LedgerProvenance.of(part.provenance).outputs)
        self._outputs, self._looked_at = outputs, min(outputs, part.outputs_shown)
        self._bound = max(hash_bound(count, part.of_rows) for count in (SAMPLE_ROWS, MEDIAN_SAMPLE))
        self._is_whole = True
        self._drawn: list[tuple[np.ndarray, pa.RecordBatch]] = []
        self._extremes: dict[tuple[int, str], tuple[float, int, pa.RecordBatch]] = {}

    def add(self, rows: pa.RecordBatch, ledger: pa.RecordBatch) -> None:
        count = rows.num_rows
        self._is_whole = self._is_whole and ledger.num_rows == count * self._outputs
        if not count or not self._is_whole:
            return
        near = np.flatnonzero(position_hash(0, self._position, count) < np.uint64(min(self._bound, 2**64 - 1)))
        self._drawn.append((near + self._position, rows.take(pa.array(near))))
        values, residuals = (
            ledger.column(name).to_numpy().reshape(count, -1) for name in (EXPLAINED_VALUE, "residual")
        )
        for output in range(self._looked_at):
            of_each = {"lowest": -values[:, output], "highest": values[:, output], "worst": abs(residuals[:, output])}
            for kind, sizes in of_each.items():
                place = int(sizes.argmax())
                known = self._extremes.get((output, kind))
                if known is None or sizes[place] > known[0]:
                    # A slice would keep the whole batch.
                    row = rows.take(pa.array([place]))
                    self._extremes[output, kind] = float(sizes[place]), place + self._position, row
        self._position += count

    def rows(self) -> pa.Table | None:
        """The rows in order, each once; None: not all chunks were seen."""
        if not self._drawn or not self._is_whole:
            return None
        extremes = [(np.array([position]), row) for _, position, row in self._extremes.values()]
        positions = np.concatenate([places for places, _ in (*self._drawn, *extremes)])
        rows = pa.Table.from_batches([batch for _, batch in (*self._drawn, *extremes)])
        _, first = np.unique(positions, return_index=True)
        return rows.take(pa.array(first)).combine_chunks()


def judged(notes: Sequence[PartNotes], provenance: Provenance) -> ResidualJudge:
    """Whether everything in these parts adds up."""
    judge = ResidualJudge(provenance.row_key, LedgerProvenance.of(provenance).precision)
    for each in notes:
        judge.merge(each.facts.residuals)
    return judge


def merge_notes(notes: Sequence[PartNotes]) -> LedgerFacts:
    """The facts of these parts together."""
    # The first one is added to, and may be asked for again.
    return reduce(LedgerFacts.merged, [each.facts for each in notes[1:]], deepcopy(notes[0].facts))


def rows_shown(notes: Sequence[PartNotes]) -> pa.Table | None:
    """The input rows that may be shown of these parts, in order; None: not all of them were seen."""
    tables = [each.shown for each in notes if each.shown is not None]
    return pa.concat_tables(tables) if tables and len(tables) == len(notes) else None


@dataclass
class NotesOfRuns:
    """What was noted of a ledger, until the same run asks for it in this process: of one ledger at a time."""

    _key: tuple[str, ...] = ()
    _notes: dict[str, PartNotes] = field(default_factory=dict)

    def keep(self, key: tuple[str, ...], notes: dict[str, PartNotes]) -> None:
        """Notes by the keys of the parts, under everything else that they depend on."""
        self._key, self._notes = key, notes

    def find(self, key: tuple[str, ...], parts: Sequence[str]) -> list[PartNotes] | None:
        """Those of these parts, which are all of the ledger; None: they are not all there."""
        if key != self._key or not parts or len(parts) != len(self._notes) or set(parts) != set(self._notes):
            return None
        return [self._notes[part] for part in parts]


NOTES = NotesOfRuns()
