"""Whether the table fits the signature, and which settings would make it fit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from mlops_assets.arrow.batching import first_rows
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.direct.registry import work_folder
from mlops_assets.errors import ContractError, MlopsAssetsError, TableError
from mlops_assets.examine.findings import Notes
from mlops_assets.examine.table import EXAMINED_ROWS, ExaminedTable
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.missing_values import propose_missing
from mlops_assets.scoring.apply_contract import ContractResult, apply_contract
from mlops_assets.signatures.contract.column_matching import Matching
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.signatures.contract.rejection_reasons import Reason

if TYPE_CHECKING:
    from mlflow.types import ColSpec, Schema, TensorSpec

_COLUMNS_SHOWN = 10
# What a table's column should be for each of MLflow's types.
_TYPES = {
    "boolean": "bool",
    "integer": "int32",
    "long": "int64",
    "float": "float32",
    "double": "float64",
    "string": "string",
    "datetime": "timestamp[ns]",
}


@dataclass(frozen=True)
class Fit:
    """How the table is read so that it fits, and the first rows that do.

    Attributes
    ----------
    accepted
        Typed as the signature says; None: the table cannot fit.
    missing_reason
        Why missing values are allowed.
    takes_missing
        Why they could be, where the table has none.
    """

    table: ExaminedTable
    accepted: pa.Table | None = None
    iso_datetimes: bool = False
    missing: Literal["reject", "allow"] = "reject"
    missing_reason: str = ""
    takes_missing: str = ""


@dataclass(frozen=True)
class _Reading:
    """One way to read the table."""

    table: ExaminedTable
    iso_datetimes: bool = False
    missing: Literal["reject", "allow"] = "reject"
    columns: tuple[str, ...] = field(default=())

    @contextmanager
    def apply(self, inputs: "Schema | None") -> Iterator[ContractResult]:
        table = self.table.table
        source = table.raw or table
        policy = ContractPolicy(self.missing, self.iso_datetimes, source.text_columns, table.types)
        with (
            scratch_folder(work_folder() / "scratch") as scratch,
            apply_contract(source, inputs, policy, scratch, limit=EXAMINED_ROWS) as conformed,
        ):
            yield conformed

    def find_problem(self, inputs: "Schema | None") -> "_Problem | None":
        """Why the table does not fit, whatever the model does about missing values."""
        try:
            with self.apply(inputs) as conformed:
                columns = {column for column, code in conformed.reasons if code == Reason.NOT_PARSEABLE}
                if not columns:
                    return None
                return _Problem(f"text that the contract cannot read ({_list(sorted(columns))})", frozenset(columns))
        except ContractError as error:
            return _Problem(error.what, None, error)


@dataclass(frozen=True)
class _Problem:
    """What is wrong with a reading.

    Attributes
    ----------
    columns
        Those with rows that cannot be read; None: the table can never fit.
    error
        Where the table can never fit.
    """

    what: str
    columns: frozenset[str] | None
    error: ContractError | None = None


def examine_contract(inputs: "Schema | None", table: ExaminedTable, model: LoadedModel | None, notes: Notes) -> Fit:
    """Apply the contract to the first rows, as strict as it is by default, then with settings that would help."""
    with notes.report_errors("contract"):
        reading = _find_reading(inputs, _Reading(table), notes)
        if reading is None:
            return Fit(table)
        return _judge_rows(inputs, reading, model, notes)
    return Fit(table)


def _find_reading(inputs: "Schema | None", plain: _Reading, notes: Notes) -> _Reading | None:
    problem = plain.find_problem(inputs)
    if problem is None:
        return plain
    tried = [replace(plain, iso_datetimes=True)]
    typed = _with_types(inputs, plain.table, problem.columns)
    tried += [replace(reading, table=typed) for reading in (plain, tried[0])] if typed is not None else []
    for reading in tried:
        if _fits(reading, inputs):
            notes.add("contract", "yellow", f"The table fits with {_describe(reading)}; without: {problem.what}")
            return reading
    if problem.error is None:
        return plain
    notes.add("contract", "red", problem.error.what, where=problem.error.where, fix=problem.error.fix)
    return None


def _fits(reading: _Reading, inputs: "Schema | None") -> bool:
    try:
        return reading.find_problem(inputs) is None
    except TableError:
        # A value that cannot be read as the type that was tried.
        return False


def _describe(reading: _Reading) -> str:
    said = ["`contract: {iso_datetimes: true}`"] if reading.iso_datetimes else []
    if reading.table.source.types:
        types = ", ".join(f"{name}: {kind}" for name, kind in reading.table.source.types.items())
        said.append(f"`inputs: {{types: {{{types}}}}}`")
    return " and ".join(said)


def _with_types(inputs: "Schema | None", table: ExaminedTable, columns: frozenset[str] | None) -> ExaminedTable | None:
    """The table read with the signature's types, in `columns` (None: where its own do not fit); None: it cannot be."""
    if inputs is None or not inputs.has_input_names():
        return None
    types, names = {}, set(table.table.schema.names)
    for spec in inputs.inputs:
        kind = _TYPES.get(getattr(getattr(spec, "type", None), "name", ""))
        if kind is None or spec.name not in names:
            continue
        if spec.name in columns if columns is not None else _has_problem(spec, table):
            types[str(spec.name)] = kind
    if not types:
        return None
    try:
        source = replace(table.source, types={**table.source.types, **types})
        opened = source.open()
        first = next(iter(opened.batches()), None)
    except MlopsAssetsError:
        # A format or a value that cannot be read so: the contract's own words are the finding.
        return None
    return replace(table, source=source, table=opened) if first is not None else None


