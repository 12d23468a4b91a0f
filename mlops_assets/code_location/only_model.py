"""Load one model of a code location, where a command is about one: the others' definitions are not built."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_assets.errors import ConfigurationError

if TYPE_CHECKING:
    from mlops_assets.settings.model import ModelSettings


@dataclass
class OnlyModel:
    """What is loaded, and what there would be.

    Attributes
    ----------
    model
        What the command calls the model: its name here, or that of the registered model.
    settings
        Those of every model of the code location, by its name.
    """

    model: str
    settings: "dict[str, ModelSettings]" = field(default_factory=dict)

    def find(self) -> "ModelSettings | None":
        """The settings of the model that is called so; None where the definitions were not made by the component.

        Raises
        ------
        ConfigurationError
            The registered model has several names here, and none of them is its own.
        """
        if self.model in self.settings:
            return self.settings[self.model]
        names = [name for name, each in self.settings.items() if each.registered_model == self.model]
        if len(names) > 1:
            raise ConfigurationError(
                f"The model {self.model!r} has several names here", fix=f"Use one of: {', '.join(sorted(names))}"
            )
        return self.settings[names[0]] if names else None


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


def is_one_model_loaded() -> bool:
    """Whether a command is about one model, and nobody will ask for the rest of the code location."""
    return _only.get() is not None


def is_wanted(settings: "ModelSettings") -> bool:
    """Whether the definitions of a model are to be built; notes that there is this model."""
    only = _only.get()
    if only is None:
        return True
    name = settings.names.name
    only.settings[name] = settings
    return only.model in (name, settings.registered_model)
