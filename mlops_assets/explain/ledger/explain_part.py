"""The ledger of one part of a table, made from its file to its file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.engines.part_work import PartTask
from mlops_assets.explain.ledger.part_selection import PartSelection
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.tables.staged_table import StagedPart

EXPLAINED = "explained"
"""Of a part's facts: how many rows of the inputs were explained, where that is not all."""


@dataclass(frozen=True)
class ExplainTask(PartTask[ExplainWork]):
    """The ledger of one part.

    Attributes
    ----------
    chosen
        Which rows of the part; None: all that pass the filter.
    """

    doing: ClassVar[str] = "explaining"

    chosen: PartSelection | None = None
    _seen: list[int] = field(default_factory=lambda: [0], repr=False, compare=False)

    @cached_property
    def key(self) -> str:
        own = hash_of("part", self.work.identity, self.source.content)
        return own if self.chosen is None else hash_of("part", own, repr(self.chosen))

    @property
    def select(self) -> Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]] | None:
        return None if self._takes_all else self._select

    @property
    def _takes_all(self) -> bool:
        return self.chosen is None and not self.work.selection.is_filtered

    def _select(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        self._seen[0] = 0
        rows = self.work.filter_rows(batches)
        for batch in rows if self.chosen is None else self.chosen.select(rows):
            self._seen[0] += batch.num_rows
            yield batch

    def rows_of(self, part: StagedPart, /) -> int:
        return self.source.rows if self._takes_all else int(part.facts[EXPLAINED])

    def combine(
        self, results: Iterator[pa.RecordBatch]
    ) -> tuple[pa.RecordBatchReader, Callable[[], Mapping[str, str]]]:
        def facts() -> dict[str, str]:
            return {} if self._takes_all else {EXPLAINED: str(self._seen[0])}

        return pa.RecordBatchReader.from_batches(self.schema, results), facts