def _has_problem(spec: "ColSpec | TensorSpec", table: ExaminedTable) -> bool:
    from mlflow.types import Schema

    policy = ContractPolicy(text_columns=table.table.text_columns)
    return bool(Matching(Schema([spec]), table.table.schema, (), policy).problems)


def _judge_rows(inputs: "Schema | None", reading: _Reading, model: LoadedModel | None, notes: Notes) -> Fit:
    fit = Fit(reading.table, iso_datetimes=reading.iso_datetimes)
    with reading.apply(inputs) as conformed:
        accepted = conformed.accepted.reader().read_all()
        _note_columns(inputs, conformed, reading.table, notes)
        if not conformed.rejected.rows:
            notes.add("contract", "green", f"The contract accepts {_extent(conformed.rows)}")
            proposal = propose_missing(model) if model is not None and inputs is not None else None
            reason = proposal.reason if proposal is not None and proposal.missing == "allow" else ""
            return replace(fit, accepted=accepted, takes_missing=reason)
        refusal = _refusal(conformed, reading.table.table.uri)
        lacking = sorted({column for column, code in conformed.reasons if code == Reason.MISSING_VALUE})
        count, extent = conformed.rejected.rows, _extent(conformed.rows)
    if lacking and model is not None:
        proposal = propose_missing(model, lacking)
        with replace(reading, missing="allow").apply(inputs) as lenient:
            fits, allowed = not lenient.rejected.rows, lenient.accepted.reader().read_all()
        if proposal.missing == "allow" and fits:
            notes.add(
                "missing values",
                "yellow",
                f"{count:,} of {extent} lack values ({_list(lacking)}), and {proposal.reason}: "
                "`contract: {missing: allow}` lets the model see them",
            )
            return replace(fit, accepted=allowed, missing="allow", missing_reason=proposal.reason)
        if fits:
            notes.add(
                "missing values",
                "red",
                f"{count:,} of {extent} lack values ({_list(lacking)}), and {proposal.reason}",
                where=reading.table.table.uri,
                fix=f"Fill them in the table, or write `contract: {{max_rejected: {count}}}` to leave these rows "
                "without a prediction",
            )
            return replace(fit, accepted=accepted)
    notes.add("contract", "red", refusal.what, where=refusal.where, fix=refusal.fix)
    return replace(fit, accepted=accepted)


def _refusal(conformed: ContractResult, where: str) -> ContractError:
    try:
        conformed.check_limit(0, where)
    except ContractError as error:
        return error
    raise AssertionError("rows were rejected")


def _note_columns(inputs: "Schema | None", conformed: ContractResult, table: ExaminedTable, notes: Notes) -> None:
    if conformed.ignored:
        notes.add("contract", "green", f"Columns that the model does not read: {_list(conformed.ignored)}")
    if inputs is None or not inputs.has_input_names():
        return
    names = set(table.table.schema.names)
    absent = [str(name) for name in inputs.input_names() if name not in names]
    if absent:
        notes.add("contract", "yellow", f"Optional columns that the table does not have, and are null: {_list(absent)}")


def read_examined_rows(table: ExaminedTable) -> pa.Table:
    """The first rows without their key, as a signature is made from them."""
    rows = pa.Table.from_batches(first_rows(table.table.batches(), EXAMINED_ROWS), table.table.schema)
    if not rows.num_rows:
        raise TableError("There are no rows to sign from", where=table.table.uri, fix="Give a table with rows")
    return rows.drop_columns(list(table.table.row_key))


def _extent(rows: int) -> str:
    return f"the first {rows:,} rows" if rows == EXAMINED_ROWS else f"all {rows:,} rows"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - _COLUMNS_SHOWN} more" if len(names) > _COLUMNS_SHOWN else ""
    return ", ".join(map(repr, names[:_COLUMNS_SHOWN])) + more
