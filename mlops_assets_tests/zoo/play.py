"""Play a case: log its model, pin and load it, and explain and score its rows with the code that the graph runs."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.direct.model import open_model
from mlops_assets.direct.samples import accept_rows
from mlops_assets.direct.settings import DirectSettings
from mlops_assets.direct.tables import open_table
from mlops_assets.engines.local import LocalEngine
from mlops_assets.errors import MlopsAssetsError
from mlops_assets.explain.columns import shap_column
from mlops_assets.explain.compare.stored_predictions import compare_with_stored
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.explainers.parts import TreeLeaf
from mlops_assets.explain.explainers.sum import SumExplainer
from mlops_assets.explain.ledger.explain_table import explain_table
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.scoring.score_table import score_table
from mlops_assets.trees.read import read_ensemble
from mlops_assets_tests.zoo.case import Case, Fitted
from mlops_assets_tests.zoo.games import Game, ensemble_game, interventional, shapley

Floats = NDArray[np.float64]

ASKED_ROWS = 24
_JUDGED_ROWS = 3  # by all subsets
_MOST_PLAYERS = 8


@dataclass(frozen=True)
class Ledger:
    """The rows of a ledger as arrays: (n, features, outputs) and (n, outputs)."""

    values: Floats
    base: Floats
    explained: Floats
    residual: Floats


@dataclass
class Result:
    """What came of a case.

    Attributes
    ----------
    case
        Which one.
    outcome, explainer, space, reason
        As they were; see `Case`.
    gaps
        Comparison -> the largest difference, as a share of the largest explained value (at least 1).
    problem
        What is not as expected; empty: all is.
    """

    case: Case
    outcome: str = ""
    explainer: str = ""
    space: str = ""
    reason: str = ""
    gaps: dict[str, float] = field(default_factory=dict)
    problem: str = ""


def play(case: Case, folder: Path) -> Result:
    """Play one case in an empty folder."""
    fitted, result = case.fit(), Result(case)
    save(fitted, folder / "model")
    asked = fitted.rows.head(ASKED_ROWS) if fitted.asked is None else fitted.asked
    problems: list[str] = []
    try:
        with _home(folder):
            _explain(case, fitted, asked.reset_index(drop=True), folder / "model", result, problems)
    except MlopsAssetsError as error:
        result.outcome, result.reason = "refused", str(error)
    for name in ("outcome", "explainer", "space"):
        expected, actual = getattr(case, name) or "", getattr(result, name)
        if expected != actual:
            problems.append(f"{name} is {actual!r}, expected {expected!r}")
    if case.reason not in result.reason:
        problems.append(f"the reason lacks {case.reason!r}")
    result.problem = "; ".join(problems)
    return result


def save(fitted: Fitted, folder: Path) -> None:
    """Log the model as its library's flavor of MLflow does."""
    import mlflow
    from mlflow.models import infer_signature

    library = type(fitted.model).__module__.partition(".")[0]
    flavor = library if library in ("lightgbm", "xgboost", "catboost") else "sklearn"
    options = dict(fitted.save)
    if flavor in ("sklearn", "lightgbm"):
        options.setdefault("serialization_format", "cloudpickle")
    signature = fitted.signature or infer_signature(as_signed(fitted.rows))
    getattr(mlflow, flavor).save_model(
        fitted.model, folder, signature=signature, pip_requirements=["scikit-learn"], **options
    )


