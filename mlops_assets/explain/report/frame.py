"""The frame of a chart of values against values: axes with round numbers, grid lines and names of both axes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlops_assets.explain.report.formatting import NAME_LENGTH, number, shorten
from mlops_assets.explain.report.marks import Anchor, Label
from mlops_assets.trees.arrays import Floats

_WIDTH, _HEIGHT = 380, 230  # close to a phone's width, so that the text keeps its size there
_TOP, _BOTTOM, _RIGHT = 26, 40, 10
_CHARACTER = 6.2  # width of one, about


def round_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` + 1 round numbers from `low` to `high`."""
    least = (high - low) / count
    if not np.isfinite(least) or least < 1e-300:
        return []
    power = 10.0 ** np.floor(np.log10(least))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if power * factor >= least)
    return [step * place for place in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


@dataclass(frozen=True)
class Frame:
    """Where values lie in a chart, and its axes.

    Attributes
    ----------
    across, down
        The lowest and the highest value of each axis.
    left
        Free space for the numbers of the vertical axis.
    ruling
        The grid lines, as a path.
    labels
        Numbers and names of the axes.
    """

    across: tuple[float, float]
    down: tuple[float, float]
    left: float
    ruling: str
    labels: tuple[Label, ...]
    width: int = _WIDTH
    height: int = _HEIGHT

    @property
    def bottom(self) -> float:
        return self.height - _BOTTOM

    def x(self, values: Floats) -> Floats:
        """Horizontal positions."""
        return self.left + _shares(values, *self.across) * (self.width - _RIGHT - self.left)

    def y(self, values: Floats) -> Floats:
        """Vertical positions."""
        return self.bottom - _shares(values, *self.down) * (self.bottom - _TOP)


def make_frame(
    across: tuple[float, float],
    down: tuple[float, float],
    across_name: str,
    down_name: str,
    ticks: Sequence[tuple[float, str]] | None = None,
) -> Frame:
    """A frame.

    Parameters
    ----------
    across, down
        The lowest and the highest value of each axis; equal ones are moved apart.
    ticks
        Places with their names on the horizontal axis; None: round numbers.
    """
    across, down = _apart(*across), _apart(*down)
    heights = [(tick, number(tick, 3)) for tick in round_ticks(*down, 4)]
    left = 12 + _CHARACTER * max([len(text) for _, text in heights], default=2)
    empty = Frame(across, down, left, "", ())
    ruling, labels = "", [Label(2, 11, shorten(down_name, NAME_LENGTH + 8), kind="soft")]
    for tick, text in heights:
        y = float(empty.y(np.array(tick)))
        ruling += f"M{left:.1f} {y:.1f}H{_WIDTH - _RIGHT}"
        labels.append(Label(left - 6, y + 4, text, "end"))
    for tick, text in _numbers(across, left) if ticks is None else ticks:
        x = float(empty.x(np.array(tick)))
        half = len(text) * _CHARACTER / 2
        anchor: Anchor = "start" if x - half < left - 12 else "end" if x + half > _WIDTH else "middle"
        labels.append(Label(min(x, _WIDTH - 2.0), _HEIGHT - _BOTTOM + 15, text, anchor))
    middle = (left + _WIDTH - _RIGHT) / 2
    labels.append(Label(middle, _HEIGHT - 8, shorten(across_name, NAME_LENGTH), "middle", "soft"))
    return Frame(across, down, left, ruling, tuple(labels))


def _numbers(across: tuple[float, float], left: float) -> list[tuple[float, str]]:
    """As many round numbers as have room beside each other."""
    low, high = across
    # Where the digits that differ are many, all of them are shown.
    apart = np.log10(max(abs(low), abs(high))) - np.log10(high / 2 - low / 2)
    digits = int(np.clip(np.ceil(apart) + 3, 4, 12))
    for count in (5, 4, 3, 2):
        named = [(tick, number(tick, digits)) for tick in round_ticks(low, high, count)]
        if sum(len(text) + 2 for _, text in named) * _CHARACTER < _WIDTH - left:
            break
    return named or [(low, number(low)), (high, number(high))]


def _apart(low: float, high: float) -> tuple[float, float]:
    if high > low:
        return low, high
    reach = max(0.5, abs(low) * 1e-9)
    return low - reach, high + reach


def _shares(values: Floats, low: float, high: float) -> Floats:
    # By halves, as the distance of two numbers may be none.
    return (values / 2 - low / 2) / (high / 2 - low / 2)
