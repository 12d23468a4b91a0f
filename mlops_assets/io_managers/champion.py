"""The store of the champion: a small JSON reference, from which a consumer gets the model itself."""

from pathlib import Path

import dagster as dg

from mlops_assets.io_managers.documents import read_published
from mlops_assets.io_managers.progress import progress_of
from mlops_assets.io_managers.same_run import guard_switch, note_published, note_read
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.model_source import ModelSource
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.naming import REGISTRY, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.resources.loaders import Loader
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.retries import MOST_RETRIES, retry_when_unreachable
from mlops_assets.settings.tables import OutputsSettings
from mlops_assets.settings.trust import TrustSettings
from mlops_assets.storage.location import Location


class ChampionIOManager(dg.IOManager):
    """Stores a `ModelReference` as JSON; loads it, or the pinned model for a consumer that annotates `LoadedModel`.

    Before anything is deserialized the files are fetched, verified against the pinned digest and put before the trust
    policy. A process loads a version once. Nothing is ever pickled.
    """

    def __init__(self, folder: Location, registry: MlflowRegistry, loader: Loader, trust: TrustPolicy) -> None:
        self.folder, self.registry, self.loader, self.trust = folder, registry, loader, trust

    @redact_errors
    def handle_output(self, context: dg.OutputContext, obj: ModelReference) -> None:
        place = self.folder.child(f"{context.asset_key.path[-1]}.json")
        with guard_switch(context, self.folder):
            place.write_text_atomically(obj.to_json())
        note_published(context, lambda: {None: identity(ModelReference.from_json(place.read_text()))})
        context.add_output_metadata({"dagster/uri": place.uri})

    def read(self, key: dg.AssetKey) -> ModelReference:
        """The reference that was pinned last.

        Raises
        ------
        TableError
            None was ever pinned.
        """
        return ModelReference.from_json(read_published(self.folder.child(f"{key.path[-1]}.json"), key))

    @redact_errors
    def load_input(self, context: dg.InputContext) -> ModelReference | LoadedModel:

        def read() -> ModelReference:
            return self.read(context.asset_key)

        note_read(context, lambda: {None: identity(read())}, _recorded)
        reference = read()
        if context.dagster_type.typing_type is not LoadedModel:
            return reference
        with progress_of(context), retry_when_unreachable(_attempts(context)):
            return self.load(reference)

    def load(self, reference: ModelReference, trust: TrustPolicy | None = None) -> LoadedModel:
        """The pinned model, under the store's own policy or `trust`.

        Raises
        ------
        DigestMismatchError, TrustError, ModelLoadError
            In this order: the files changed, are not trusted, cannot be loaded.
        """
        return self.source(trust).load(reference)

    def source(self, trust: TrustPolicy | None = None) -> ModelSource:
        """Where models are loaded from, under the store's own policy or `trust`; can be given to another process."""
        return ModelSource(self.registry.address(), self.registry.cache.root, self.loader, trust or self.trust)


def _attempts(context: dg.InputContext) -> int:
    try:
        return context.step_context.previous_attempt_count
    except dg.DagsterInvariantViolationError:
        # Read outside of a run, in a notebook for example: nobody there would repeat it.
        return MOST_RETRIES


def identity(reference: ModelReference) -> str:
    """What distinguishes two pinned versions: two versions may have the same files."""
    return f"{reference.version} {reference.digest}"


def _recorded(materialization: dg.AssetMaterialization) -> str | None:
    """`identity` of the reference that a materialization recorded; None: it is somebody else's asset."""
    metadata = materialization.metadata
    return f"{metadata['version'].value} {metadata['digest'].value}" if {"version", "digest"} <= set(metadata) else None


def champion_io_manager(
    names: ModelNames, outputs: OutputsSettings, trust: TrustSettings, root: Path
) -> dg.IOManagerDefinition:
    """The champion's IO manager of one model, on the code location's registry and the model's own loader."""
    policy = trust.policy()

    @dg.io_manager(
        required_resource_keys={REGISTRY, names.loader},
        description="The champion: a JSON reference, loaded on demand.",
    )
    @redact_errors
    def build(context: dg.InitResourceContext) -> ChampionIOManager:
        return ChampionIOManager(
            outputs.location(root),
            getattr(context.resources, REGISTRY),
            getattr(context.resources, names.loader),
            policy,
        )

    return build
