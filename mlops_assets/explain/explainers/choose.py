"""Choose the explainer: the model's own, the most exact one that fits, or the one that the settings name."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import ExplanationError, NotApplicableError
from mlops_assets.explain.explainers.agreement import find_disagreement
from mlops_assets.explain.explainers.decision_rule import read_decision
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer, ExplanationSubject
from mlops_assets.explain.explainers.inner_models import find_inner_models
from mlops_assets.explain.explainers.kernel_machine import KernelMachineExplainer
from mlops_assets.explain.explainers.linear import LinearExplainer
from mlops_assets.explain.explainers.linear_trees import LinearTreeExplainer
from mlops_assets.explain.explainers.loss import explain_loss
from mlops_assets.explain.explainers.mixtures import EXACT_FEATURES
from mlops_assets.explain.explainers.model_explainer import ModelExplainer
from mlops_assets.explain.explainers.model_importance import read_model_importance
from mlops_assets.explain.explainers.multi_output import read_special_response
from mlops_assets.explain.explainers.native import NativeExplainer
from mlops_assets.explain.explainers.neighbours import NeighboursExplainer
from mlops_assets.explain.explainers.network import NetworkExplainer
from mlops_assets.explain.explainers.permutation import PermutationExplainer
from mlops_assets.explain.explainers.read_response import read_response
from mlops_assets.explain.explainers.response import class_output_names
from mlops_assets.explain.explainers.sampling import draw_positions
from mlops_assets.explain.explainers.sum import SumExplainer
from mlops_assets.explain.explainers.trees import TreeExplainer
from mlops_assets.explain.labels import label_type
from mlops_assets.explain.spaces import SPACES
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.prediction_failure import call_model, describe_place
from mlops_assets.strategies import by_kind, find_strategy

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, type[Explainer]] = by_kind(
    ModelExplainer,
    TreeExplainer,
    LinearTreeExplainer,
    LinearExplainer,
    KernelMachineExplainer,
    NetworkExplainer,
    NeighboursExplainer,
    NativeExplainer,
    SumExplainer,
    PermutationExplainer,
)

_READ = (
    TreeExplainer,
    LinearTreeExplainer,
    LinearExplainer,
    KernelMachineExplainer,
    NetworkExplainer,
    NeighboursExplainer,
    NativeExplainer,
    SumExplainer,
)
_PROBE_ROWS, _LEAST_PROBED = 8, 2


def choose_explainer(
    model: LoadedModel,
    features: Iterable[str],
    background: "pd.DataFrame",
    config: ExplainConfig | None = None,
    own_failure: str = "",
) -> Explainer:
    """The explainer for a pinned version.

    Without a `KIND` in the settings: the model's own ``explain_samples``; else trees, of linear leaves as well; else a
    linear model, a kernel machine, a network or nearest neighbours; else the library's own exact contributions; else a
    sum of such parts; else permutations over its predictions. All but the last are taken only when base and
    attributions give the model's own predictions on some of the background rows.
    `Explainer.reason` names the methods that were not taken, and why.

    Parameters
    ----------
    model
        Pinned and loaded.
    features
        The signature's input columns, in its order.
    background
        Rows of these columns, typed as the signature says; of more than `config.background_rows`, a seeded sample is
        taken, but of a table of its own (`own_background`) where an explainer compares with all of it.
    config
        The settings; the defaults when None.
    own_failure
        Why the model's own ``explain_samples`` cannot explain all rows: it is then not taken; empty: it may be.

    Raises
    ------
    ConfigurationError
        `KIND` names no explainer.
    ExplanationError
        There is no background row, the model cannot be explained, or not by the `KIND` or in the `space` that was
        asked for.

    Examples
    --------
    >>> explainer = choose_explainer(model, ["age", "city"], rows)                    # doctest: +SKIP
    >>> explainer.KIND, explainer.space, explainer.reason                             # doctest: +SKIP
    """
    config = config or ExplainConfig()
    features = tuple(features)
    missing = [name for name in features if name not in background.columns]
    if missing or len(background) == 0:
        raise ExplanationError(
            f"The background lacks the columns {missing[:20]}" if missing else "The background has no rows",
            where=model.reference.uri,
            fix="Pass rows of the signature's input columns",
        )
    subject = _subject_of(model, features, background, config)
    return _choose_for_loss(subject) if config.space == "loss" else _choose_for_predictions(subject, own_failure)


def _choose_for_predictions(subject: ExplanationSubject, own_failure: str) -> Explainer:
    model, config = subject.model, subject.config
    if config.space is not None:
        subject = _find_probabilities(subject)
    explainer = _first_that_fits(subject, own_failure) if config.KIND is None else _asked_for(config.KIND, subject)
    _require_space(explainer, subject)
    if subject.response.note:
        explainer.reason += f"; {subject.response.note}"
    if config.interactions and not explainer.interaction_pairs:
        explainer.reason += "; no interaction values: they are for path-dependent trees of two columns or more only"
    classes = subject.response.classes
    if classes is not None and tuple(explainer.outputs) == class_output_names(classes):
        explainer.output_type = label_type(classes)
        decision = subject.response.decision
        if decision is not None and explainer.space == "margin" and subject.response.space == "probability":
            rows = subject.background
            decision = read_decision(model, model.native, classes, explainer.predict(rows), rows, "margin")
        explainer.decision = None if decision is None or decision.is_usual else decision
    if config.KIND is None or isinstance(explainer, ModelExplainer):
        importance, reason = read_model_importance(subject)
        if importance is not None:
            explainer.native_importance = importance
        if reason:
            explainer.reason += f"; {reason}"
    return explainer


def _subject_of(
    model: LoadedModel, features: tuple[str, ...], background: "pd.DataFrame", config: ExplainConfig
) -> ExplanationSubject:
    table = background[list(features)]
    rows = _sample_background(table, config)
    response = read_special_response(model, rows, config.output) or read_response(model, rows, config.output)
    return ExplanationSubject(model, features, rows, config, response, table if config.own_background else None)


def _choose_for_loss(subject: ExplanationSubject) -> Explainer:
    """By what explains the predictions, and agrees with them."""
    of_predictions = replace(subject.config.of_predictions(), mode="path_dependent")
    explainer = _choose_for_predictions(replace(subject, config=of_predictions), "")
    return explain_loss(subject, explainer)


def _asked_for(kind: str, subject: ExplanationSubject) -> Explainer:
    # As a variable, because mypy takes a literal abstract class for one to be called (mypy issue 4717).
    base: type[Explainer] = Explainer
    chosen = find_strategy(base, KINDS, kind)
    failures: list[str] = []
    cause: BaseException | None = None
    for candidate in _with_estimators(subject) if chosen in _READ else [subject]:
        try:
            explainer = _make(chosen, candidate)
            difference = _find_disagreement(explainer, subject) if isinstance(explainer, _READ) else None
        except NotApplicableError as error:
            failures.append(f"{kind} cannot explain this model: {error.what}")
            cause = error
            continue
        if difference is None:
            explainer.reason = f"asked for by explain.KIND; {explainer.reason}"
            return explainer
        failures.append(f"{kind} does not explain this model: {difference}")
    raise ExplanationError(
        "; ".join(dict.fromkeys(failures)),
        where=subject.model.reference.uri,
        fix="Leave explain.KIND out to have one chosen",
    ) from cause


def _first_that_fits(subject: ExplanationSubject, own_failure: str) -> Explainer:
    own: list[str] = []
    try:
        if not own_failure:
            return ModelExplainer(subject)
        own.append(f"the model's own explain_samples() was passed over: {own_failure}")
    except NotApplicableError:
        pass  # the usual case: not worth a word in the reason
    except ExplanationError as error:
        own.append(f"the model's own explain_samples() was passed over: {error.what}")
    passed_over: list[str] = []
    for candidate in _with_estimators(subject):
        for kind in _READ:
            try:
                explainer = _make(kind, candidate)
                difference = _find_disagreement(explainer, subject)
            except _FailedError as error:
                passed_over.append(f"{kind.KIND} failed: {error.what}")
                continue
            except NotApplicableError as error:
                passed_over.append(f"{kind.KIND} does not apply: {error.what}")
                continue
            except ExplanationError as error:
                # What a model holds may be of any make, and half of a thing: there is a next way.
                passed_over.append(f"{kind.KIND} failed: {error.what}")
                continue
            if difference is None and subject.config.space is not None and explainer.space == "margin":
                difference = f"it explains a margin, from which no formula leads to a {subject.config.space}"
            if difference is None:
                explainer.reason = "; ".join([explainer.reason, *own])
                return explainer
            passed_over.append(f"{kind.KIND} was dropped: {difference}")
    fallback = PermutationExplainer(subject)
    fallback.reason = "; ".join([fallback.reason, *own, *dict.fromkeys(passed_over)])
    return fallback


class _FailedError(NotApplicableError):
    """What a library or a foreign transformer raised while an explainer was made or tried."""


def _make(kind: type[Explainer], subject: ExplanationSubject) -> Explainer:
    return call_model(lambda: kind(subject), _failed)


def _find_disagreement(explainer: Explainer, subject: ExplanationSubject) -> str | None:
    # Of a costly explainer a few rows show as much.
    rows = _probe(subject).head(max(_LEAST_PROBED, explainer.rows_per_call))
    return call_model(lambda: find_disagreement(explainer, subject, rows), _failed)


def _failed(error: BaseException) -> NotApplicableError:
    return _FailedError(f"it raised {type(error).__name__} ({describe_place(error)})")


def _find_probabilities(subject: ExplanationSubject) -> ExplanationSubject:
    """The subject with a response of probabilities, where a Booster without labels predicts such."""
    if subject.response.space != "identity":
        return subject
    for kind in _READ:
        try:
            explainer = _make(kind, subject)
            links = explainer.space in ("log-odds", "softmax margin", "probability")
            same = len(explainer.outputs) == len(subject.response.outputs)
            agrees = links and same and _find_disagreement(explainer, subject) is None
        except NotApplicableError:
            continue
        if agrees:
            response = replace(subject.response, space="probability", outputs=explainer.outputs)
            return replace(subject, response=response)
    return subject


def _require_space(explainer: Explainer, subject: ExplanationSubject) -> None:
    wanted = subject.config.space
    if wanted is None or explainer.space == wanted:
        return
    keep = f"leave explain.space out to have them in {explainer.space} ({SPACES[explainer.space].meaning})"
    if subject.response.space == wanted:
        what = f"{explainer.KIND} explains this model in {explainer.space}, whose sums are no {wanted}"
        is_rescaled = isinstance(explainer, TreeExplainer) and explainer.space == "log-odds"
        fix = (
            "Set explain.mode: interventional, which divides each difference of probabilities in proportion to the"
            " attributions of the log-odds; or "
            if is_rescaled and len(explainer.outputs) == 1
            else ""
        ) + (
            "set explain.KIND: PermutationExplainer, which attributes the probability itself: exactly for up to"
            f" {EXACT_FEATURES} input columns, else with a standard error per row; or {keep}"
        )
        fix = fix[0].upper() + fix[1:]
    else:
        what, fix = "the model predicts no probabilities", keep[0].upper() + keep[1:]
    raise ExplanationError(
        f"Attributions of a {wanted} cannot be had: {what}",
        where=f"explain.space, {subject.model.reference.uri}",
        fix=fix,
    )


def _with_estimators(subject: ExplanationSubject) -> Iterator[ExplanationSubject]:
    """The subject itself, or with each of the estimators that a custom Python model holds as the native one."""
    holder = subject.model.python_model
    inner = list(find_inner_models(holder)) if subject.model.native is None and holder is not None else []
    for native in inner:
        yield replace(subject, model=replace(subject.model, native=native))
    if not inner:
        yield subject


def _probe(subject: ExplanationSubject) -> "pd.DataFrame":
    return subject.background.head(_PROBE_ROWS)


def _sample_background(background: "pd.DataFrame", config: ExplainConfig) -> "pd.DataFrame":
    return background.iloc[background_positions(len(background), config)].reset_index(drop=True)


def background_positions(rows: int, config: ExplainConfig) -> NDArray[np.intp]:
    """Which of `rows` rows an explainer compares with."""
    if rows <= config.background_rows:
        return np.arange(rows)
    return draw_positions(rows, config.background_rows, config.seed)
