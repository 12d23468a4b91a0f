"""Of which columns all pairs are computed."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mlops_assets.errors import ConfigurationError, ExplanationError, did_you_mean
from mlops_assets.explain.columns import OUTPUT

_WHERE = "explain.interactions"
_FEWEST = 2


def strongest_columns(explanations: pa.Table, features: Sequence[str], count: int) -> tuple[str, ...]:
    """The input columns that matter most: with the largest mean absolute attribution, summed over the outputs.

    Ties, up to rounding, go to the earlier input column: the choice follows from the ledger alone.

    Parameters
    ----------
    explanations
        A table of `model_explanations`.
    features
        The explained columns, in the signature's order.
    count
        How many; there may be fewer.

    Raises
    ------
    ExplanationError
        The table is of another model's columns, or the model has one column only.
    """
    sizes = dict.fromkeys(features, 0.0)
    columns = explanations.select([OUTPUT, "feature", "mean_abs_shap"]).to_pylist()
    for row in sorted(columns, key=lambda row: str(row[OUTPUT])):
        if row["feature"] not in sizes:
            raise ExplanationError(
                f"model_explanations has the column {row['feature']!r}, which is not explained",
                where="model_explanations",
                fix="Materialize sample_explanations and model_explanations together",
            )
        sizes[row["feature"]] += row["mean_abs_shap"]
    _require_pairs(features)
    values = np.array(list(sizes.values()))
    order = np.argsort(-np.round(values / (values.max(initial=0.0) or 1.0), 9), kind="stable")
    return tuple(features[place] for place in order[:count].tolist())


def named_columns(columns: Sequence[str], features: Sequence[str]) -> tuple[str, ...]:
    """The columns that the settings name.

    Raises
    ------
    ConfigurationError
        The model has no such input column.
    ExplanationError
        The model has one column only.
    """
    _require_pairs(features)
    for name in columns:
        if name not in features:
            raise ConfigurationError(
                f"The model has no input column {name!r}{did_you_mean(name, features)}",
                where=f"{_WHERE}.columns",
                fix="Name columns of the model's signature",
            )
    return tuple(columns)


def _require_pairs(features: Sequence[str]) -> None:
    if len(features) < _FEWEST:
        raise ExplanationError(
            f"Interactions need {_FEWEST} input columns, and the model has {len(features)}",
            where=_WHERE,
            fix="Leave explain.interactions out for this model",
        )
