"""Receipts: one row of the ledger, explained again by the version that it names, and compared with what is stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.find_key import find_key
from mlops_assets.arrow.key_text import parse_key_value, split_assignment
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.views import first_of, rows_of
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.compare.receipt import Receipt, check_receipt
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.explainers.setup import draw_background_pool, pool_rows, prepare_explainer
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.models.model_uri import VersionUri, parse_model_uri
from mlops_assets.models.reference import ModelReference
from mlops_assets.naming import BACKGROUND, INPUT_SAMPLES, REGISTRY, SAMPLE_EXPLANATIONS, ModelNames
from mlops_assets.trees.shap_few_rows import walk_quickly

if TYPE_CHECKING:
    import pandas as pd

    from mlops_assets.io_managers.champion import ChampionIOManager
    from mlops_assets.models.loaded_model import LoadedModel
    from mlops_assets.resources.registry import MlflowRegistry


class PublishedTables(Protocol):
    """Tables that have been published: what `TableIOManager` reads."""

    def read(self, asset: str, partition: str | None = None) -> ds.Dataset:
        """The table, lazily; `TableError` where there is none."""
        ...

    def exists(self, asset: str, partition: str | None = None) -> bool:
        """Whether it has been published."""
        ...


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
    place
        How far down `input_samples` the row is, from 0 to 1: for `find_key` in other tables.
    """

    ledger: Provenance
    origin: LedgerProvenance
    explained: pa.Table
    values: pa.RecordBatch
    key: Mapping[str, pa.Scalar]
    place: float

    @property
    def inputs(self) -> dict[str, Any]:
        """The row's input values."""
        return {name: value for name, value in self.values.to_pylist()[0].items() if name not in self.key}


