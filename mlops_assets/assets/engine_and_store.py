"""The engine of a model, and where it keeps results: from settings to the pure rooms."""

from datetime import timedelta
from pathlib import Path

from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import Engine
from mlops_assets.engines.kinds import ENGINES
from mlops_assets.family import Family
from mlops_assets.settings.groups import from_environment
from mlops_assets.state import state_folder
from mlops_assets.strategies import build_strategy

# Of one chunk, where nothing is said: what a killed run loses is seconds of predicting, or of explaining.
PREDICTED_ROWS, EXPLAINED_ROWS = 65_536, 2_048


def engine_of(family: Family) -> Engine:
    """Where this model's predictions and explanations are made.

    Raises
    ------
    ConfigurationError
        The engine cannot be found, or does not take these settings.
    """
    return build_strategy(Engine, ENGINES, from_environment(family.settings.engine))


def chunk_store(family: Family) -> ChunkStore | None:
    """Where results of chunks are kept; None: nowhere."""
    resume = family.settings.resume
    if not resume.enabled:
        return None
    folder = family.root / resume.path if resume.path else state_folder(family.root) / "cache" / "chunks"
    return ChunkStore(Path(folder), timedelta(days=resume.max_age_days), int(resume.max_gib * 2**30))
