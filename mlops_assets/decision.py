"""One row's whole story: inputs, prediction, reasons, receipt, versions, the champion before, the journal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import join_batches
from mlops_assets.arrow.find_key import find_key
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import ExplanationError, MlopsAssetsError, RegistryError
from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, shap_column
from mlops_assets.explain.compare.comparable import VersionOrigin
from mlops_assets.explain.compare.comparison import Comparison
from mlops_assets.explain.compare.receipt import Receipt
from mlops_assets.explain.compare.row_change import RowChange, compare_row, values_alone
from mlops_assets.explain.compare.stored_predictions import compare_with_stored
from mlops_assets.explain.labels import to_names
from mlops_assets.explain.ledger.ledger import explain_batches
from mlops_assets.explain.ledger.stored import StoredLedger, in_todays_columns
from mlops_assets.explain.reasons.reason_rows import ATTRIBUTION, FEATURE, RANK, SHARE, STABLE, VALUE
from mlops_assets.explain.reasons.reasons_table import are_of_ledger
from mlops_assets.explain.reasons.rules import ReasonRules
from mlops_assets.explain.report.decision import Decision, OutputStory
from mlops_assets.explain.report.example_reasons import find_reasons
from mlops_assets.journal.entry import JournalEntry
from mlops_assets.journal.journal import Journal, earlier_version
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import PREDICTIONS, REASONS, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.receipts import PublishedTables, StoredRow, Versions, check_row, find_stored_row, version_of
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.trees.shap_few_rows import walk_quickly

_Answer = TypeVar("_Answer")
_OF_LEDGER = (RANK, FEATURE, VALUE, ATTRIBUTION, SHARE, STABLE)
"""Columns of the reasons that follow from the ledger and the inputs."""


def tell_decision(
    names: ModelNames,
    tables: PublishedTables,
    journal: Journal,
    versions: Versions,
    key: Mapping[str, str],
    partition: str | None = None,
    *,
    with_values: bool = True,
) -> Decision:
    """Everything that is known of one row of `sample_explanations`; of each table one row group is read.

    Parameters
    ----------
    tables, journal
        Of the model.
    versions
        Explains the row again.
    key
        Row key column -> its value as text.
    with_values
        Whether input values are shown.

    Raises
    ------
    ConfigurationError, ExplanationError, TrustError
        As of `mlops_assets.receipts.find_stored_row` and `mlops_assets.receipts.check_row`. A version that is gone is
        none: the receipt says so.
    """
    row = find_stored_row(names, tables, key, partition)
    explained = [line for batch in row.explained.to_batches() for line in in_todays_columns(batch).to_pylist()]
    scored, reasons = _prediction(tables, row, partition), _reasons(tables, row, explained, partition)
    receipt = _receipt(names, row, versions)
    receipt = replace(receipt, problems=(*receipt.problems, *scored.problems, *reasons.problems))
    version = receipt.reference.version
    recorded = journal.entries()
    entries = [entry for entry in recorded if entry.version == version]
    previous, changes = _compare_with_previous(journal, versions, row, entries)
    return Decision(
        key={name: value.as_py() for name, value in row.key.items()},
        facts={
            "Model": f"{receipt.reference.name}, version {version}",
            "Digest": receipt.reference.digest,
            "Signature": row.ledger.signature_hash or "",
            "Inputs' version": row.ledger.inputs_version or "",
            "Ledger's version": row.ledger.data_version or "",
            "Explained by": f"{row.origin.explainer} ({row.origin.reason})",
        },
        space=row.origin.space,
        inputs=row.inputs if with_values else None,
        prediction=scored.answer,
        outputs=[
            OutputStory(
                line[OUTPUT],
                line[EXPLAINED_VALUE],
                line["base_value"],
                line["residual"],
                {name: line[shap_column(name)] for name in row.origin.features},
                of_output,
            )
            for line, of_output in zip(explained, reasons.answer, strict=True)
        ],
        receipt=receipt,
        notes=[*scored.notes, *reasons.notes],
        previous=previous,
        changes=changes,
        journal=entries[-1].to_row() if entries else None,
        in_force=_other_in_force(recorded, entries),
    )


def _receipt(names: ModelNames, row: StoredRow, versions: Versions) -> Receipt:
    """The row, explained again; without the version's files one that says why it is not."""
    try:
        return check_row(row, versions)
    except RegistryError as error:
        uri, origin = version_of(names, row.ledger), row.origin
        reference = ModelReference(uri.name, uri.version, None, row.ledger.model_digest or "", (), None, None, "")
        key = {name: value.as_py() for name, value in row.key.items()}
        why = f"it cannot be explained again: {error}"
        return Receipt(key, reference, origin.explainer, origin.reason, origin.space, (), (why,))


def _other_in_force(recorded: Sequence[JournalEntry], entries: Sequence[JournalEntry]) -> dict[str, Any] | None:
    """The newest entry of the alias by which the version (of `entries`) was scored, where another version has it."""
    alias = next((entry.alias for entry in reversed(entries) if entry.alias is not None), None)
    newest = next((entry for entry in reversed(recorded) if alias is not None and entry.alias == alias), None)
    if newest is None or newest.version == entries[-1].version:
        return None
    return newest.to_row() | ({"version": "none: the alias is gone"} if newest.version is None else {})


