"""What counts as a reason, and how it is said: the settings of `explain.reasons` as the pure room takes them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Self, cast, get_args

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.errors import ConfigurationError, ExplanationError, list_some
from mlops_assets.explain.reasons.catalogue import Catalogue

Toward = Literal["lower", "higher", "both"]


def _toward(text: str) -> Toward:
    for each in get_args(Toward):
        if each == text:
            return cast("Toward", each)
    raise ValueError(text)


@dataclass(frozen=True)
class Units:
    """What a reason may be, for a model: a group of input columns, or a column that is in none.

    Attributes
    ----------
    names
        In the order of the inputs' columns; a group has the place of its first one.
    members
        The places of each one's columns among the model's.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]

    @property
    def largest(self) -> int:
        """Columns of the largest group."""
        return max(map(len, self.members), default=1)


@dataclass(frozen=True)
class ReasonRules:
    """Which attributions are reasons.

    Attributes
    ----------
    top
        At most so many of each row and output.
    toward
        Only what moves the explained value that way; both: the largest, whichever way.
    groups
        Name -> columns whose attributions are added up to one reason.
    catalogue
        Codes and texts; None: there are none.
    """

    top: int = 4
    toward: Toward = "both"
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    catalogue: Catalogue | None = None

    @cached_property
    def digest(self) -> str:
        """A hash of all of it."""
        catalogue = None if self.catalogue is None else self.catalogue.as_dict()
        return hash_of(json.dumps([self.top, self.toward, dict(self.groups), catalogue], sort_keys=True))

    def to_extra(self) -> dict[str, str]:
        """For `Provenance.extra`: all but the catalogue, of which the hash is part of `reasons`."""
        groups = json.dumps({name: list(columns) for name, columns in self.groups.items()}, sort_keys=True)
        return {
            "reasons_top": str(self.top),
            "reasons_toward": self.toward,
            "reasons_groups": groups,
            "reasons": self.digest,
        }

    @classmethod
    def of_extra(cls, extra: Mapping[str, str]) -> Self:
        """The rules that a table was made by, without their catalogue.

        Raises
        ------
        ExplanationError
            The table does not say.
        """
        try:
            groups = {name: tuple(map(str, columns)) for name, columns in json.loads(extra["reasons_groups"]).items()}
            return cls(int(extra["reasons_top"]), _toward(extra["reasons_toward"]), groups)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise ExplanationError(
                "The table does not say which attributions are reasons",
                where="reasons",
                fix="Materialize reasons again",
            ) from error

    def units(self, features: Sequence[str]) -> Units:
        """What may be a reason for a model with these input columns.

        Raises
        ------
        ConfigurationError
            A group has the name of a column that is not in it.
        """
        group_of = {column: group for group, columns in self.groups.items() for column in columns}
        if conflicts := [name for name in features if name in self.groups and group_of.get(name) != name]:
            raise ConfigurationError(
                f"Groups of reasons have the names of columns that are not in them: {list_some(conflicts)}",
                where="explain.reasons.groups",
                fix="Give the groups other names",
            )
        members: dict[str, list[int]] = {}
        for place, name in enumerate(features):
            members.setdefault(group_of.get(name, name), []).append(place)
        return Units(tuple(members), tuple(map(tuple, members.values())))

    def unknown_columns(self, features: Sequence[str]) -> list[str]:
        """Columns of groups, and entries of the catalogue, that the model does not have."""
        known = {*features, *self.groups}
        named = {column for columns in self.groups.values() for column in columns}
        return sorted((named | set(self.catalogue.entries if self.catalogue else ())) - known)

    def uncatalogued(self, features: Sequence[str]) -> list[str]:
        """Reasons that have no entry of their own in the catalogue."""
        if self.catalogue is None:
            return []
        return [name for name in self.units(features).names if name not in self.catalogue.entries]
