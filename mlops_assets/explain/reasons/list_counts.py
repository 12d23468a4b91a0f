"""How many lists of reasons there are, and how many of them are not stable: noted of each part of the table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.explain.reasons.reason_rows import RANK, STABLE

_LISTS, _UNSTABLE = "lists", "unstable_lists"
"""Of a part's facts."""


@dataclass
class ListCounts:
    """Counts lists, each by its first reason.

    Attributes
    ----------
    lists, unstable
        So far.
    """

    lists: int = 0
    unstable: int = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the lists that begin in these rows of a table of reasons."""
        first = batch.column(STABLE).filter(pc.equal(batch.column(RANK), 1))
        self.lists += len(first)
        self.unstable += first.false_count

    def watch(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, counted."""
        for batch in batches:
            self.add(batch)
            yield batch

    def to_facts(self) -> dict[str, str]:
        """For the part that they are of."""
        return {_LISTS: str(self.lists), _UNSTABLE: str(self.unstable)}

    @classmethod
    def of_facts(cls, parts: Iterable[Mapping[str, str]]) -> "ListCounts | None":
        """Of all these parts; None: there are none, or one was written before this was noted."""
        counts, known = cls(), False
        for facts in parts:
            if not {_LISTS, _UNSTABLE} <= set(facts):
                return None
            counts.lists += int(facts[_LISTS])
            counts.unstable += int(facts[_UNSTABLE])
            known = True
        return counts if known else None
