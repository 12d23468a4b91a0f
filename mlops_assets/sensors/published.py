"""From what the published tables were made, as the last materialization of each says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from mlops_assets.metadata import INPUTS_LISTING, REGISTERED
from mlops_assets.naming import (
    CHAMPION_MODEL,
    INPUT_SAMPLES,
    MODEL_EXPLANATIONS,
    PREDICTIONS,
    SAMPLE_EXPLANATIONS,
    ModelNames,
)
from mlops_assets.sensors.moves import version_token

MADE_FROM = {PREDICTIONS: INPUT_SAMPLES, SAMPLE_EXPLANATIONS: INPUT_SAMPLES, MODEL_EXPLANATIONS: SAMPLE_EXPLANATIONS}
# The last of what each job publishes.
TABLES = {"inference": (PREDICTIONS,), "explanations": (PREDICTIONS, SAMPLE_EXPLANATIONS, MODEL_EXPLANATIONS)}


def last_metadata(instance: dg.DagsterInstance, key: dg.AssetKey, name: str) -> object:
    """A metadata value of an asset's last materialization; None: there is none."""
    event = instance.get_latest_materialization_event(key)
    made = None if event is None else event.asset_materialization
    value = None if made is None else made.metadata.get(name)
    return None if value is None else value.value


@dataclass(frozen=True)
class PublishedTables:
    """The last materialization of each of a model's tables, without partitions.

    Attributes
    ----------
    tables
        The tables that are looked at.
    """

    names: ModelNames
    tables: Sequence[str]
    materializations: Mapping[str, dg.AssetMaterialization]

    @classmethod
    def read(
        cls, instance: dg.DagsterInstance, names: ModelNames, job: str, *, all_of_them: bool = True
    ) -> "PublishedTables":
        """One question to the instance.

        Parameters
        ----------
        job
            The job whose tables are looked at: ``inference`` or ``explanations``.
        all_of_them
            Also those that were never published; the predictions are looked at in any case.
        """
        assets = (CHAMPION_MODEL, INPUT_SAMPLES, *TABLES[job])
        entries = [record.asset_entry for record in instance.get_asset_records([names.key(each) for each in assets])]
        by_key = {entry.asset_key: entry.last_materialization for entry in entries}
        last = {asset: event for asset in assets if (event := by_key.get(names.key(asset))) is not None}
        made = {asset: event.asset_materialization for asset, event in last.items()}
        known = {asset: event for asset, event in made.items() if event is not None}
        return cls(names, [table for table in TABLES[job] if all_of_them or table in (PREDICTIONS, *known)], known)

    @property
    def are_there(self) -> bool:
        """Whether all of the tables were ever published."""
        return all(table in self.materializations for table in self.tables)

    @property
    def champion(self) -> str | None:
        """The token of the version that made all of them; None: there are none, or of several versions.

        Without the time of its registration where the run that pinned it did not record that.
        """
        made = {self._champion_of(table) for table in self.tables if table != MODEL_EXPLANATIONS}
        return made.pop() if self.are_there and len(made) == 1 else None

    @property
    def listing(self) -> str | None:
        """The token of the files that the rows were read from; None: nobody knows, or there are no rows."""
        value = self._metadata(INPUT_SAMPLES, INPUTS_LISTING)
        return None if value is None else str(value)

    @property
    def are_of_one_input(self) -> bool:
        """Whether each was made from what is published of the table before it, as far as that is recorded."""
        return all(self._is_of(table, MADE_FROM[table]) for table in self.tables)

    def _champion_of(self, table: str) -> str | None:
        version, digest = self._metadata(table, "model_version"), self._metadata(table, "model_digest")
        if version is None:
            return None
        pinned = self._metadata(CHAMPION_MODEL, "version"), self._metadata(CHAMPION_MODEL, "digest")
        registered = self._metadata(CHAMPION_MODEL, REGISTERED)
        is_known = isinstance(registered, float) and pinned == (version, digest)
        return version_token(int(str(version)), round(float(str(registered)) * 1000) if is_known else None)

    def _is_of(self, table: str, source: str) -> bool:
        made, before = self.materializations.get(table), self.materializations.get(source)
        if made is None or before is None:
            return False
        read = (made.tags or {}).get(f"dagster/input_data_version/{self.names.key(source).to_user_string()}")
        version = (before.tags or {}).get("dagster/data_version")
        return read is None or version is None or read == version

    def _metadata(self, asset: str, key: str) -> object:
        event = self.materializations.get(asset)
        value = event.metadata.get(key) if event is not None else None
        return None if value is None else value.value