@dataclass(frozen=True)
class _Published(Generic[_Answer]):
    """What a table says of the row.

    Attributes
    ----------
    answer
        What is shown.
    notes
        Why it is not what one expects.
    problems
        What contradicts the ledger.
    """

    answer: _Answer
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def _prediction(tables: PublishedTables, row: StoredRow, partition: str | None) -> _Published[dict[str, Any]]:
    """The published outputs of the model; none where the table is of other rows or another version by now."""
    if not tables.exists(PREDICTIONS, partition):
        return _Published({}, ("There is no table predictions.",))
    predictions = tables.read(PREDICTIONS, partition)
    source, ledger = Provenance.of(predictions.schema), row.ledger
    if (source.model_uri, source.inputs_version) != (ledger.model_uri, ledger.inputs_version):
        why = "another version" if source.model_uri != ledger.model_uri else "other input rows"
        return _Published({}, (f"The published predictions are of {why} than the ledger, so none is shown.",))
    columns = model_output_columns(predictions.schema, ledger.row_key)
    found = find_key(predictions, row.key, row.place).rows.select(columns)
    if found.num_rows != 1:
        return _Published({}, problems=(f"predictions has {found.num_rows} rows with this key, not one",))
    (scored,) = found.to_pylist()
    origin = row.origin
    if row.explained.num_rows != len(origin.outputs):
        return _Published(scored)
    explained = [in_todays_columns(batch) for batch in row.explained.combine_chunks().to_batches()]
    agreement = compare_with_stored(
        explained, found.to_batches(), origin.outputs, origin.space, columns, origin.decision
    )
    if not agreement.comparable or not agreement.different:
        return _Published(scored)
    shown = ", ".join(f"{name} = {value}" for name, value in scored.items())
    return _Published(scored, problems=(f"predictions: {shown} is not what the explained value gives",))


def _reasons(
    tables: PublishedTables, row: StoredRow, explained: Sequence[Mapping[str, Any]], partition: str | None
) -> _Published[list[list[dict[str, Any]]]]:
    """The published reasons of each output; without a table that is of this ledger the largest attributions."""
    rows = [dict(each) for each in explained]
    ledger = StoredLedger.of(tables.read(SAMPLE_EXPLANATIONS, partition))
    values = ds.dataset(pa.Table.from_batches([row.values]))
    note = "There is no table reasons: the largest attributions are shown."
    if tables.exists(REASONS, partition):
        reasons = tables.read(REASONS, partition)
        source = Provenance.of(reasons.schema)
        if are_of_ledger(source, row.ledger):
            found = find_key(reasons, row.key, row.place).rows.combine_chunks()
            outputs = to_names(found.column(OUTPUT).combine_chunks()).to_pylist()
            lines = list(zip(outputs, found.to_pylist(), strict=True))
            published = [[line for output, line in lines if output == each[OUTPUT]] for each in rows]
            expected = find_reasons(ledger, ReasonRules.of_extra(source.extra), rows, values)
            return _Published(published, problems=tuple(_compare_reasons(rows, published, expected)))
        note = "The table reasons is not of this ledger, or of another release: the largest attributions are shown."
    return _Published(find_reasons(ledger, ReasonRules(), rows, values), (note,))


def _compare_reasons(
    rows: Sequence[Mapping[str, Any]],
    published: Sequence[Sequence[Mapping[str, Any]]],
    expected: Sequence[Sequence[Mapping[str, Any]]],
) -> Iterator[str]:
    """Of each output whose reasons are not those that the ledger gives, what differs; texts are the catalogue's."""
    for row, found, again in zip(rows, published, expected, strict=True):
        if len(found) != len(again):
            yield f"reasons: output {row[OUTPUT]} has {len(found)}, and the ledger gives {len(again)}"
            continue
        for one, other in zip(found, again, strict=True):
            if different := [name for name in _OF_LEDGER if one[name] != other[name]]:
                # Of input values nothing is said here, as they may not be shown.
                shown = ", ".join(
                    "value is another" if name == VALUE else f"{name} is {one[name]}, not {other[name]}"
                    for name in different
                )
                yield f"reasons: of rank {other[RANK]} of output {row[OUTPUT]} {shown}"


def _compare_with_previous(
    journal: Journal, versions: Versions, row: StoredRow, entries: Sequence[JournalEntry]
) -> tuple[str, list[RowChange]]:
    """What the champion before would have said; or why that is not known."""
    alias = next((entry.alias for entry in reversed(entries) if entry.alias is not None), None)
    version = entries[-1].version if entries else None
    earlier = earlier_version(journal, alias, version) if alias is not None and version is not None else None
    if earlier is None:
        return "The journal records no champion before this version.", []
    try:
        ready, rows = versions.prepare_earlier(earlier, row)
        with walk_quickly():
            batches = explain_batches(
                rows.to_batches(), ready.explainer, ready.to_frame, row.ledger.row_key, ready.reference
            )
            before = join_batches(list(batches))
        origin = VersionOrigin.of_explainer(ready.reference, ready.explainer, ready.settings)
    except MlopsAssetsError as error:
        return f"What version {earlier}, the champion before, would have said is not known: {error}", []
    changes = _changes_of_row(row, origin, before)
    if not changes:
        return f"Version {earlier}, the champion before, has none of these outputs.", []
    return f"Version {earlier}, the champion before, would have said of these inputs:", changes


def _changes_of_row(row: StoredRow, before: VersionOrigin, explained_before: pa.RecordBatch) -> list[RowChange]:
    """What the version before would have said; where attributions cannot be compared, the values and why not."""
    now = in_todays_columns(join_batches(row.explained.to_batches()))
    earlier = in_todays_columns(explained_before)
    scored = VersionOrigin.of_ledger(row.ledger.model_uri, row.ledger.model_digest, row.origin)
    key = pa.schema([row.explained.schema.field(name) for name in row.ledger.row_key])
    try:
        return compare_row(Comparison(before, scored, "after", key), earlier, now)
    except ExplanationError as error:
        return values_alone(earlier.to_pylist(), now.to_pylist(), error.what)
