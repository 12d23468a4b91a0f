"""The journal of one model as a Dagster resource."""

from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.code_location.model_resources import model_resources
from mlops_assets.family import Family
from mlops_assets.journal.journal import Journal
from mlops_assets.naming import ModelNames
from mlops_assets.settings.groups import from_environment
from mlops_assets.state import state_folder
from mlops_assets.storage.location import Location


class ChampionJournal(dg.ConfigurableResource[Any]):
    """The append-only record of what a model's aliases pointed at, and when this was seen."""

    model: str = Field(description="The registered model.")
    path: str = Field(description="Folder or fsspec URL its entries lie in.")
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="For fsspec; {env: NAME} is read from the environment when a run starts."
    )

    def open(self) -> Journal:
        """The journal; nothing is read yet."""
        folder = Location.parse(self.path, storage_options=from_environment(self.storage_options))
        return Journal(folder, self.model)


def journal_resource(family: Family) -> ChampionJournal:
    """Where `family` keeps its journal.

    ``journal.path`` if it is set. Else beside remote tables, because a worker's disk may not outlive it; else in the
    state folder, so that a local folder of tables holds tables only.
    """
    outputs, path = family.settings.outputs, family.settings.journal.path
    if path is None:
        beside = Location.parse(outputs.path, base=family.root)
        place = state_folder(family.root) / "journal" if beside.is_local else beside.child("journal").address
        folder = Location.parse(place, base=family.root)
    else:
        folder = Location.parse(path, base=family.root)
    return ChampionJournal(
        model=family.model,
        path=folder.child(family.prefix).address,
        storage_options={} if folder.is_local else outputs.storage_options or {},
    )


def find_journal(module: str, model: str) -> Journal:
    """The journal of a model of the code location that `module` defines.

    Raises
    ------
    ConfigurationError
        The module cannot be imported, holds no definitions, or has no such model.
    """
    names = ModelNames(model)
    with model_resources(module, names, only=[names.journal]) as resources:
        journal: ChampionJournal = resources[names.journal]
        return journal.open()
