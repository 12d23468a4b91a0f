"""Receipts without the libraries that take seconds to import: of trees, read from the pinned files by this package."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import pyarrow as pa

from mlops_assets.code_location.light_model import LightModel
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.explainers.light_trees import LightTreeExplainer
from mlops_assets.models.light.errors import NotLightError
from mlops_assets.models.light.sqlite_registry import SqliteRegistry, read_version
from mlops_assets.models.light.tree_model import TreeModel, read_tree_model
from mlops_assets.receipts import ReadyVersion, StoredRow, version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd


@dataclass(frozen=True)
class LightVersions:
    """`mlops_assets.receipts.Versions` of a model that is read without its library.

    A version is pinned as for a run: its files are fetched anew, digested and put before the trust policy. They are
    then read as data, by this package's own readers; the library that made them is not asked.

    Raises
    ------
    NotLightError
        A version cannot be read so, or was explained in another way than by the trees' own training data.
    """

    model: LightModel

    def prepare_again(self, row: StoredRow) -> ReadyVersion:
        """As of `Versions`."""
        origin, uri = row.origin, version_of(self.model.names, row.ledger)
        if origin.explainer != LightTreeExplainer.KIND or origin.background_digest is not None:
            raise NotLightError(f"the row was explained by {origin.explainer}, with a background or without")
        ready = self._prepare(uri.name, uri.version, origin.settings)
        explainer = ready.explainer
        if (explainer.features, explainer.outputs, explainer.space) != (origin.features, origin.outputs, origin.space):
            raise NotLightError("the ledger has other columns, outputs or another space than the trees")
        return ready

    def prepare_earlier(self, version: int, row: StoredRow) -> tuple[ReadyVersion, pa.Table]:
        """As of `Versions`."""
        ready = self._prepare(self.model.names.model, version, replace(row.origin.settings, KIND=None))
        if ready.explainer.features != row.origin.features:
            raise NotLightError("the version before has other columns")
        return ready, pa.Table.from_batches([row.values])

    def _prepare(self, name: str, version: int, settings: ExplainConfig) -> ReadyVersion:
        plain = ExplainConfig(KIND=settings.KIND, seed=settings.seed, background_rows=settings.background_rows)
        if settings.KIND not in (None, LightTreeExplainer.KIND) or replace(settings, permutations=2) != plain:
            raise NotLightError("the row was explained with settings that are not known here")
        model = self._read(name, version)
        explainer = LightTreeExplainer(model)
        to_frame = cast("Callable[[pa.RecordBatch], pd.DataFrame]", explainer.to_matrix)
        return ReadyVersion(model.reference, explainer, to_frame, settings)

    def _read(self, name: str, version: int) -> TreeModel:
        model = self.model
        registry = SqliteRegistry(model.registry_uri, read_version(model.registry_uri, name, version), model.limits)
        reference = registry.pin(name, version, model.cache, model.trust)
        return read_tree_model(registry.fetch(reference, model.cache), reference, model.trust)