def find_stored_row(
    names: ModelNames, tables: PublishedTables, key: Mapping[str, str], partition: str | None = None
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
    found = find_key(inputs, chosen)
    rows, stored = found.rows, find_key(ledger, chosen, found.place).rows
    origin = LedgerProvenance.of(source)
    given = ", ".join(f"{name}={value}" for name, value in key.items())
    if not stored.num_rows and rows.num_rows:
        raise ExplanationError(
            f"The row {given} was scored and not explained (the ledger is of: {origin.selection})",
            where=names.name,
            fix="Explain this row as well: see explain.limit, sample and where",
        )
    if not stored.num_rows:
        raise ExplanationError(
            f"The ledger has no row {given}",
            where=names.name,
            fix="Write the row key as the inputs have it; rejected rows are in rejected_samples",
        )
    if rows.num_rows != 1:
        raise ExplanationError(
            f"The published input_samples have {rows.num_rows} rows {given}, not one",
            where=names.name,
            fix="Materialize input_samples and sample_explanations again",
        )
    (row,) = rows.combine_chunks().to_batches()
    return StoredRow(source, origin, stored, row, chosen, found.place)


@dataclass(frozen=True)
class ReadyVersion:
    """A pinned version and the explainer of its rows.

    Attributes
    ----------
    reference
        The version.
    explainer, to_frame
        As of `explain_batches`.
    settings
        Those that the explainer was made with.
    """

    reference: ModelReference
    explainer: Explainer
    to_frame: "Callable[[pa.RecordBatch], pd.DataFrame]"
    settings: ExplainConfig


class Versions(Protocol):
    """Makes explainers of a model's versions.

    Raises
    ------
    RegistryError, TrustError
        A version is gone, changed, or not trusted.
    """

    def prepare_again(self, row: StoredRow) -> ReadyVersion:
        """The version that the ledger names, explained as the ledger says."""
        ...

    def prepare_earlier(self, version: int, row: StoredRow) -> tuple[ReadyVersion, pa.Table]:
        """Another version, and the row as it takes it."""
        ...


@dataclass(frozen=True)
class RegisteredVersions:
    """Versions as the graph has them: pinned in the registry, loaded by the model's loader.

    Attributes
    ----------
    names, resources
        The model, and the code location's initialized resources.
    partition
        Of the tables.
    """

    names: ModelNames
    resources: Mapping[str, Any]
    partition: str | None = None

    def prepare_again(self, row: StoredRow) -> ReadyVersion:
        """As of `Versions`."""
        uri = version_of(self.names, row.ledger)
        model = self._load(uri.name, uri.version)
        schema = model.signature.inputs if model.signature else None
        background = read_background(self.resources[self.names.tables], row.origin, self.partition)
        settings, row_key = row.origin.settings, row.ledger.row_key
        prepared = prepare_explainer(model, schema, row_key, background, settings)
        if settings.KIND is None and row.origin.explainer != prepared.explainer.KIND:
            # Another release may choose another explainer; the row was explained by this one.
            settings = replace(settings, KIND=row.origin.explainer)
            prepared = prepare_explainer(model, schema, row_key, background, settings)
        return ReadyVersion(model.reference, prepared.explainer, prepared.to_frame, settings)

    def prepare_earlier(self, version: int, row: StoredRow) -> tuple[ReadyVersion, pa.Table]:
        """As of `Versions`."""
        from mlops_assets.explain.compare.two_versions import ExplainedVersion, conform_rows

        model = self._load(self.names.model, version)
        inputs, row_key = model.signature.inputs if model.signature else None, row.ledger.row_key
        of_model = ExplainedVersion(model, inputs)
        rows = conform_rows(pa.Table.from_batches([row.values]), of_model, row_key)
        background = read_background(self.resources[self.names.tables], row.origin, self.partition)
        with_key = row_key if set(row_key) <= set(background.column_names) else ()
        background = conform_rows(background, of_model, with_key)
        # Another version may need another explainer.
        settings = replace(row.origin.settings, KIND=None)
        prepared = prepare_explainer(model, inputs, row_key, background, settings)
        return ReadyVersion(model.reference, prepared.explainer, prepared.to_frame, settings), rows

    def _load(self, name: str, version: int) -> "LoadedModel":
        registry: MlflowRegistry = self.resources[REGISTRY]
        store: ChampionIOManager = self.resources[self.names.champion_store]
        return store.load(registry.pin(name, version, store.trust))


def check_row(row: StoredRow, versions: Versions) -> Receipt:
    """Explain a row again, with the version that the ledger names.

    Raises
    ------
    ExplanationError
        The ledger names no version.
    RegistryError, TrustError
        The pinned version is gone, changed, or not trusted.
    """
    ready = versions.prepare_again(row)
    with walk_quickly():
        return check_receipt(
            row.explained,
            row.values,
            ready.explainer,
            ready.to_frame,
            row.ledger.row_key,
            ready.reference,
            background_digest=row.origin.background_digest,
        )


def version_of(names: ModelNames, ledger: Provenance) -> VersionUri:
    """The version that a ledger names; `ExplanationError` where it names none."""
    uri = parse_model_uri(ledger.model_uri or "")
    if not isinstance(uri, VersionUri):
        raise ExplanationError(
            f"The ledger names no version of a registered model: {ledger.model_uri}",
            where=names.name,
            fix="Materialize sample_explanations again",
        )
    return uri


def read_background(tables: PublishedTables, origin: LedgerProvenance, partition: str | None = None) -> pa.Table:
    """The rows that the ledger's explainer compares with; any rows where it compares with none."""
    if tables.exists(BACKGROUND, partition):
        return tables.read(BACKGROUND, partition).to_table()
    inputs = tables.read(INPUT_SAMPLES, partition)
    if origin.background_digest is None:
        return first_of(inputs, pool_rows(origin.settings))
    return draw_background_pool(rows_of(inputs), origin.settings)


def parse_key(texts: Sequence[str], tables: PublishedTables, partition: str | None = None) -> dict[str, str]:
    """A row key as typed: the value alone where the key is one column, else ``column=value`` for each.

    Raises
    ------
    ConfigurationError
        A column has two values.
    """
    row_key = Provenance.of(tables.read(SAMPLE_EXPLANATIONS, partition).schema).row_key
    if len(texts) == len(row_key) == 1 and not texts[0].startswith(f"{row_key[0]}="):
        return {row_key[0]: texts[0]}
    key = dict(split_assignment(text, row_key) for text in texts)
    if len(key) < len(texts):
        raise _not_the_row_key([split_assignment(text, row_key)[0] for text in texts], row_key)
    return key


def _not_the_row_key(given: Sequence[str], row_key: Sequence[str]) -> ConfigurationError:
    return ConfigurationError(
        f"The row key given is {', '.join(given)}, and that of the ledger is {', '.join(row_key)}",
        fix=f"Write {' '.join(f'{name}=VALUE' for name in row_key)}",
    )


def _parse_values(key: Mapping[str, str], schema: pa.Schema, row_key: tuple[str, ...]) -> dict[str, pa.Scalar]:
    if set(key) != set(row_key):
        raise _not_the_row_key(list(key), row_key)
    values = {}
    for name in row_key:
        kind = schema.field(name).type
        try:
            values[name] = parse_key_value(key[name], kind)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ConfigurationError(
                f"{key[name]!r} is no value of the type {kind}",
                where=f"row key {name}",
                fix="Write it as the inputs have it",
            ) from error
    return values
