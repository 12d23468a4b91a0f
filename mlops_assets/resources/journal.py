"""The journal of one model as a Dagster resource."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.journal.journal import Journal
from mlops_assets.mistakes import ReadableModel
from mlops_assets.naming import ModelNames
from mlops_assets.settings.environment import open_location
from mlops_assets.settings.groups import JournalSettings
from mlops_assets.settings.tables import OutputsSettings
from mlops_assets.state import state_folder
from mlops_assets.storage.location import Location


class ChampionJournal(ReadableModel, dg.ConfigurableResource[Any]):
    """The append-only record of what a model's aliases pointed at, and when this was seen."""

    model: str = Field(description="The registered model.")
    path: str = Field(description="Folder or fsspec URL of its entries.")
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="For fsspec; {env: NAME} is read from the environment when a run starts."
    )

    def open(self) -> Journal:
        """The journal; nothing is read yet."""
        return Journal(open_location(self.path, self.storage_options), self.model)


def journal_resource(
    names: ModelNames, settings: JournalSettings, outputs: OutputsSettings, root: Path
) -> ChampionJournal:
    """Where a model keeps its journal: one for all that score the same model, whatever their names.

    ``journal.path`` if it is set. Else beside remote tables, because a worker's disk may not outlive it; else in the
    state folder, so that a local folder of tables holds tables only.
    """
    if settings.path is None:
        tables = Location.parse(outputs.folder, base=root)
        place = state_folder(root) / "journal" if tables.is_local else tables.child("journal").address
        folder = Location.parse(place, base=root)
    else:
        folder = Location.parse(settings.path, base=root)
    return ChampionJournal(
        model=names.model,
        path=folder.child(ModelNames(names.model).prefix).address,
        storage_options={} if folder.is_local else outputs.storage_options or {},
    )
