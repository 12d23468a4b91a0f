"""Receipts: one row of the ledger, explained again by the version that it names, and compared with what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from mlops_assets.arrow.find_key import find_key
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import first_of, rows_of
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.compare.receipt import Receipt, check_receipt
from mlops_assets.explain.explainers.setup import draw_background_pool, pool_rows, prepare_explainer
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.model_uri import VersionUri, parse_model_uri
from mlops_assets.naming import BACKGROUND, INPUT_SAMPLES, REGISTRY, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.trees.shap_few_rows import walk_quickly


@dataclass(frozen=True)
class StoredRow:
    """One row of a published ledger.

    Attributes
    ----------
    ledger
        What the ledger's metadata says.
    origin
        How it was made.
    explained
        The rows of the ledger with this key: one per output.
    values
        The row that they explain: one, of `input_samples`.
    key
        The row key's columns and their values.
    """

    ledger: Provenance
    origin: LedgerProvenance
    explained: pa.Table
    values: pa.RecordBatch
    key: Mapping[str, pa.Scalar]

    @property
    def inputs(self) -> dict[str, Any]:
        """The row's input values."""
        return {name: value for name, value in self.values.to_pylist()[0].items() if name not in self.key}


def find_stored_row(
    names: ModelNames, tables: TableIOManager, key: Mapping[str, str], partition: str | None = None
) -> StoredRow:
    """One row of `sample_explanations`, and the row of `input_samples` that it explains.

    Parameters
    ----------
    key
        Row key column -> its value as text.

    Raises
    ------
    ConfigurationError
        The key's columns are not the ledger's.
    ExplanationError
        There is no such row, or the inputs are no longer those that were explained.
    """
    ledger = tables.read(SAMPLE_EXPLANATIONS, partition)
    inputs = tables.read(INPUT_SAMPLES, partition)
    source, now = Provenance.of(ledger.schema), Provenance.of(inputs.schema)
    if source.inputs_version != now.data_version:
        raise ExplanationError(
            "The published input_samples are not those that the ledger explains",
            where=names.name,
            fix="Materialize sample_explanations again",
        )
    chosen = _parse_values(key, ledger.schema, source.row_key)
    stored, rows = find_key(ledger, chosen), find_key(inputs, chosen)
    if not stored.num_rows or rows.num_rows != 1:
        given = ", ".join(f"{name}={value}" for name, value in key.items())
        raise ExplanationError(
            f"The ledger has no row {given}", where=names.name, fix=f"The row key is {', '.join(source.row_key)}"
        )
    (row,) = rows.combine_chunks().to_batches()
    return StoredRow(source, LedgerProvenance.of(source), stored, row, chosen)


def explain_receipt(
    names: ModelNames, resources: Mapping[str, Any], key: Mapping[str, str], partition: str | None = None
) -> tuple[Receipt, dict[str, Any]]:
    """Check one row of `sample_explanations`; also returns the row's input values.

    Parameters
    ----------
    resources
        The code location's initialized resources: tables, registry and champion store of the model.
    key
        Row key column -> its value as text.

    Raises
    ------
    ConfigurationError, ExplanationError
        As of `find_stored_row`.
    RegistryError, TrustError
        The pinned version is gone, changed, or not trusted.
    """
    row = find_stored_row(names, resources[names.tables], key, partition)
    return check_row(names, resources, row, partition), row.inputs


def check_row(names: ModelNames, resources: Mapping[str, Any], row: StoredRow, partition: str | None = None) -> Receipt:
    """Explain a row again, with the version that the ledger names; errors as of `explain_receipt`."""
    model = _pinned(names, resources, row.ledger)
    schema = model.signature.inputs if model.signature else None
    background = read_background(resources[names.tables], row.origin, partition)
    settings, row_key = row.origin.settings, row.ledger.row_key
    prepared = prepare_explainer(model, schema, row_key, background, settings)
    if settings.KIND is None and row.origin.explainer != prepared.explainer.KIND:
        # Another release may choose another explainer; the row was explained by this one.
        settings = replace(settings, KIND=row.origin.explainer)
        prepared = prepare_explainer(model, schema, row_key, background, settings)
    with walk_quickly():
        return check_receipt(
            row.explained,
            row.values,
            prepared.explainer,
            prepared.to_frame,
            row_key,
            model.reference,
            background_digest=row.origin.background_digest,
        )


def read_background(tables: TableIOManager, origin: LedgerProvenance, partition: str | None = None) -> pa.Table:
    """The rows that the ledger's explainer compares with; any rows where it compares with none."""
    if tables.exists(BACKGROUND, partition):
        return tables.read(BACKGROUND, partition).to_table()
    inputs = tables.read(INPUT_SAMPLES, partition)
    if origin.background_digest is None:
        return first_of(inputs, pool_rows(origin.settings))
    return draw_background_pool(rows_of(inputs), origin.settings)


def parse_key(texts: Sequence[str], tables: TableIOManager, partition: str | None = None) -> dict[str, str]:
    """A row key as typed: the value alone where the key is one column, else ``column=value`` for each."""
    row_key = Provenance.of(tables.read(SAMPLE_EXPLANATIONS, partition).schema).row_key
    if len(texts) == len(row_key) == 1 and not texts[0].startswith(f"{row_key[0]}="):
        return {row_key[0]: texts[0]}
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def _pinned(names: ModelNames, resources: Mapping[str, Any], source: Provenance) -> LoadedModel:
    """The version that the ledger names, from the registry."""
    registry: MlflowRegistry = resources[REGISTRY]
    store: ChampionIOManager = resources[names.champion_store]
    uri = parse_model_uri(source.model_uri or "")
    if not isinstance(uri, VersionUri):
        raise ExplanationError(
            f"The ledger names no version of a registered model: {source.model_uri}",
            where=names.name,
            fix="Materialize sample_explanations again",
        )
    reference = registry.pin(uri.name, uri.version, store.trust)
    return store.load(reference)


def _parse_values(key: Mapping[str, str], schema: pa.Schema, row_key: tuple[str, ...]) -> dict[str, pa.Scalar]:
    if set(key) != set(row_key):
        raise ConfigurationError(
            f"The row key given is {', '.join(key)}", fix=f"The ledger's row key is: {', '.join(row_key)}"
        )
    values = {}
    for name in row_key:
        kind = schema.field(name).type
        try:
            values[name] = pa.scalar(key[name]).cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigurationError(f"{key[name]!r} is not a {kind}", where=f"row key {name}") from error
    return values
