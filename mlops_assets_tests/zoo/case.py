"""What a case of the zoo is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mlops_assets.trees.arrays import Space
from mlops_assets_tests.zoo.games import Game

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

Floats = NDArray[np.float64]
Outcome = Literal["exact", "sampled", "refused"]


@dataclass(frozen=True)
class Fitted:
    """A fitted model and its referees.

    Attributes
    ----------
    model
        As it is logged.
    rows
        What it was fitted on: few rows of few columns. In the table that is scored, categories are text.
    asked
        The rows that are scored and explained, in the types of `rows`; None: the first of `rows`.
    margin
        Rows (as `asked` has them) -> (n, outputs): what the library itself says, in the case's space.
    contributions
        Rows -> (n, columns, outputs) and (n, outputs) or (outputs,): the library's own attributions and base.
    game
        Rows -> the game whose Shapley values the explainer promises. None: where it compares with a background, that of
        `margin` against this background; else that of the trees which `read_ensemble` reads.
    signature
        None: inferred from `rows`.
    save
        Options of MLflow's `save_model`.
    """

    model: Any
    rows: pd.DataFrame
    asked: pd.DataFrame | None = None
    margin: Callable[[pd.DataFrame], Floats] | None = None
    contributions: Callable[[pd.DataFrame], tuple[Floats, Floats]] | None = None
    game: Callable[[pd.DataFrame], Game] | None = None
    signature: "ModelSignature | None" = None
    save: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One model of the zoo, and what is expected of it.

    Attributes
    ----------
    name
        Unique.
    library
        As the docs name it: scikit-learn, LightGBM, XGBoost, CatBoost.
    family
        The row of the docs' table that it belongs to.
    fit
        Seeded: the same model each time.
    outcome
        `exact`; `sampled`: only its predictions are asked, which is exact up to six columns; `refused`: an error of
        this package.
    explainer, space
        The explainer that is chosen, and the scale of its attributions. Empty where it is refused.
    reason
        Must be part of the explainer's reason, or of the error.
    tolerance
        Of all comparisons, as a share of the largest explained value; None: by the explainer's precision.
    quick
        Part of the fast tests.
    settings
        Of `ExplainConfig`, where they are not the defaults.
    native_libraries
        Its file cannot be checked, and is loaded all the same.
    """

    name: str
    library: str
    family: str
    fit: Callable[[], Fitted]
    outcome: Outcome = "exact"
    explainer: str = ""
    space: Space | None = None
    reason: str = ""
    tolerance: float | None = None
    quick: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    native_libraries: bool = False
