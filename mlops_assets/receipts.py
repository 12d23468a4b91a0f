"""Receipts: one row of the ledger, explained again by the version that it names, and compared with what is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.compare.receipt import Receipt, check_receipt
from mlops_assets.explain.explainers.setup import draw_background_pool, prepare_explainer
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.io_managers.champion import ChampionIOManager
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.model_uri import VersionUri, parse_model_uri
from mlops_assets.naming import BACKGROUND, INPUT_SAMPLES, REGISTRY, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.trees.shap_few_rows import walk_quickly


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
    ConfigurationError
        The key's columns are not the ledger's.
    ExplanationError
        There is no such row, or the inputs are no longer those that were explained.
    RegistryError, TrustError
        The pinned version is gone, changed, or not trusted.
    """
    tables: TableIOManager = resources[names.tables]
    ledger = tables.read(SAMPLE_EXPLANATIONS, partition)
    inputs = tables.read(INPUT_SAMPLES, partition)
    source, now = Provenance.of(ledger.schema), Provenance.of(inputs.schema)
    if source.inputs_version != now.data_version:
        raise ExplanationError(
            "The published input_samples are not those that the ledger explains",
            where=names.name,
            fix="Materialize sample_explanations again",
        )
    chosen = _filter(key, ledger.schema, source.row_key)
    stored, rows = ledger.to_table(filter=chosen), inputs.to_table(filter=chosen)
    if not stored.num_rows or rows.num_rows != 1:
        given = ", ".join(f"{name}={value}" for name, value in key.items())
        raise ExplanationError(
            f"The ledger has no row {given}", where=names.name, fix=f"The row key is {', '.join(source.row_key)}"
        )
    model = _pinned(names, resources, source)
    origin = LedgerProvenance.of(source)
    schema = model.signature.inputs if model.signature else None
    if tables.exists(BACKGROUND, partition):
        background = tables.read(BACKGROUND, partition).to_table()
    else:
        background = draw_background_pool(rows_of(inputs), origin.settings)
    prepared = prepare_explainer(model, schema, source.row_key, background, origin.settings)
    if origin.settings.KIND is None and origin.explainer != prepared.explainer.KIND:
        # Another release may choose another explainer; the row was explained by this one.
        settings = replace(origin.settings, KIND=origin.explainer)
        prepared = prepare_explainer(model, schema, source.row_key, background, settings)
    (row,) = rows.combine_chunks().to_batches()
    with walk_quickly():
        receipt = check_receipt(
            stored,
            row,
            prepared.explainer,
            prepared.to_frame,
            source.row_key,
            model.reference,
            background_digest=origin.background_digest,
        )
    return receipt, {name: value for name, value in row.to_pylist()[0].items() if name not in source.row_key}


def parse_key(texts: Sequence[str], tables: TableIOManager, partition: str | None = None) -> dict[str, str]:
    """A row key as typed: the value alone where the key is one column, else ``column=value`` for each."""
    row_key = Provenance.of(tables.read(SAMPLE_EXPLANATIONS, partition).schema).row_key
    if len(texts) == len(row_key) == 1 and not texts[0].startswith(f"{row_key[0]}="):
        return {row_key[0]: texts[0]}
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def _pinned(names: ModelNames, resources: Mapping[str, Any], source: Provenance) -> LoadedModel:
    """The version that the ledger names, from the registry, with the ledger's digest."""
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


def _filter(key: Mapping[str, str], schema: pa.Schema, row_key: tuple[str, ...]) -> pc.Expression:
    if set(key) != set(row_key):
        raise ConfigurationError(
            f"The row key given is {', '.join(key)}", fix=f"The ledger's row key is: {', '.join(row_key)}"
        )
    chosen: pc.Expression = pc.scalar(True)
    for name, text in key.items():
        kind = schema.field(name).type
        try:
            value = pa.scalar(text).cast(kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigurationError(f"{text!r} is not a {kind}", where=f"row key {name}") from error
        chosen = chosen & (pc.field(name) == value)
    return chosen
