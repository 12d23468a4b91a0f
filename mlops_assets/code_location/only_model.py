"""Load one model of a code location, where a command is about one: the others' definitions are not built."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from mlops_assets.settings.model import ModelSettings


@dataclass
class OnlyModel:
    """What is loaded, and what there would be.

    Attributes
    ----------
    model
        What the command calls the model.
    settings
        Those of every model of the code location, by what commands call it.
    """

    model: str
    settings: dict[str, ModelSettings] = field(default_factory=dict)


_only: ContextVar[OnlyModel | None] = ContextVar("only_model", default=None)


@contextmanager
def load_only(model: str) -> Iterator[OnlyModel]:
    """Inside, the components of other models give no definitions."""
    only = OnlyModel(model)
    token = _only.set(only)
    try:
        yield only
    finally:
        _only.reset(token)


def is_wanted(settings: ModelSettings) -> bool:
    """Whether the definitions of a model are to be built; notes that there is this model."""
    only = _only.get()
    if only is None:
        return True
    name = settings.names.name
    only.settings[name] = settings
    return name == only.model
