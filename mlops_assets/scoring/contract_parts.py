"""The contract on a table of several parts: each is read, checked, hashed and written by whoever works on it."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, TypeAlias

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.input_table import InputSplit, InputTable
from mlops_assets.arrow.part_hash import PartDigest, PartHash, boundaries, hash_boundary, table_hash
from mlops_assets.arrow.part_keys import KeyReport, PartKeys
from mlops_assets.arrow.spool import Spool
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.local import LocalEngine
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.scoring.apply_contract import ContractResult
from mlops_assets.scoring.contract_report import REPORT, ContractReport, find_report, report_to_text
from mlops_assets.scoring.key_parts import refuse_repeated_keys
from mlops_assets.scoring.number_parts import number_splits
from mlops_assets.scoring.part_edges import PartEdges, edge_rows
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy
from mlops_assets.storage.location import Location
from mlops_assets.tables.staged_table import Destination, StagedPart, StagedTable

BOUNDARIES_PER_TASK = 64
"""Each is some thousands of rows."""
CONTRACT_VERSION = 1
"""Part of the key of a part: raise it with a change that changes which rows are accepted, or how they are written."""


@dataclass(frozen=True)
class ContractTask(Task[ContractReport]):
    """Read one split, apply the contract, write what it accepts and what it rejects."""

    doing: ClassVar[str] = "reading the inputs"

    split: InputSplit
    signature: str
    policy: ContractPolicy
    accepted: Destination
    rejected: Destination

    @property
    def rows(self) -> int | None:
        return self.split.rows

    @cached_property
    def key(self) -> str:
        """What the parts are found under: all that they depend on."""
        return hash_of("contract", str(CONTRACT_VERSION), self.split.identity, self.signature, *_texts(self.policy))

    @property
    def key_file(self) -> Location:
        """Where the hashes of the row keys are noted."""
        return self.accepted.beside(f"{self.key}.keys")

    def run(self) -> ContractReport:
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json

        opened = self.split.open()
        source = opened.raw or opened
        inputs = signature_from_json(self.signature).inputs
        contract = Contract(inputs, source.schema, source.row_key, self.policy, where=source.uri)
        reasons: Counter[tuple[str, str]] = Counter()
        seen: KeyReport | None = None
        keys = PartKeys(source.row_key, source.uri)
        accepted_hash, edges = PartHash(contract.accepted_schema, source.row_key), PartEdges(contract.accepted_schema)
        rejected_hash = PartHash(contract.rejected_schema, source.row_key)
        with TemporaryDirectory() as scratch, Spool(contract.rejected_schema, Path(scratch)) as refused:

            def accepted_rows() -> Iterator[pa.RecordBatch]:
                for batch in source.batches():
                    hashes: np.ndarray | None = keys.add(batch)
                    verdict = contract.apply(batch)
                    reasons.update(verdict.reasons)
                    if verdict.rejected.num_rows:
                        refused.write(verdict.rejected)
                        rejected_hash.update(verdict.rejected)
                        hashes = None
                    if verdict.accepted.num_rows:
                        accepted_hash.update(verdict.accepted, hashes)
                        edges.add(verdict.accepted)
                        yield verdict.accepted

            def facts() -> dict[str, str]:
                # Asked for when all rows were read.
                nonlocal seen
                seen = keys.finish(self.key_file)
                edges.write(accepted_hash.finish(), edge_file(self.accepted, self.key))
                return {REPORT: report_to_text(accepted_hash.finish(), rejected_hash.finish(), seen, reasons)}

            rows = pa.RecordBatchReader.from_batches(contract.accepted_schema, accepted_rows())
            accepted = self.accepted.write(self.key, rows, facts)
            rejected = self.rejected.write(self.key, refused.reader()) if refused.rows else None
        assert seen is not None
        return ContractReport(accepted, rejected, accepted_hash.finish(), rejected_hash.finish(), seen, reasons)

    def find(self) -> ContractReport | None:
        """The report, where the parts were finished earlier."""
        return find_report(self.key, self.accepted, self.rejected)


Place: TypeAlias = tuple[tuple[StagedPart, PartDigest, int, int], ...]
"""Rows of several parts that follow each other: of each part which ones."""


def edge_file(destination: Destination, key: str) -> Location:
    """Where the first and last rows of the part with this key are kept."""
    return destination.beside(f"{key}.edges")


@dataclass(frozen=True)
class BoundaryTask(Task[tuple[tuple[bytes, ...], ...]]):
    """Hash the rows on both sides of the places where parts meet, which no part could hash by itself."""

    doing: ClassVar[str] = "hashing where parts meet"

    destination: Destination
    schema: pa.Schema
    places: tuple[Place, ...]

    def run(self) -> tuple[tuple[bytes, ...], ...]:
        return tuple(hash_boundary(self.schema, self._rows(place)) for place in self.places)

    def _rows(self, place: Place) -> Iterator[pa.RecordBatch]:
        for part, digest, start, stop in place:
            kept = edge_rows(edge_file(self.destination, part.key), digest, start, stop)
            yield from self.destination.rows(part, start, stop) if kept is None else kept


@contextmanager
def apply_contract_to_parts(
    table: InputTable,
    splits: Sequence[InputSplit],
    signature: str,
    policy: ContractPolicy,
    engine: Engine,
    accepted: Destination,
    rejected: Destination,
    log: Callable[[str], None] = lambda _line: None,
) -> Iterator[ContractResult]:
    """As `apply_contract`, part by part; what is accepted and rejected is staged where it will be published.

    Raises
    ------
    ContractError
        The table's columns do not fit the signature, whatever their values are.
    TableError
        Row keys are missing or occur more than once; the table cannot be read.
    """
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json

    inputs = signature_from_json(signature).inputs
    source = table.raw or table

    def compile_contract(policy: ContractPolicy) -> Contract:
        return Contract(inputs, source.schema, source.row_key, policy, where=source.uri)

    # Before a worker starts: a table that can never conform is refused here.
    contract = compile_contract(policy)
    # Until they are published, nobody else collects them.
    with accepted.staging.mark_in_use(), rejected.staging.mark_in_use():
        if is_counted := any(split.lacks_first_row for split in splits):
            engine = _engine_that_reaches(engine, splits, accepted, rejected, log)
            splits = number_splits(splits, engine, log)
        tasks = [ContractTask(split, signature, policy, accepted, rejected) for split in splits]
        found = {number: report for number, task in enumerate(tasks) if (report := task.find()) is not None}
        left = [number for number in range(len(tasks)) if number not in found]
        if found and left:
            log(f"{len(found)} of {len(tasks)} parts of the inputs were read and checked by an earlier run")
        if left and not is_counted:
            engine = _engine_that_reaches(engine, splits, accepted, rejected, log)
        for end in stream_ends(engine, [tasks[number] for number in left], log):
            found[left[end.number]] = end.report
        reports = [found[number] for number in range(len(tasks))]
        refuse_repeated_keys([report.keys for report in reports], splits, source.row_key, engine, log, source.uri)
        reasons: Counter[tuple[str, str]] = Counter()
        for report in reports:
            reasons.update(report.reasons)
        accepted_table = StagedTable(accepted, tuple(report.accepted for report in reports), contract.accepted_schema)
        refused = [report for report in reports if report.rejected is not None]
        rejected_parts = tuple(report.rejected for report in refused if report.rejected is not None)
        rejected_table = StagedTable(rejected, rejected_parts, contract.rejected_schema)
        yield ContractResult(
            accepted_table,
            rejected_table,
            source.row_key,
            reasons,
            contract.ignored_columns,
            _hash(accepted_table, [report.accepted_digest for report in reports], engine, log),
            _hash(rejected_table, [report.rejected_digest for report in refused], engine, log),
            lenient=partial(compile_contract, replace(policy, missing="allow")) if policy.missing == "reject" else None,
        )


def _engine_that_reaches(
    engine: Engine,
    splits: Sequence[InputSplit],
    accepted: Destination,
    rejected: Destination,
    log: Callable[[str], None],
) -> Engine:
    """The engine, or this process where its workers cannot read the inputs or write here."""
    read = [splits[0].location, splits[-1].location]
    reaches = engine.reaches(read, [accepted.staging.folder, rejected.staging.folder], log)
    return engine if reaches else LocalEngine(workers=1)


def _texts(policy: ContractPolicy) -> tuple[str, ...]:
    """Everything that a policy says, the same in every process."""
    types = sorted((name, str(kind)) for name, kind in policy.types.items())
    texts = (policy.missing, str(policy.parse_iso_datetimes), *sorted(policy.text_columns), *map(str, types))
    # What was made before columns were carried is found as before.
    return (*texts, "carried", *policy.carried) if policy.carried else texts


def _hash(table: StagedTable, digests: Sequence[PartDigest], engine: Engine, log: Callable[[str], None]) -> str:
    places = [
        tuple((table.parts[part], digests[part], start, stop) for part, start, stop in boundary.ranges)
        for boundary in boundaries(digests)
    ]
    groups = [tuple(places[at : at + BOUNDARIES_PER_TASK]) for at in range(0, len(places), BOUNDARIES_PER_TASK)]
    tasks = [BoundaryTask(table.destination, table.schema, group) for group in groups]
    hashed = in_order(stream_ends(engine, tasks, log))
    return table_hash(table.schema, digests, [each for group in hashed for each in group])
