"""Row numbers of a table whose files do not say how many rows they have: each is counted by whoever works on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from mlops_assets.arrow.input_table import InputSplit
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.tasks import Task, in_order


@dataclass(frozen=True)
class CountRowsTask(Task[int]):
    """Count the rows of one split."""

    doing: ClassVar[str] = "counting rows"

    split: InputSplit

    def run(self) -> int:
        return self.split.count_rows()


def number_splits(splits: Sequence[InputSplit], engine: Engine, log: Callable[[str], None]) -> tuple[InputSplit, ...]:
    """The splits, each of which knows with what its generated row numbers begin.

    Raises
    ------
    TableError
        Rows cannot be read.
    """
    if not any(split.lacks_first_row for split in splits):
        return tuple(splits)
    counts = in_order(stream_ends(engine, [CountRowsTask(split) for split in splits[:-1]], log))
    numbered, first = [], 0
    for split, count in zip(splits, [*counts, 0], strict=True):
        numbered.append(split.starting_at(first))
        first += count
    return tuple(numbered)
