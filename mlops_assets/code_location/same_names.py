"""Two models of one code location whose assets and jobs would have the same names."""

from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import dagster as dg

from mlops_assets.errors import ConfigurationError
from mlops_assets.naming import ModelNames

# The models that were built, by their slugs, for each tree of components that is being loaded: model and place.
_BUILT: "WeakKeyDictionary[object, dict[str, tuple[str, str]]]" = WeakKeyDictionary()


@contextmanager
def reserve_names(model: str, context: dg.ComponentLoadContext) -> Iterator[None]:
    """Around the building of a model's definitions. Dagster's own error would name an asset key, and neither file.

    Raises
    ------
    ConfigurationError
        A model with these names was built from another YAML.
    """
    slug, built = ModelNames(model).slug, _BUILT.setdefault(context.component_tree.state_tracker, {})
    here = _place(context)
    other, other_place = built.get(slug, (model, here))
    if other_place != here:
        raise ConfigurationError(
            f"The model {model!r} is in {here} and in {other_place}"
            if other == model
            else f"The models {model!r} in {here} and {other!r} in {other_place} would both be called {slug!r}",
            fix="Keep one of the two: names of assets and jobs occur once in a code location",
        )
    yield
    built[slug] = (model, here)


def _place(context: dg.ComponentLoadContext) -> str:
    """The YAML, with the document's number where it is not the first; or what Dagster calls another place."""
    name = context.component_loc.get_display_key(context.defs_module_path)
    folder, bracket, number = name.partition("[")
    if not bracket:
        return name
    root = context.project_root
    at = context.defs_module_path / folder / "defs.yaml"
    file = (at.relative_to(root) if at.is_relative_to(root) else at).as_posix()
    return file if number == "0]" else f"{file} (document {int(number[:-1]) + 1})"
