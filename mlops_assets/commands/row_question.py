"""What `decision` and `verify` ask about one published row: without the definitions where that suffices."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mlops_assets.journal.journal import Journal
    from mlops_assets.naming import ModelNames
    from mlops_assets.receipts import PublishedTables, Versions

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class RowQuestion:
    """A row, and what is asked to explain it again.

    Attributes
    ----------
    names, tables, open_journal
        The model's names, its published tables, and its journal.
    versions
        Prepares versions of the model.
    key, partition
        The row key, column by column, and the partition of the tables.
    """

    names: "ModelNames"
    tables: "PublishedTables"
    open_journal: "Callable[[], Journal]"
    versions: "Versions"
    key: Mapping[str, str]
    partition: str | None


def ask_lightly(chosen: argparse.Namespace, answer: Callable[[RowQuestion], _Answer]) -> _Answer | None:
    """The answer without Dagster, MLflow and the model's library; None where these are needed."""
    from mlops_assets.code_location.light_model import find_light_model
    from mlops_assets.code_location.open_location import open_code_location
    from mlops_assets.light_receipts import LightVersions
    from mlops_assets.models.light.errors import NotLightError
    from mlops_assets.receipts import parse_key

    try:
        with open_code_location(chosen.module) as location:
            model = find_light_model(location, chosen.model)
            key = parse_key(chosen.row_key, model.tables, chosen.partition)
            versions = LightVersions(model)
            return answer(
                RowQuestion(model.names, model.tables, lambda: model.journal, versions, key, chosen.partition)
            )
    except NotLightError:
        return None


def ask_by_definitions(
    chosen: argparse.Namespace, show: Callable[[str], None], doing: str, answer: Callable[[RowQuestion], _Answer]
) -> _Answer:
    """The answer with the definitions and models of the code location; `doing` is shown once these are loaded."""
    from mlops_assets.models.skops_import import import_skops

    import_skops()
    from mlops_assets.code_location.model_resources import open_model
    from mlops_assets.receipts import RegisteredVersions, parse_key

    with open_model(chosen.module, chosen.model, lambda names: {names.tables, names.champion_store}) as opened:
        tables = opened.resources[opened.names.tables]
        key = parse_key(chosen.row_key, tables, chosen.partition)
        show(doing)
        versions = RegisteredVersions(opened.names, opened.resources, chosen.partition)
        journal = opened.journal_resource
        return answer(RowQuestion(opened.names, tables, journal.open, versions, key, chosen.partition))
