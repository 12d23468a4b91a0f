"""The first features of a ledger as bars, in so few bytes that a page shows the picture without a click."""

from collections.abc import Sequence

from mlops_assets.explain.report.formatting import shorten
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.spaces import SPACES
from mlops_assets.trees.arrays import Space

_LEFT, _WIDTH, _STEP = 170, 120, 16


def top_features_svg(
    features: Sequence[tuple[str, float]], space: Space, most_bytes: int, measure: str = "mean |SHAP|"
) -> bytes:
    """Bars of the largest sizes, with what they are and the unit above, in at most `most_bytes`.

    Parameters
    ----------
    features
        Names with their size, the largest first; as many of the first are shown as there is room for.
    space
        The unit of the sizes.
    measure
        What they are.
    most_bytes
        Of the SVG; 400 hold any one feature.
    """
    for count in range(len(features), 0, -1):
        picture = _draw(features[:count], space, measure)
        if len(picture) <= most_bytes:
            return picture
    return _draw([], space, measure)


def _draw(features: Sequence[tuple[str, float]], space: Space, measure: str) -> bytes:
    largest = max((size for _, size in features), default=0.0)
    places = [(name, size, (place + 1) * _STEP) for place, (name, size) in enumerate(features)]
    bars = (
        f"M{_LEFT} {y + 2}h{round(_WIDTH * size / largest) if largest > 0 else 0}v11H{_LEFT}" for _, size, y in places
    )
    return render(
        "top_features.svg.jinja",
        height=(len(features) + 1) * _STEP,
        caption=f"{measure} ({SPACES[space].axis})",
        rows=[{"name": shorten(name), "y": y + 11} for name, _, y in places],
        bars="".join(bars),
    ).encode()
