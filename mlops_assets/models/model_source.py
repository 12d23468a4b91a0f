"""Where a pinned model comes from, as a value that travels: whoever is given one loads the same, as safely."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from mlops_assets.models.cache import ModelCache
from mlops_assets.models.load import load_by_flavor, load_once
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.reference import ModelReference
from mlops_assets.models.registry import Registry
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.models.working_copy import WorkingCopy
from mlops_assets.progress.report import track
from mlops_assets.strategies import settings_of


class ModelLoader(Protocol):
    """A loader: turns files that are verified and trusted into a model."""

    def load(self, folder: Path, reference: ModelReference) -> LoadedModel: ...


@dataclass(frozen=True)
class FlavorLoader:
    """Loads each model as its flavor asks for: what the strategy `AutoLoader` does, without Dagster."""

    def load(self, folder: Path, reference: ModelReference) -> LoadedModel:
        """See `load_by_flavor`."""
        return load_by_flavor(folder, reference)


@dataclass(frozen=True)
class ModelSource:
    """A registry's address, a cache, a loader and a trust policy. Can be pickled; connects when it is used.

    Attributes
    ----------
    registry
        Where the files are fetched from.
    cache
        Folder of the downloaded versions, by digest; made where it is missing.
    loader
        What deserializes.
    trust
        What must agree before it does.
    """

    registry: Registry
    cache: Path
    loader: ModelLoader
    trust: TrustPolicy

    def load(self, reference: ModelReference) -> LoadedModel:
        """The pinned model, once per process: files fetched, verified, put before the trust policy, then loaded.

        Once per reference, trust policy, and class and settings of the loader; where it came from is not shared.

        Raises
        ------
        DigestMismatchError, TrustError, ModelLoadError
            In this order: the files changed, are not trusted, cannot be loaded.
        """

        def fresh() -> LoadedModel:
            cache = ModelCache(self.cache)
            folder = self.registry.fetch(reference, cache)
            self.trust.check_signed(folder, reference.uri)
            description = ModelDescription.read(folder)
            self.trust.check(description, reference)
            copy = WorkingCopy(description, cache.working)
            try:
                with track(f"loading {reference.uri}", unit=""):
                    model = self.loader.load(copy.folder, reference)
            except BaseException:
                copy.remove()
                raise
            copy.keep_for(model.pyfunc)
            return replace(model, source=self)

        # A class that was defined anew, in a notebook for example, is another one of the same name. An object of which
        # only its address is known stands for itself: it is kept, so that no other one gets that address.
        settings = settings_of(self.loader)
        loader = (type(self.loader), settings) if settings is not None else self.loader
        model = load_once(reference, (loader, self.trust.fingerprint()), fresh)
        return model if model.source is self else replace(model, source=self)
