"""Whether an explainer's result for a row has the same bits in any company: then its work may be cut anywhere."""

from typing import TYPE_CHECKING

from mlops_assets.explain.explainers.explainer import Explainer, Explanation

if TYPE_CHECKING:
    import pandas as pd

TRIED_ROWS = 4


def has_same_bits_alone(explainer: Explainer, rows: "pd.DataFrame") -> bool:
    """Explain the first rows at once, and again as one row and the others: False where any bit differs.

    That one row is multiplied by other routines than several is where libraries of linear algebra differ first.
    """
    rows = rows.iloc[:TRIED_ROWS]
    if len(rows) < 2:
        return False
    try:
        whole, first, others = (explainer.explain(part) for part in (rows, rows.iloc[:1], rows.iloc[1:]))
    except Exception:  # noqa: BLE001 - an explainer is anybody's code; whoever explains these rows says why it fails
        return False
    return _bits(whole) == tuple(one + other for one, other in zip(_bits(first), _bits(others), strict=True))


def _bits(explanation: Explanation) -> tuple[bytes, ...]:
    parts = (explanation.values, explanation.base, explanation.prediction, explanation.error, explanation.interactions)
    return tuple(b"" if part is None else part.tobytes() for part in parts)
