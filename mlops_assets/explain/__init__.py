"""Why a model says what it says: explainers, ledgers, reports, comparisons.

`mlops_assets.explain(model, table)` is a function of the public API as well, which has its home above this room. Once
anything of the room is imported, Python binds its name to the module: so the module can be called.
"""

import sys
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return self.__wrapped__(*arguments, **settings)

    @property
    def __wrapped__(self) -> Any:
        """The public function; `inspect.signature` looks here."""
        return sys.modules[__name__.rpartition(".")[0]].__getattr__("explain")


sys.modules[__name__].__class__ = _Room
