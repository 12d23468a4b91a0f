"""Small seeded tables and targets."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS = 120


def numbers(rows: int = ROWS, columns: int = 4, *, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    """Doubles on a grid (so that rows are on thresholds), named a, b, c, ...; a tenth missing where asked for."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(rows, columns)).round(1)
    if missing:
        values[random.random(values.shape) < 0.1] = np.nan
    return pd.DataFrame(values, columns=[chr(ord("a") + place) for place in range(columns)])


def mixed(rows: int = ROWS, *, missing: bool = False, seed: int = 0) -> pd.DataFrame:
    """Doubles, categories of text, categories of whole numbers and booleans."""
    random = np.random.default_rng(seed)
    frame = numbers(rows, 2, missing=missing, seed=seed)
    cities = random.choice(["Bern", "Graz", "Kiel", "Wien", "Zug"], rows)
    return pd.DataFrame(
        {
            "a": frame["a"],
            "city": pd.Categorical(cities),
            "grade": pd.Categorical(random.choice([3, 5, 7], rows)),
            "b": frame["b"] + 2.0 * (cities == "Wien") - (cities == "Graz"),
            "member": random.random(rows) > 0.5,
        }
    )


def target(rows: pd.DataFrame, kind: str, seed: int = 1) -> NDArray[Any]:
    """What is predicted, from the first columns and some noise.

    `number`, `count` (from 0 up), `positive`, `binary` (no, yes), `codes` (0, 1), `booleans`, `one class`, `classes`
    (low, middle, high), `class codes` (0, 1, 2), `numbers` (two columns), `labels` (three columns of 0 and 1),
    `several texts` (two columns).
    """
    known = rows.select_dtypes("number").fillna(0.0).to_numpy(np.float64)
    number = known[:, 0] * known[:, 1] + known[:, -1] + np.random.default_rng(seed).normal(0, 0.1, len(rows))
    ranks = np.digitize(number, np.quantile(number, [1 / 3, 2 / 3]))
    targets: dict[str, Any] = {
        "number": number,
        "count": np.round(np.exp(number / 2)),
        "positive": np.exp(number / 2),
        "binary": np.where(number > np.median(number), "yes", "no"),
        "codes": (number > np.median(number)).astype(int),
        "booleans": number > np.median(number),
        "one class": np.full(len(rows), "only"),
        "several texts": np.column_stack(
            [np.array(["low", "middle", "high"])[ranks], np.where(known[:, 1] > 0, "yes", "no")]
        ),
        "classes": np.array(["low", "middle", "high"])[ranks],
        "class codes": ranks,
        "numbers": np.column_stack([number, known[:, 1] - number]),
        "labels": np.column_stack([number > 0, known[:, 1] > 0, ranks == 1]).astype(int),
    }
    return np.asarray(targets[kind])
