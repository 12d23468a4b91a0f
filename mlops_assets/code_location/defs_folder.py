"""Load a project's defs folder so that one broken YAML does not hide the others."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import dagster as dg
from dagster.components.core.component_tree import ComponentTree
from dagster.components.core.context import ComponentDeclLoadContext
from dagster.components.core.decl import (
    ComponentDecl,
    ComponentLoaderDecl,
    DefsFolderDecl,
    build_filesystem_component_decl_from_context,
)
from dagster.components.core.defs_module import (
    EXPLICITLY_IGNORED_GLOB_PATTERNS,
    ComponentLoc,
    ComponentPath,
    find_defs_or_component_yaml,
)

from mlops_assets.code_location.broken_yaml import Broken, describe_broken
from mlops_assets.code_location.only_model import is_one_model_loaded
from mlops_assets.errors import ConfigurationError
from mlops_assets.plain_yaml import holds_endless_number

# `dg check defs` and `dagster definitions validate` set it, so that code can tell that it is being checked.
VALIDATION = "DAGSTER_IS_DEFS_VALIDATION_CLI"


def load_from_defs_folder(*, path_within_project: Path, strict: bool | None = None) -> dg.Definitions:
    """`dagster.load_from_defs_folder`, where each YAML loads by itself.

    A YAML that cannot be loaded is logged as an error with its file, line and reason, and becomes one asset
    ``<folder>/broken_definition`` in the group ``broken_definitions``, which says the same; all others load and work.
    Python files of the folder are shared by all, and fail all.

    Parameters
    ----------
    path_within_project
        As for Dagster: the folder with the project's configuration, or one below it.
    strict
        Fail instead, naming every broken YAML. None: in ``dg check defs``, and nowhere else.

    Raises
    ------
    ConfigurationError
        `strict`, and something is broken.
    """
    strict = os.environ.get(VALIDATION) == "1" if strict is None else strict
    tree = _Tree.for_project(path_within_project)
    with _as_dagster_does():
        # Dagster adds definitions that hold the schemas of all installed components, for its UI: to make them,
        # every public name of every package is imported.
        folder = ComponentPath.from_path(tree.defs_module_path)
        definitions = tree.build_defs(folder if is_one_model_loaded() else None)
    broken_files = sorted(tree.broken_components.values(), key=str)
    if broken_files and strict:
        raise ConfigurationError(
            f"Of the YAML files in the defs folder cannot be loaded: {len(broken_files)}\n"
            + "\n".join(map(str, broken_files))
        )
    for broken_file in broken_files:
        logging.getLogger("mlops_assets").error("A definition cannot be loaded, the others are: %s", broken_file)
    return definitions


class _Tree(ComponentTree):
    """Dagster's tree of components, with `Broken` in the place of what fails."""

    @cached_property
    def broken_components(self) -> dict[ComponentLoc, Broken]:
        """What could not be loaded, by its place."""
        return {}

    def load_structural_component_at_loc(self, loc: Any) -> dg.Component:
        place = self._resolve_to_loc(loc)
        if place in self.broken_components:
            return self.broken_components[place]
        try:
            return super().load_structural_component_at_loc(place)
        except Exception as error:
            if not _is_yaml(place):
                raise
            return self._note(place, error)

    def build_defs_at_path(self, loc: Any) -> dg.Definitions:
        place = self._resolve_to_loc(loc)
        if place not in self.broken_components:
            try:
                return super().build_defs_at_path(place)
            except Exception as error:
                if not _is_yaml(place):
                    raise
                self._note(place, error)
        return self.broken_components[place].build_defs(self.load_context)

    def _get_filesystem_decl(self) -> ComponentDecl[Any]:
        try:
            for path in self.defs_module_path.rglob("*.yaml"):
                _refuse_endless_numbers(ComponentPath.from_path(path.parent))
            return super()._get_filesystem_decl()
        except Exception:  # noqa: BLE001 - looked at again file by file: what is broken is noted, the rest raises again
            place = ComponentPath.from_path(self.defs_module_path)
            declared = self._declared(self.decl_load_context.for_component_loc(place))
            assert declared is not None
            self.state_tracker.set_cache_data(place, component_decl=declared)
            return declared

    def _declared(self, context: ComponentDeclLoadContext) -> ComponentDecl[Any] | None:
        """As Dagster declares a folder, but each YAML by itself."""
        place = ComponentPath.from_path(context.path)
        if _is_yaml(place):
            try:
                _refuse_endless_numbers(place)
                return build_filesystem_component_decl_from_context(context)
            except Exception as error:  # noqa: BLE001 - noted, and reported by the component in its place
                noted = self._note(place, error)

                def in_its_place(_context: ComponentDeclLoadContext) -> dg.Component:
                    return noted

                return ComponentLoaderDecl(context=context, loc=place, component_node_fn=in_its_place)
        if not context.path.is_dir():
            return build_filesystem_component_decl_from_context(context)
        children = {}
        for path in sorted(context.path.iterdir()):
            if any(path.relative_to(context.path).match(pattern) for pattern in EXPLICITLY_IGNORED_GLOB_PATTERNS):
                continue
            child = self._declared(context.for_component_loc(ComponentPath.from_path(path)))
            if child is not None:
                children[path] = child
        if not children:
            return None
        return DefsFolderDecl(
            context=context, loc=place, children=children, source_tree=None, component_file_model=None
        )

    def _declarations(self) -> dict[ComponentLoc, ComponentDecl[Any]]:
        """What is declared, by its place; nothing as long as the folder is still being looked through."""
        declared = self.state_tracker.get_cache_data(ComponentPath.from_path(self.defs_module_path)).component_decl
        return dict(declared.iterate_loc_component_decl_pairs()) if declared is not None else {}

    def _note(self, place: ComponentPath, error: Exception) -> Broken:
        file = find_defs_or_component_yaml(place.file_path)
        assert file is not None
        folder = list(place.file_path.relative_to(self.defs_module_path).parts) or [self.defs_module_path.name]
        if place.instance_key:
            folder.append(str(place.instance_key))
        document = getattr(self._declarations().get(place), "source_tree", None)
        self.broken_components[place] = describe_broken(error, file, self.project_root, folder, document)
        return self.broken_components[place]


def _refuse_endless_numbers(place: ComponentPath) -> None:
    """Dagster's reader of YAML takes the square of a number's length."""
    file = find_defs_or_component_yaml(place.file_path)
    if file is not None and holds_endless_number(file.read_text("utf-8", errors="replace")):
        raise ConfigurationError(
            "A number has too many parts between colons", where=str(file), fix="Write it in quotes, if it is a text"
        )


def _is_yaml(place: ComponentLoc) -> TypeGuard[ComponentPath]:
    return isinstance(place, ComponentPath) and find_defs_or_component_yaml(place.file_path) is not None


@contextmanager
def _as_dagster_does() -> Iterator[None]:
    """Dagster's own loader keeps quiet about the age of the functions that it calls itself."""
    with warnings.catch_warnings():
        for category in (dg.PreviewWarning, dg.BetaWarning, dg.SupersessionWarning):
            warnings.simplefilter("ignore", category)
        yield
