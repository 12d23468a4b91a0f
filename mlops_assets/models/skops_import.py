"""Import skops in a quarter of a second, however many modules are imported already."""

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType

_SEARCHING = "skops.io._utils"


def import_skops() -> None:
    """Import skops; where it is not installed, the model that needs it says so.

    When skops is imported it looks for the module of each of four hundred functions of NumPy and SciPy, in all modules
    that there are: seconds in a run, where Dagster and MLflow are imported (skops 0.16, `skops.io._utils.whichmodule`).
    Here it looks into NumPy's and SciPy's first, with the same answers.
    """
    finder = _FinderOfSearch()
    sys.meta_path.insert(0, finder)
    try:
        with suppress(ModuleNotFoundError):
            import skops.io  # noqa: F401 - for its import alone
    finally:
        sys.meta_path.remove(finder)


class _FinderOfSearch(MetaPathFinder):
    """Finds the module of skops that searches, and nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(fullname, path, target) if fullname == _SEARCHING else None
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        return spec_from_file_location(fullname, spec.origin, loader=_Loader(fullname, spec.loader.path))


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        search = getattr(module, "whichmodule", None)
        if callable(search):
            module.whichmodule = search_numpy_first(search)  # type: ignore[attr-defined] # it has this one


def search_numpy_first(search: Callable[[object, str], str]) -> Callable[[object, str], str]:
    """`search`, for what is not found among NumPy's and SciPy's modules, in the order of their imports."""
    modules: dict[str, ModuleType] = {}

    @wraps(search)
    def find_module(obj: object, name: str) -> str:
        if getattr(obj, "__module__", None) is None:
            if not modules:
                modules.update(
                    (module_name, module)
                    for module_name, module in sys.modules.copy().items()
                    if module_name.partition(".")[0] in ("numpy", "scipy") and isinstance(module, ModuleType)
                )
            for module_name, module in modules.items():
                if vars(module).get(name) is obj:
                    return module_name
        return search(obj, name)

    return find_module
