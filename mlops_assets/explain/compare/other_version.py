"""A version is explained on rows that were accepted for another one."""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.errors import ContractError
from mlops_assets.explain.explainers.setup import PreparedExplainer
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.models.reference import ModelReference
from mlops_assets.signatures.contract.contract import Contract, ContractPolicy

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.types import Schema


@dataclass
class RowConformer:
    """Rows of one version as another one takes them, without loss.

    Attributes
    ----------
    inputs
        Of the version that is given them.
    row_key
        Carried unchanged, where the rows have it.
    reference
        That version, for messages.
    """

    inputs: "Schema | None"
    row_key: tuple[str, ...]
    reference: ModelReference
    _made: tuple[pa.Schema, Contract] | None = None

    def batch(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """One batch of them.

        Raises
        ------
        ContractError
            The rows lack columns, or hold values that the version does not take.
        """
        verdict = self._contract(rows.schema).apply(rows)
        if verdict.rejected.num_rows:
            reasons = ", ".join(f"{column} ({code})" for column, code in sorted(verdict.reasons))
            raise ContractError(
                f"{verdict.rejected.num_rows} rows do not conform to the inputs of version {self.reference.version}: "
                f"{reasons}",
                where=self.reference.uri,
                fix="Compare versions that take the same values, or leave explain.changes out",
            )
        return verdict.accepted

    def table(self, rows: pa.Table) -> pa.Table:
        """All of them; errors as of `batch`."""
        conformed = [self.batch(batch) for batch in rows.to_batches()]
        return pa.Table.from_batches(conformed, self._contract(rows.schema).accepted_schema)

    def _contract(self, source: pa.Schema) -> Contract:
        if self._made is not None and self._made[0].equals(source):
            return self._made[1]
        key = self.row_key if set(self.row_key) <= set(source.names) else ()
        where = self.reference.uri
        try:
            contract = Contract(self.inputs, source, key, ContractPolicy(missing="allow"), where=where)
        except ContractError as error:
            raise ContractError(
                f"The rows are not those that version {self.reference.version} takes: {error.what}",
                where=where,
                fix="A version with further columns is compared where they are read: give it a YAML of its own (name, "
                "alias_or_version) with explain.changes.against",
            ) from error
        self._made = (source, contract)
        return contract


@dataclass(frozen=True)
class ConformingExplainer(PreparedExplainer):
    """An explainer that is given rows as another version takes them.

    Attributes
    ----------
    conformer
        Makes them those of this version.
    """

    conformer: RowConformer

    def to_frame(self, batch: pa.RecordBatch | pa.Table) -> "pd.DataFrame":
        """A batch of the other version's rows as the frame that is explained."""
        if isinstance(batch, pa.Table):
            return super().to_frame(self.conformer.table(batch))
        return super().to_frame(self.conformer.batch(batch))


@dataclass(frozen=True)
class OtherVersionWork(ExplainWork):
    """Explanations of chunks of rows that were accepted for another version; `background` is conformed already."""

    noun: ClassVar[str] = "explanations of another version"
    RESULT_VERSION: ClassVar[int] = 2

    @cached_property
    def identity(self) -> str:
        # The function that is opened for it takes other rows than that of the same explanations elsewhere.
        return hash_of("of another version's rows", super().identity)

    @cached_property
    def prepared(self) -> PreparedExplainer:
        prepared = super().prepared
        conformer = RowConformer(prepared.inputs, tuple(self.key.names), self.model.reference)
        return ConformingExplainer(prepared.explainer, prepared.inputs, prepared.row_key, conformer)

    def with_background(self, rows: pa.Table) -> "OtherVersionWork":
        """The same work with a background of the other version's rows."""
        return replace(self, background=conformer_of(self).table(rows))


def explain_other(work: ExplainWork, *, conformed: bool = False) -> OtherVersionWork:
    """The same work on rows that were accepted for another version.

    `conformed`: of the background, which is a table of its own, the rows are this version's already.
    """
    values = {field.name: getattr(work, field.name) for field in fields(work)}
    if not conformed:
        values["background"] = conformer_of(work).table(work.background)
    return OtherVersionWork(**values)


def conformer_of(work: ExplainWork) -> RowConformer:
    """What makes rows those that the work's version takes."""
    from mlops_assets.signatures.mlflow.signature_json import signature_from_json

    return RowConformer(signature_from_json(work.signature).inputs, tuple(work.key.names), work.model.reference)