def as_signed(rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` as a signature knows them: categories are what they name."""
    named = {str(name): _named(rows[name]) for name in rows if isinstance(rows[name].dtype, pd.CategoricalDtype)}
    return rows.assign(**named)


def _named(column: pd.Series) -> pd.Series:
    kind = column.cat.categories.dtype
    # Whole numbers of which some are missing are floats to pandas, unless they are asked for.
    return column.astype("Int64" if kind.kind == "i" and column.isna().any() else kind)


def _explain(case: Case, fitted: Fitted, asked: pd.DataFrame, model: Path, result: Result, problems: list[str]) -> None:
    settings = DirectSettings(missing="allow", allow_pickle=True, native_libraries=case.native_libraries, workers=1)
    table = open_table(pa.Table.from_pandas(as_signed(asked), preserve_index=False), settings)
    pinned = open_model(str(model), settings)
    with accept_rows(pinned, table, settings) as accepted:
        explained = explain_table(
            pinned.model,
            accepted.signature,
            accepted.dataset,
            lambda: LocalEngine(1),
            name=case.name,
            settings=ExplainConfig(**case.settings),
            selection=Selection(),
        )
        explainer = explained.explainer
        result.outcome = "sampled" if explainer.KIND == "PermutationExplainer" else "exact"
        result.explainer, result.space, result.reason = explainer.KIND, explainer.space, explainer.reason
        rows = pa.Table.from_batches(explained.batches(), explained.schema)
        ledger = read_ledger(rows, explainer)
        scored = score_table(
            pinned.model, accepted.signature, accepted.dataset, LocalEngine(1), name=case.name, method="predict"
        )
        predictions = scored.stream.read_all()
        stored = compare_with_stored(
            rows.to_batches(),
            predictions.to_batches(),
            explainer.outputs,
            explainer.space,
            model_output_columns(predictions.schema, Provenance.of(accepted.dataset.schema).row_key),
            explainer.decision,
        )
    if stored.different:
        problems.append(f"{stored.different} of {stored.rows} rows explain another prediction than the published one")
    compare(case, fitted, asked, explainer, ledger, result, problems)


def read_ledger(rows: pa.Table, explainer: Explainer) -> Ledger:
    """A ledger's columns as arrays."""
    outputs = len(explainer.outputs)

    def column(name: str) -> Floats:
        return np.asarray(rows[name].to_numpy(), np.float64).reshape(-1, outputs)

    values = np.stack([column(shap_column(feature)) for feature in explainer.features], axis=1)
    return Ledger(values, column("base_value"), column("explained_value"), column("residual"))


def compare(
    case: Case,
    fitted: Fitted,
    asked: pd.DataFrame,
    explainer: Explainer,
    ledger: Ledger,
    result: Result,
    problems: list[str],
) -> None:
    """Fill `result.gaps`, and name those that are too wide."""
    scale = max(1.0, float(np.abs(ledger.explained).max(initial=0.0)))

    def judge(name: str, ours: Floats, theirs: Floats) -> None:
        theirs = np.asarray(theirs, np.float64)
        if ours.shape != theirs.shape:
            problems.append(f"{name}: the shapes are {ours.shape} and {theirs.shape}")
            return
        result.gaps[name] = float(np.abs(ours - theirs).max(initial=0.0)) / scale
        limit = case.tolerance or (2e-5 if explainer.precision == np.float32 else 1e-9)
        if not result.gaps[name] <= limit:
            problems.append(f"{name} differs by {result.gaps[name]:.2g}")

    judge("sum", ledger.base + ledger.values.sum(axis=1), ledger.explained)
    if fitted.margin is not None:
        judge("margin", ledger.explained, _as_columns(fitted.margin(asked)))
    elif result.outcome == "exact":
        problems.append("an exact case names the library's own margin")
    if fitted.contributions is not None:
        values, base = fitted.contributions(asked)
        judge("library", ledger.values, values)
        judge("library's base", ledger.base, np.broadcast_to(base, ledger.base.shape))
    judged = asked.head(_JUDGED_ROWS)
    if fitted.game is None and isinstance(explainer, SumExplainer):
        values, empty = _part_by_part(explainer, judged, asked)
        judge("all subsets", ledger.values[:_JUDGED_ROWS], values)
        judge("empty subset", ledger.base[:_JUDGED_ROWS], empty)
        return
    game = _game(fitted, judged, explainer)
    if game is not None and game.columns <= _MOST_PLAYERS:
        values, empty = shapley(game)
        judge("all subsets", ledger.values[:_JUDGED_ROWS], _last_outputs(values, ledger))
        judge("empty subset", ledger.base[:_JUDGED_ROWS], _last_outputs(empty, ledger))


def _part_by_part(explainer: SumExplainer, judged: pd.DataFrame, asked: pd.DataFrame) -> tuple[Floats, Floats]:
    """Shapley's formula for each of the parts that the model was taken to be the sum of."""
    base = np.tile(explainer.parts.constant, (len(judged), 1))
    values = np.zeros((len(judged), len(explainer.features), base.shape[1]))
    for term in explainer.parts.terms:
        X, design = term.design.matrix(term.design.transform(judged)), term.design
        if isinstance(term.leaf, TreeLeaf):
            game = ensemble_game(term.leaf.ensemble, X, design.sources)
        else:
            names = [str(column) for column in range(X.shape[1])]
            background = pd.DataFrame(design.matrix(design.transform(asked)), columns=names)
            one = interventional(_of_frame(term.leaf.margin), pd.DataFrame(X, columns=names), background)
            game = Game(one.worth, one.columns, design.sources)
        attributions, empty = shapley(game)
        padded = np.zeros((len(judged), design.features, attributions.shape[2]))
        padded[:, : attributions.shape[1]] = attributions
        values, base = values + padded @ term.weights, base + empty @ term.weights
    return values, base


def _of_frame(margin: Callable[[Floats], Floats]) -> Callable[[pd.DataFrame], Floats]:
    return lambda rows: margin(rows.to_numpy(np.float64))


def _game(fitted: Fitted, asked: pd.DataFrame, explainer: Explainer) -> Game | None:
    if fitted.game is not None:
        return fitted.game(asked)
    if explainer.background is not None:
        exact = explainer.KIND != "PermutationExplainer" or not explainer.sampled or asked.shape[1] <= 6
        if fitted.margin is None or not exact:
            return None
        typed = explainer.background[list(asked.columns)].astype(asked.dtypes.to_dict())
        return interventional(lambda rows: _as_columns(fitted.margin(rows)), asked, typed)  # type: ignore[misc]  # not None
    ensemble = read_ensemble(fitted.model)
    return None if ensemble is None else ensemble_game(ensemble.to_log_odds(), _as_numbers(asked))


def _last_outputs(values: Floats, ledger: Ledger) -> Floats:
    """Of both classes of a forest only the second is explained."""
    return values[..., 1:] if ledger.base.shape[1] == 1 and values.shape[-1] == 2 else values


def _as_columns(values: Any) -> Floats:
    values = np.asarray(values, np.float64)
    return values.reshape(len(values), -1)


def _as_numbers(rows: pd.DataFrame) -> Floats:
    return np.column_stack([rows[name].to_numpy(np.float64, na_value=np.nan) for name in rows.columns])


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    before = os.environ.get("MLOPS_ASSETS_HOME")
    os.environ["MLOPS_ASSETS_HOME"] = str(folder / "home")
    try:
        yield
    finally:
        if before is None:
            del os.environ["MLOPS_ASSETS_HOME"]
        else:
            os.environ["MLOPS_ASSETS_HOME"] = before
