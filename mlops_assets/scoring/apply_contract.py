"""One pass over the inputs: the contract accepts each row, or rejects it with reasons."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.arrow.part_hash import TableHash
from mlops_assets.arrow.python_values import python_values
from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets.arrow.spool import Spool
from mlops_assets.arrow.unique_keys import KeyCheck
from mlops_assets.errors import ContractError
from mlops_assets.models.missing_values import MissingProposal
from mlops_assets.progress.report import track
from mlops_assets.scoring.rejection_advice import advise
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy, RowVerdict
from mlops_assets.signatures.contract.rejection_reasons import REASONS, Reason

if TYPE_CHECKING:
    from mlflow.types import Schema

ROWS_SHOWN = 5


class RowsAside(Protocol):
    """Rows that were put aside until it is decided whether they are published."""

    @property
    def rows(self) -> int:
        """How many."""

    def reader(self) -> pa.RecordBatchReader:
        """All of them in order, any number of times."""


@dataclass(frozen=True)
class ContractResult:
    """The accepted and the rejected rows of the inputs: each row read is one or the other.

    Attributes
    ----------
    accepted, rejected
        The rows, spooled to disk or written as parts. Accepted ones have the signature's types, rejected ones are
        complete and unchanged.
    row_key
        The columns that identify a row, in both.
    reasons
        How often each (column, reason code) occurred.
    ignored
        Columns that the signature does not name.
    accepted_hash, rejected_hash
        SHA-256 of the content; it does not depend on the files, parts and batches in which the rows were read.
    parts
        How many of the accepted rows come from each file of the table; empty where there is only one file.
    lenient
        Makes the same contract with missing values allowed, where they are not: what advice is tried on before it is
        given.
    """

    accepted: RowsAside
    rejected: RowsAside
    row_key: tuple[str, ...]
    reasons: Counter[tuple[str, str]]
    ignored: tuple[str, ...]
    accepted_hash: str
    rejected_hash: str
    parts: tuple[int, ...] = ()
    lenient: Callable[[], Contract] | None = None

    @property
    def rows(self) -> int:
        """Rows read."""
        return int(self.accepted.rows + self.rejected.rows)

    def check_limit(
        self,
        most: int | float,
        where: str,
        show_values: bool = False,
        propose: Callable[[Collection[str]], MissingProposal | None] | None = None,
        *,
        published: bool = True,
    ) -> None:
        """Raise the `refusal`."""
        if (refusal := self.refusal(most, where, show_values, propose, published=published)) is not None:
            raise refusal

    def refusal(
        self,
        most: int | float,
        where: str,
        show_values: bool = False,
        propose: Callable[[Collection[str]], MissingProposal | None] | None = None,
        *,
        published: bool = True,
    ) -> ContractError | None:
        """The error when more rows were rejected than `most`: a count, or (a float) a fraction of all rows.

        Reads rejected rows: ask for it before they are published, which takes parts from where they are read. The
        message shows the first row keys with columns and reasons; rejected values only with `show_values`.

        Parameters
        ----------
        propose
            What the model does about missing values in columns; asked only where it decides what a person should do:
            the rows pass once they are allowed.
        published
            The rows are inputs, so that rejected ones are published as `rejected_samples`.
        """
        allowed = most * self.rows if isinstance(most, float) else most
        if self.rejected.rows <= allowed:
            return None
        saved = self._rows_that_allowing_saves()
        lacking = {column for column, code in self.reasons if code == Reason.MISSING_VALUE}
        proposal = propose(lacking) if propose is not None and saved else None
        shown = "; ".join(islice(self._describe_rejected(show_values), ROWS_SHOWN))
        return ContractError(
            f"The contract refused {self.rejected.rows} of {self.rows} rows, and contract.max_rejected is {most}: "
            + shown
            + ("; ..." if self.rejected.rows > ROWS_SHOWN else ""),
            where=where,
            fix=advise(self.reasons, self.rejected.rows, self.rows, saved, proposal, published=published),
        )

    def _rows_that_allowing_saves(self) -> int | None:
        """How many rejected rows `contract: {missing: allow}` would accept; None where it is set already."""
        if self.lenient is None:
            return None
        if not any(code == Reason.MISSING_VALUE for _, code in self.reasons):
            return 0
        rows, lenient = self.rejected.reader(), self.lenient()
        saved = (lenient.apply(batch.drop_columns([REASONS])).accepted for batch in rows)
        return sum(int(batch.num_rows) for batch in saved)

    def _describe_rejected(self, show_values: bool) -> Iterator[str]:
        for batch in self.rejected.reader():
            some = batch.slice(0, ROWS_SHOWN)
            shown = dict(zip(some.schema.names, map(python_values, some.columns), strict=True)) if show_values else {}
            keys = {name: python_values(some.column(name)) for name in self.row_key}
            for at, reasons_of_row in enumerate(some.column(REASONS).to_pylist()):
                key = ", ".join(f"{name}={values[at]!r}" for name, values in keys.items())
                reasons = ", ".join(
                    f"{reason['column']}: {reason['code']}"
                    + (f", it is {_value_at(shown, reason['column'], at)!r}" if show_values else "")
                    for reason in reasons_of_row
                )
                yield f"{key} ({reasons})"


def _value_at(columns: Mapping[str, Sequence[object]], name: str, at: int) -> object:
    """The value of a row; None where the table lacks the column."""
    return columns[name][at] if name in columns else None


@contextmanager
def apply_contract(
    table: InputTable, inputs: "Schema | None", policy: ContractPolicy, scratch: Path, limit: int | None = None
) -> Iterator[ContractResult]:
    """Apply the contract to a table (its first `limit` rows) in bounded memory; the context's end removes the spools.

    Raises
    ------
    ContractError
        The table's columns do not fit the signature, whatever their values are.
    TableError
        Row keys are missing or occur more than once; the table cannot be read.
    """

    def compile_contract(policy: ContractPolicy) -> Contract:
        return Contract(inputs, table.schema, table.row_key, policy, where=table.uri)

    contract = compile_contract(policy)
    key_schema = pa.schema([table.schema.field(name) for name in table.row_key])
    with (
        Spool(contract.accepted_schema, scratch) as accepted,
        Spool(contract.rejected_schema, scratch) as rejected,
        Spool(key_schema, scratch) as key_spool,
    ):
        reasons: Counter[tuple[str, str]] = Counter()
        accepted_hash = TableHash(contract.accepted_schema, table.row_key)
        rejected_hash = TableHash(contract.rejected_schema, table.row_key)
        key_check = KeyCheck(table.row_key, scratch, table.uri)
        rows_read = 0
        accepted_after = {0: 0}

        def apply_to_batches() -> Iterator[tuple[int, RowVerdict]]:
            for batch in first_rows(table.batches(), limit):
                row_keys = batch.select(list(table.row_key))
                key_spool.write(row_keys)
                key_check.add(row_keys)
                yield batch.num_rows, contract.apply(batch)

        def hash_contents() -> Iterator[tuple[int, RowVerdict]]:
            for rows, verdict in read_ahead(apply_to_batches()):
                for part, content in ((verdict.accepted, accepted_hash), (verdict.rejected, rejected_hash)):
                    if part.num_rows:
                        content.update(part)
                yield rows, verdict

        # Reading and checking, hashing, and spooling take about the same time: each has a thread.
        for rows, verdict in read_ahead(hash_contents()):
            for part, spool in ((verdict.accepted, accepted), (verdict.rejected, rejected)):
                if part.num_rows:
                    spool.write(part)
            reasons.update(verdict.reasons)
            rows_read += rows
            accepted_after[rows_read] = accepted.rows
        with track("looking for repeated row keys", unit=""):
            key_check.finish(key_spool.reader)
        yield ContractResult(
            accepted,
            rejected,
            table.row_key,
            reasons,
            contract.ignored_columns,
            accepted_hash.hexdigest(),
            rejected_hash.hexdigest(),
            _accepted_parts(table.parts(), accepted_after),
            partial(compile_contract, replace(policy, missing="allow")) if policy.missing == "reject" else None,
        )


def _accepted_parts(parts: Sequence[int], accepted_after: Mapping[int, int]) -> tuple[int, ...]:
    """Accepted rows per part.

    Parameters
    ----------
    parts
        Rows per part.
    accepted_after
        Rows read -> rows accepted of these, for each number of rows after which a batch, perhaps a part, ended.
    """
    ends = [accepted_after[end] for end in accumulate(parts) if end in accepted_after]
    counts = tuple(after - before for before, after in pairwise([0, *ends]))
    return counts if len(counts) > 1 else ()
