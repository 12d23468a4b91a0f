"""Two YAMLs of one code location whose assets and jobs would have the same names, or whose tables the same place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import dagster as dg

from mlops_assets.errors import ConfigurationError
from mlops_assets.settings.model import ModelSettings
from mlops_assets.settings.tables import OutputsSettings, database_setting


@dataclass(frozen=True)
class Entry:
    """What one YAML has reserved.

    Attributes
    ----------
    name, slug
        What its assets and jobs are named after, and the start of the jobs' names.
    tables
        Where its tables are: a folder, and a part of a database.
    place
        The YAML.
    """

    name: str
    slug: str
    tables: frozenset[str]
    place: str


# By the YAML, for each tree of components that is being loaded.
_BUILT: "WeakKeyDictionary[object, dict[str, Entry]]" = WeakKeyDictionary()


@contextmanager
def reserve_names(
    settings: ModelSettings, root: Path, context: dg.ComponentLoadContext, *, of_model: str | None = None
) -> Iterator[None]:
    """Around the building of a model's definitions. Dagster's own error would name an asset key, and neither file.

    Parameters
    ----------
    of_model
        The registered model, where the YAML is about several.

    Raises
    ------
    ConfigurationError
        Definitions with these names, or with tables in this place, were built from another YAML.
    """
    built = _BUILT.setdefault(context.component_tree.state_tracker, {})
    names = settings.names
    entry = Entry(names.name, names.slug, _tables_of(settings.outputs, root), _place(context, of_model))
    for other in built.values():
        if other.place != entry.place:
            _check_names(entry, other)
            _check_tables(entry, other)
    yield
    built[entry.place] = entry


def _check_names(entry: Entry, other: Entry) -> None:
    if entry.slug != other.slug:
        return
    raise ConfigurationError(
        f"The name {entry.name!r} is used in {entry.place} and in {other.place}"
        if entry.name == other.name
        else f"{entry.name!r} in {entry.place} and {other.name!r} in {other.place} would both be called {entry.slug!r}",
        fix=f"Give one of the two another name, `name: {entry.slug}_2` for example, and an outputs.path of its own",
    )


def _check_tables(entry: Entry, other: Entry) -> None:
    for place in sorted(entry.tables & other.tables):
        raise ConfigurationError(
            f"{entry.place} and {other.place} would overwrite each other's tables in {place}",
            fix="Give each an outputs.path of its own, and with `format: sql` also an outputs.prefix or schema",
        )


def _tables_of(outputs: OutputsSettings, root: Path) -> frozenset[str]:
    """The places of the tables; no secret is in them."""
    folder = outputs.address(root).rstrip("/")
    if outputs.database is None:
        return frozenset({folder})
    database = str(database_setting(outputs.database)["database"])
    tables = ", ".join(part for part in (database, outputs.database_schema, outputs.prefix) if part)
    return frozenset({folder, tables})


def _place(context: dg.ComponentLoadContext, of_model: str | None) -> str:
    place = yaml_of(context)
    return place if of_model is None else f"{place} (model {of_model!r})"


def yaml_of(context: dg.ComponentLoadContext) -> str:
    """The YAML, with the document's number where it is not the first; or what Dagster calls another place."""
    name = context.component_loc.get_display_key(context.defs_module_path)
    folder, _, number = name.partition("[")
    if not number.removesuffix("]").isdigit():
        # A Python file is numbered by its functions' names.
        return name
    root = context.project_root
    at = context.defs_module_path / folder / "defs.yaml"
    file = (at.relative_to(root) if at.is_relative_to(root) else at).as_posix()
    return file if number == "0]" else f"{file} (document {int(number[:-1]) + 1})"
