"""The catalogue of reasons: which code and which approved text belong to a column, or to a group of columns."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import yaml

from mlops_assets.errors import ConfigurationError, list_some
from mlops_assets.explain.ledger.row_filter import RowFilter
from mlops_assets.plain_yaml import load_yaml

_KEYS = ("when", "code", "text")
# Line breaks and tabs are text; what steers a terminal, or no text can hold, is not.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_FORM = "{code: R01, text: Income is low}, or a list of such with `when: income < 20000`, the last one without"


@dataclass(frozen=True)
class Entry:
    """A code and a text.

    Attributes
    ----------
    when
        A condition on the value of the column, or of the group's columns, as `RowFilter` takes it; None: any value.
    """

    code: str
    text: str
    when: str | None = None


@dataclass(frozen=True)
class Catalogue:
    """What is said of each reason; nothing can be without a text.

    Attributes
    ----------
    entries
        Column or group -> its entries, of which the first applies whose condition is true; the last has none.
    otherwise
        Of every column and group without an entry.
    """

    entries: Mapping[str, tuple[Entry, ...]]
    otherwise: Entry

    def of(self, name: str) -> tuple[Entry, ...]:
        """The entries of a column or group."""
        return self.entries.get(name, (self.otherwise,))

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        entries = {name: [asdict(entry) for entry in each] for name, each in self.entries.items()}
        return {"reasons": entries, "otherwise": asdict(self.otherwise)}


def parse_catalogue(text: str, groups: Mapping[str, Sequence[str]], where: str) -> Catalogue:
    """A catalogue from its YAML.

    Parameters
    ----------
    groups
        Group -> its columns, of `explain.reasons.groups`.
    where
        The file, for messages.

    Raises
    ------
    ConfigurationError
        The text is no catalogue; a key occurs twice; a group or a value has no entry; an entry or a condition can never
        apply.

    Examples
    --------
    >>> catalogue = parse_catalogue(
    ...     "reasons: {age: {code: R1, text: Age}}\\notherwise: {code: R9, text: Other}", {}, "reasons.yaml"
    ... )
    >>> catalogue.of("age")[0].code, catalogue.of("income")[0].code
    ('R1', 'R9')
    """
    try:
        content = load_yaml(text, unique_keys=True)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(
            f"The catalogue of reasons cannot be read as YAML: {' '.join(str(error).split())}",
            where=where,
            fix="Correct it",
        ) from error
    if not isinstance(content, dict) or set(content) != {"reasons", "otherwise"}:
        raise ConfigurationError(
            "The catalogue of reasons needs the keys `reasons` and `otherwise`, and no others",
            where=where,
            fix="Write under `reasons` an entry for each column or group, and under `otherwise` the code and text of"
            " those without one",
        )
    reasons = {} if content["reasons"] is None else content["reasons"]
    if not isinstance(reasons, dict) or not all(isinstance(name, str) for name in reasons):
        raise ConfigurationError("`reasons` maps columns and groups to entries", where=where, fix=f"Write {_FORM}")
    _refuse_gaps(reasons, groups, where)
    entries = {
        name: _entries(value, groups.get(name, (name,)), f"{where}, reasons.{name}") for name, value in reasons.items()
    }
    (otherwise,) = _entries(content["otherwise"], (), f"{where}, otherwise", most=1)
    return Catalogue(entries, otherwise)


def _refuse_gaps(reasons: Mapping[str, Any], groups: Mapping[str, Sequence[str]], where: str) -> None:
    if missing := [group for group in groups if group not in reasons]:
        raise ConfigurationError(
            f"The catalogue of reasons has no entry for the groups {list_some(missing)}",
            where=where,
            fix="Add an entry for each group of explain.reasons.groups",
        )
    grouped = {column for columns in groups.values() for column in columns}
    if unused := sorted(grouped & set(reasons) - set(groups)):
        raise ConfigurationError(
            f"The columns {list_some(unused)} are in groups, so their entries are never used",
            where=where,
            fix="Write an entry for the group, with conditions on its columns",
        )


def _entries(value: Any, columns: Sequence[str], where: str, most: int = 1_000) -> tuple[Entry, ...]:
    listed = value if isinstance(value, list) else [value]
    if not 0 < len(listed) <= most:
        raise ConfigurationError(f"There are {len(listed)} entries", where=where, fix=f"Write {_FORM}")
    entries = tuple(_entry(each, columns, where) for each in listed)
    conditions: dict[str, int] = {}
    for number, entry in enumerate(entries, 1):
        if (
            entry.when is not None
            and (first := conditions.setdefault(RowFilter(entry.when).normalized, number)) != number
        ):
            raise ConfigurationError(
                f"Entry {number} has the condition of entry {first} (`{entry.when}`), so it is never used",
                where=where,
                fix="Correct the condition, or remove the entry",
            )
        if (entry.when is None) != (number == len(entries)):
            raise ConfigurationError(
                "A value that no condition takes would have no text"
                if entry.when is not None
                else f"Entry {number} applies to every value, so those after it are never used",
                where=where,
                fix="Write the entry without `when` last",
            )
    return entries


def _entry(value: Any, columns: Sequence[str], where: str) -> Entry:
    if not isinstance(value, dict) or not {"code", "text"} <= set(value) <= set(_KEYS):
        raise ConfigurationError("An entry is not a code and a text", where=where, fix=f"Write {_FORM}")
    if not all(isinstance(value[key], str) and value[key].strip() for key in value):
        raise ConfigurationError("code, text and when are texts that are not empty", where=where, fix="Quote them")
    if unprintable := [key for key in value if _CONTROL.search(value[key])]:
        raise ConfigurationError(
            f"{' and '.join(unprintable)} of an entry hold a control character, or half of a surrogate pair",
            where=where,
            fix="Write text; lines may be broken",
        )
    when = value.get("when")
    if when is not None:
        _check_condition(when, columns, where)
    return Entry(value["code"], value["text"], when)


def _check_condition(when: str, columns: Sequence[str], where: str) -> None:
    try:
        names = RowFilter(when).columns
    except ConfigurationError as error:
        raise ConfigurationError(f"{error.what} (`{when}`)", where=where, fix=error.fix) from error
    if not names or not names <= set(columns):
        raise ConfigurationError(
            f"`{when}` is no condition on {list_some(columns) or 'a column'}",
            where=where,
            fix="Compare the value of the column itself, or of a column of the group",
        )
