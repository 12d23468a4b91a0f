"""The journal of one model as a Dagster resource."""

from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from mlops_assets.journal.journal import Journal
from mlops_assets.mistakes import ReadableModel
from mlops_assets.naming import ModelNames
from mlops_assets.resources.journal_place import journal_place
from mlops_assets.settings.environment import open_location
from mlops_assets.settings.groups import JournalSettings
from mlops_assets.settings.tables import OutputsSettings


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
    """The journal at its `journal_place`."""
    place = journal_place(names.model, settings.path, outputs.folder, root)
    return ChampionJournal(
        model=names.model,
        path=place.address,
        storage_options={} if place.is_local else outputs.storage_options or {},
    )
