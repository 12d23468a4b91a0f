"""What another version would have said of one row, and which columns make the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_assets.explain.columns import EXPLAINED_VALUE, OUTPUT, SHAP_PREFIX, SPACE


@dataclass(frozen=True)
class RowChange:
    """One output of a row in two versions.

    Attributes
    ----------
    output
        Its name.
    before, now
        The explained values of the earlier version and of this one.
    space_before, space_now
        Their scales.
    columns
        Input column -> how much its attribution changed, the largest change first; a column that one of the versions
        lacks has no attribution there. Empty where the scales differ.
    base_change, rest_change
        Of the base value, and of what attributions leave. Together with `columns` they are the change exactly.
    only_before, only_now
        Columns that only one of the versions has.
    """

    output: str
    before: float
    now: float
    space_before: str
    space_now: str
    columns: Mapping[str, float]
    base_change: float
    rest_change: float
    only_before: tuple[str, ...] = ()
    only_now: tuple[str, ...] = ()

    @property
    def has_one_scale(self) -> bool:
        """Whether the two values may be compared."""
        return self.space_before == self.space_now


def compare_row(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[RowChange]:
    """The outputs that two ledgers of one row have in common, in the order of `now`.

    Parameters
    ----------
    before, now
        Their rows, in today's columns and with outputs by name.
    """
    earlier = {row[OUTPUT]: row for row in before}
    return [_change(earlier[row[OUTPUT]], row) for row in now if row[OUTPUT] in earlier]


def _change(before: Mapping[str, Any], now: Mapping[str, Any]) -> RowChange:
    old, new = _attributions(before), _attributions(now)
    changes = {name: new.get(name, 0.0) - old.get(name, 0.0) for name in dict.fromkeys((*new, *old))}
    same = before[SPACE] == now[SPACE]
    ordered = sorted(changes.items(), key=lambda item: -abs(item[1])) if same else []
    return RowChange(
        now[OUTPUT],
        before[EXPLAINED_VALUE],
        now[EXPLAINED_VALUE],
        before[SPACE],
        now[SPACE],
        dict(ordered),
        now["base_value"] - before["base_value"],
        now["residual"] - before["residual"],
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
    )


def _attributions(row: Mapping[str, Any]) -> dict[str, float]:
    return {name.removeprefix(SHAP_PREFIX): value for name, value in row.items() if name.startswith(SHAP_PREFIX)}
