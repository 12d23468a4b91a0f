"""One pass over the inputs: every row is either accepted by the contract or kept with the reasons why not."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.content_hash import ContentHash
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets.arrow.spool import Spool
from mlops_assets.arrow.unique_keys import KeyCheck
from mlops_assets.errors import ContractError
from mlops_assets.signatures.contract.contract import Contract, Policy, RowVerdict

if TYPE_CHECKING:
    from mlflow.types import Schema

ROWS_SHOWN = 5


@dataclass(frozen=True)
class Conformed:
    """The inputs, split. Rows in = accepted + rejected, always.

    Attributes
    ----------
    accepted, rejected
        The rows, spooled to disk: typed as the signature says, and whole as they were.
    row_key
        The columns that identify a row, in both.
    reasons
        How often each (column, reason code) occurred.
    ignored
        Columns that the signature does not name.
    accepted_hash, rejected_hash
        SHA-256 of the content, independent of how the rows were batched.
    parts
        How many of the accepted rows stem from each file of the table; empty where it is no more than one.
    """

    accepted: Spool
    rejected: Spool
    row_key: tuple[str, ...]
    reasons: Counter[tuple[str, str]]
    ignored: tuple[str, ...]
    accepted_hash: str
    rejected_hash: str
    parts: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """Rows read."""
        return int(self.accepted.rows + self.rejected.rows)

    def check_limit(self, most: int | float, where: str, show_values: bool = False) -> None:
        """Raise `ContractError` when more rows were refused than `most`: a count, or (a float) a fraction of all rows.

        The message shows the first row keys with columns and reasons; refused values only with `show_values`.
        """
        allowed = most * self.rows if isinstance(most, float) else most
        if self.rejected.rows <= allowed:
            return
        shown = "; ".join(islice(self._shown(show_values), ROWS_SHOWN))
        raise ContractError(
            f"The contract refused {self.rejected.rows} of {self.rows} rows, and contract.max_rejected is {most}: "
            + shown
            + ("; ..." if self.rejected.rows > ROWS_SHOWN else ""),
            where=where,
            fix="Read the asset rejected_samples for all of them; mend the data, or raise contract.max_rejected",
        )

    def _shown(self, show_values: bool) -> Iterator[str]:
        for batch in self.rejected.reader():
            for row in batch.slice(0, ROWS_SHOWN).to_pylist():
                key = ", ".join(f"{name}={row[name]!r}" for name in self.row_key)
                why = ", ".join(
                    f"{reason['column']}: {reason['code']}"
                    + (f", it is {row.get(reason['column'])!r}" if show_values else "")
                    for reason in row["reasons"]
                )
                yield f"{key} ({why})"


@contextmanager
def conform_table(
    table: InputTable, inputs: "Schema | None", policy: Policy, scratch: Path, limit: int | None = None
) -> Iterator[Conformed]:
    """Apply the contract to a table (its first `limit` rows), in bounded memory; the spools live until the context
    ends.

    Raises
    ------
    ContractError
        The table's columns can never conform.
    TableError
        Row keys are missing or occur more than once; the table cannot be read.
    """
    contract = Contract(inputs, table.schema, table.row_key, policy, where=table.uri)
    key_schema = pa.schema([table.schema.field(name) for name in table.row_key])
    with (
        Spool(contract.accepted_schema, scratch) as accepted,
        Spool(contract.rejected_schema, scratch) as rejected,
        Spool(key_schema, scratch) as seen,
    ):
        reasons: Counter[tuple[str, str]] = Counter()
        accepted_hash, rejected_hash = ContentHash(contract.accepted_schema), ContentHash(contract.rejected_schema)
        keys = KeyCheck(table.row_key, scratch, table.uri)
        read = 0
        accepted_at = {0: 0}

        def judged() -> Iterator[tuple[int, RowVerdict]]:
            for batch in first_rows(table.batches(), limit):
                own = batch.select(list(table.row_key))
                seen.write(own)
                keys.add(own)
                yield batch.num_rows, contract.apply(batch)

        def hashed() -> Iterator[tuple[int, RowVerdict]]:
            for rows, verdict in read_ahead(judged()):
                for part, content in ((verdict.accepted, accepted_hash), (verdict.rejected, rejected_hash)):
                    if part.num_rows:
                        content.update(part)
                yield rows, verdict

        # Reading and judging, hashing, and spooling take about as long as each other: each has a thread.
        for rows, verdict in read_ahead(hashed()):
            for part, spool in ((verdict.accepted, accepted), (verdict.rejected, rejected)):
                if part.num_rows:
                    spool.write(part)
            reasons.update(verdict.reasons)
            read += rows
            accepted_at[read] = accepted.rows
        keys.finish(seen.reader)
        yield Conformed(
            accepted,
            rejected,
            table.row_key,
            reasons,
            contract.ignored_columns,
            accepted_hash.hexdigest(),
            rejected_hash.hexdigest(),
            _accepted_parts(table.parts(), accepted_at),
        )


def _accepted_parts(parts: Sequence[int], accepted_at: Mapping[int, int]) -> tuple[int, ...]:
    """Accepted rows per part, from the accepted rows before each position where a batch, so perhaps a part, ended."""
    ends = [accepted_at[end] for end in accumulate(parts) if end in accepted_at]
    counts = tuple(after - before for before, after in pairwise([0, *ends]))
    return counts if len(counts) > 1 else ()
