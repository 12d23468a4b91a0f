"""Models that are no trees: ``python -m mlops_assets_tests.benchmarks.permutation [--rows 8] [--seeds 4]``.

Each model is fitted on seeded data, and rows are explained against 50 background rows by walks that ask the model
(`PermutationExplainer`, two pairs per background row) and by what is chosen without a `KIND`. The truth is exact where
all coalitions can be evaluated, else the mean of many times as many walks.

Columns: how the model is explained; the error's root mean square per attribution, as a share of the attributions' root
mean square; the mean squared error divided by that of the walks that ask the model; predictions that the model is asked
for a row; rows per processor second; and how many of the 95 % intervals around an attribution hold its true value, each
by its own standard error.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from mlops_assets.errors import NotApplicableError
from mlops_assets.explain.explainers import mixtures, network
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer, ExplanationSubject
from mlops_assets.explain.explainers.kernel_machine import KernelMachineExplainer
from mlops_assets.explain.explainers.neighbours import NeighboursExplainer
from mlops_assets.explain.explainers.network import NetworkExplainer
from mlops_assets.explain.explainers.permutation import PermutationExplainer
from mlops_assets.explain.explainers.response import Response

BACKGROUND, TRAINED = 50, 1_000


@dataclass
class Asked:
    """A model's answers, counted."""

    predict: Callable[[pd.DataFrame], Any]
    rows: int = 0

    def __call__(self, rows: pd.DataFrame) -> Any:
        self.rows += len(rows)
        return np.asarray(self.predict(rows), np.float64).reshape(len(rows), -1)


def table(columns: int, rows: int = TRAINED, seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """Correlated columns, and a target with products, a wave and a switch."""
    random = np.random.default_rng(seed)
    mix = 0.7 * np.eye(columns) + 0.5 * random.normal(size=(columns, columns)) / np.sqrt(columns)
    X = random.normal(size=(rows, columns)) @ mix
    y = 0.5 * X @ random.normal(size=columns) + np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    y += np.where(X[:, 3] > 0, X[:, 4] * X[:, 5], X[:, 6]) + 0.1 * random.normal(size=rows)
    return pd.DataFrame(X, columns=[f"x{place}" for place in range(columns)]), y


def models() -> dict[str, tuple[Any, int]]:
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.neural_network import MLPRegressor
    from sklearn.svm import SVR

    def layers(*widths: int) -> Any:
        return MLPRegressor(hidden_layer_sizes=widths, max_iter=40, random_state=0)

    return {
        "MLP (64), 10 columns": (layers(64), 10),
        "MLP (64), 30 columns": (layers(64), 30),
        "MLP (64, 32), 30 columns": (layers(64, 32), 30),
        "SVR, 30 columns": (SVR(), 30),
        "kNN, 10 columns": (KNeighborsRegressor(), 10),
    }


def explainer_of(kind: type[Explainer], subject: ExplanationSubject) -> Explainer | None:
    try:
        return kind(subject)
    except NotApplicableError:
        return None


def errors_of(run: Callable[[], Any]) -> tuple[Any, Any]:
    """What `run` returns, and (rows, features) standard errors, of which explanations keep the largest."""
    kept: list[Any] = []

    def keep(pairs: Any) -> Any:
        kept.append(walks(pairs))
        return kept[-1]

    walks = mixtures.walk_errors
    mixtures.walk_errors = network.walk_errors = keep
    try:
        result = run()
    finally:
        mixtures.walk_errors = network.walk_errors = walks
    return result, np.stack(kept)[:, :, 0] if kept else None


def measure(name: str, model: Any, columns: int, rows: int, seeds: int) -> list[str]:
    X, y = table(columns)
    model.fit(X, y)
    asked, background = X.iloc[-rows:], X.head(BACKGROUND)
    answer = Asked(model.predict)
    native = SimpleNamespace(native=model, python_model=None, with_own_names=lambda frame: frame)

    def subject(**settings: Any) -> ExplanationSubject:
        response = Response("identity", ("prediction",), None, answer)
        return ExplanationSubject(native, tuple(X.columns), background, ExplainConfig(**settings), response)  # type: ignore[arg-type]

    kinds = [
        kind
        for kind in (KernelMachineExplainer, NetworkExplainer, NeighboursExplainer)
        if explainer_of(kind, subject())
    ]
    if kinds and columns > 10 and kinds[0] is NetworkExplainer:
        budget = 2 * (columns - 1) * BACKGROUND * 400
        truth = kinds[0](subject(seed=10_000, calls_per_row=budget)).explain(asked).values
    elif kinds and kinds[0] is not NeighboursExplainer:
        truth = kinds[0](subject()).explain(asked).values
    else:
        truth = PermutationExplainer(subject(calls_per_row=2**columns * BACKGROUND)).explain(asked).values
    lines, first = [], 0.0
    for kind in (PermutationExplainer, *kinds):
        squares, covered, seconds, answer.rows = [], [], 0.0, 0
        kind(subject()).explain(asked.head(1))  # compiles
        answer.rows = 0
        for seed in range(seeds):
            explainer = kind(subject(seed=seed))
            answer.rows -= BACKGROUND
            start = time.process_time()
            explained, errors = errors_of(partial(explainer.explain, asked))
            seconds += time.process_time() - start
            gap = (explained.values - truth)[:, :, 0]
            squares.append(np.square(gap).mean())
            if errors is not None:
                covered.append((np.abs(gap) <= 1.96 * errors).mean())
            if not explainer.sampled:
                break
        first = first or float(np.mean(squares))
        share = np.sqrt(np.mean(squares) / np.square(truth).mean())
        calls = max(0, answer.rows) / (rows * len(squares))
        lines.append(
            f"| {name} | {kind.KIND} | {share:.2%} | {np.mean(squares) / first:.3g} | {calls:,.0f} |"
            f" {rows * len(squares) / max(seconds, 1e-9):,.0f} | {f'{np.mean(covered):.1%}' if covered else 'exact'} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--only", default="", help="models whose name holds this")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    print(
        "| model | explained by | error | MSE, of the first | calls a row | rows/s | covered |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, (model, columns) in models().items():
        if chosen.only in name:
            print("\n".join(measure(name, model, columns, chosen.rows, chosen.seeds)), flush=True)


if __name__ == "__main__":
    main()
