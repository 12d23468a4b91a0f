"""The engine of a model, and where results are kept: from settings to the pure rooms."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.settings.environment import from_environment
from mlops_assets.settings.groups import ResumeSettings, StrategySettings
from mlops_assets.state import state_folder
from mlops_assets.strategies import build_strategy


@dataclass(frozen=True)
class EngineAndStore:
    """Where predictions and explanations are made, and where their results are kept for the next run.

    Attributes
    ----------
    settings
        The engine's `KIND` and arguments.
    resume
        Whether results are kept, where and for how long.
    root
        The project's folder: relative paths start here.
    """

    settings: StrategySettings
    resume: ResumeSettings
    root: Path

    def engine(self) -> Engine:
        """The engine, made with today's environment.

        Raises
        ------
        ConfigurationError
            The engine cannot be found, or does not take these settings.
        """
        return build_strategy(Engine, ENGINES, from_environment(self.settings))

    def store(self) -> ChunkStore | None:
        """The store of results; None: nothing is kept."""
        if not self.resume.enabled:
            return None
        folder = self.root / self.resume.path if self.resume.path else state_folder(self.root) / "cache" / "chunks"
        return ChunkStore(folder, timedelta(days=self.resume.max_age_days), int(self.resume.max_gib * 2**30))
