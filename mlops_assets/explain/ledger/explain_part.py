"""The ledger of one part of a table, made from its file to its file."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.engines.part_work import Observer, PartTask
from mlops_assets.explain.columns import OUTPUT, SPACE
from mlops_assets.explain.ledger.ledger import MODEL_DIGEST
from mlops_assets.explain.ledger.part_selection import PartSelection
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.tables.staged_table import StagedPart
from mlops_assets.tables.word_columns import WORDS, number_repeated_words

EXPLAINED = "explained"
"""Of a part's facts: how many rows of the inputs were explained, where that is not all."""


@dataclass(frozen=True)
class ExplainTask(PartTask[ExplainWork]):
    """The ledger of one part.

    Attributes
    ----------
    chosen
        Which rows of the part; None: all that pass the filter.
    observe
        Makes who looks at the ledger while it is made; None: nobody does.
    """

    doing: ClassVar[str] = "explaining"

    chosen: PartSelection | None = None
    observe: Callable[[], Observer] | None = None
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

    def observer(self) -> Observer | None:
        return None if self.observe is None else self.observe()

    def combine(
        self, results: Iterator[pa.RecordBatch]
    ) -> tuple[pa.RecordBatchReader, Callable[[], Mapping[str, str]]]:
        def facts() -> dict[str, str]:
            return {} if self._takes_all else {EXPLAINED: str(self._seen[0])}

        words = self._repeated_words()
        fields = [field.with_type(WORDS) if field.name in words else field for field in self.schema]
        schema = pa.schema(fields, self.schema.metadata)
        batches = (number_repeated_words(batch, words, schema) for batch in results)
        return pa.RecordBatchReader.from_batches(schema, batches), facts

    def _repeated_words(self) -> dict[str, str]:
        """The columns of the ledger that are one word in all rows."""
        explainer, reference = self.work.explainer, self.work.model.reference
        words = {SPACE: explainer.space, MODEL_DIGEST: reference.digest}
        if len(explainer.outputs) == 1 and pa.types.is_string(explainer.output_type):
            words[OUTPUT] = explainer.outputs[0]
        return words
