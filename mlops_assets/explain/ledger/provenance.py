"""How a ledger was made, as the ledger itself records it: the one way to and from its metadata."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeVar, get_args

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.provenance import PREFIX, Provenance
from mlops_assets.errors import ConfigurationError, ExplanationError
from mlops_assets.explain.decisions import Decision
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.trees.arrays import Space

Value = TypeVar("Value")

Importance = Mapping[str, Mapping[str, float]]
"""Output -> feature -> the model's own importance."""

PARTITIONS = "partitions"
"""`Provenance.extra` of several partitions read as one ledger: their keys."""
OF_LEDGER = "of_ledger"
"""`Provenance.extra` of what is made of a ledger and shown beside it: the ledger's data version."""


@dataclass(frozen=True)
class LedgerProvenance:
    """What the readers of a ledger need to know of its explainer; see `Explainer` and `Selection`.

    Attributes
    ----------
    settings
        The settings that the explainer was made with; a receipt is checked with the same ones.
    explainer, reason
        The explainer's `KIND`, and why it was chosen.
    space
        The scale on which the attributions add up.
    output_type
        The type of the ledger's column `output`: that of the class labels.
    outputs, features
        Names of the outputs and of the explained columns, in the ledger's order.
    precision
        The floating-point type that the model computes in; residuals are judged by it.
    native_importance
        Per output, the model's own global importance; None where it has none.
    background_digest
        SHA-256 (hex) of the rows that the explainer compares with; None where it needs none.
    selection
        Which rows were explained, in words.
    every_row
        Every row of the inputs was explained.
    in_order_from_start
        The explained rows are the first ones of the inputs, without a gap.
    decision
        How what the model predicts follows from the explained scores; None: as the columns of predictions say.
    """

    settings: ExplainConfig
    explainer: str
    reason: str
    space: Space
    output_type: pa.DataType
    outputs: tuple[str, ...]
    features: tuple[str, ...]
    precision: np.dtype[np.floating]
    native_importance: Importance | None
    background_digest: str | None
    selection: str
    every_row: bool
    in_order_from_start: bool
    decision: Decision | None = None

    @classmethod
    def describe(cls, explainer: Explainer, selection: Selection, settings: ExplainConfig) -> Self:
        """The provenance of a ledger that `explainer`, made with `settings`, writes of the selected rows."""
        return cls(
            settings=settings,
            explainer=explainer.KIND,
            reason=explainer.reason,
            space=explainer.space,
            output_type=explainer.output_type,
            outputs=tuple(explainer.outputs),
            features=tuple(explainer.features),
            precision=explainer.precision,
            native_importance=explainer.native_importance,
            background_digest=explainer.background_digest,
            selection=str(selection),
            every_row=selection.every_row,
            in_order_from_start=selection.in_order_from_start,
            decision=explainer.decision,
        )

    def to_extra(self) -> dict[str, str]:
        """For `Provenance.extra`: a text per field, JSON where the field has a structure. `of` reads it."""
        return {
            "explain_settings": json.dumps(self.settings.as_dict(), sort_keys=True),
            "explainer": self.explainer,
            "explainer_reason": self.reason,
            "space": self.space,
            "output_type": str(self.output_type),
            "outputs": json.dumps(self.outputs),
            "features": json.dumps(self.features),
            "precision": self.precision.name,
            "native_importance": json.dumps(self.native_importance, sort_keys=True),
            "background_digest": self.background_digest or "",
            "selection": self.selection,
            "every_row": json.dumps(self.every_row),
            "in_order_from_start": json.dumps(self.in_order_from_start),
        } | ({"decision": self.decision.to_json()} if self.decision is not None else {})

    @classmethod
    def of(cls, provenance: Provenance) -> Self:
        """The provenance that a ledger's metadata holds.

        Raises
        ------
        ExplanationError
            The table is not a ledger: a key is missing, or its value cannot be read.
        """
        outputs = _read(provenance, "outputs", _names)
        space = _read(provenance, "space", _space)
        # Until 0.1, which recorded no output_type, softmax margins went by the name of log-odds. Scores of one class
        # against all the others did not: they were explained by permutation.
        is_old = "output_type" not in provenance.extra
        return cls(
            settings=_read(provenance, "explain_settings", lambda text: ExplainConfig(**json.loads(text))),
            explainer=_read(provenance, "explainer", str),
            reason=_read(provenance, "explainer_reason", str),
            space="softmax margin" if is_old and space == "log-odds" and len(outputs) > 1 else space,
            output_type=pa.string() if is_old else _read(provenance, "output_type", pa.type_for_alias),
            outputs=outputs,
            features=_read(provenance, "features", _names),
            precision=_read(provenance, "precision", _precision),
            native_importance=_read(provenance, "native_importance", _importance),
            background_digest=_read(provenance, "background_digest", str) or None,
            selection=_read(provenance, "selection", str),
            every_row=_read(provenance, "every_row", _flag),
            in_order_from_start=_read(provenance, "in_order_from_start", _flag),
            decision=_read(provenance, "decision", Decision.from_json) if "decision" in provenance.extra else None,
        )


def _read(provenance: Provenance, name: str, parse: Callable[[str], Value]) -> Value:
    text = provenance.extra.get(name)
    try:
        if text is not None:
            return parse(text)
    except (ValueError, TypeError, AttributeError, LookupError, ConfigurationError) as error:
        raise _no_ledger(f"{PREFIX}{name} cannot be read", provenance) from error
    raise _no_ledger(f"{PREFIX}{name} is missing", provenance)


def _no_ledger(problem: str, provenance: Provenance) -> ExplanationError:
    return ExplanationError(
        f"The table's metadata does not describe a ledger: {problem}",
        where=f"sample_explanations of {provenance.model}" if provenance.model else "sample_explanations",
        fix="Read a table of sample_explanations, or materialize it again",
    )


def _space(text: str) -> Space:
    spaces: dict[str, Space] = {space: space for space in get_args(Space)}
    if text not in spaces:
        raise ValueError(text)
    return spaces[text]


def _precision(text: str) -> np.dtype[np.floating]:
    precision = np.dtype(text)
    if not np.issubdtype(precision, np.floating):
        raise ValueError(text)
    return precision


def _names(text: str) -> tuple[str, ...]:
    names: Any = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError(text)
    return tuple(names)


def _importance(text: str) -> Importance | None:
    importance: Any = json.loads(text)
    if importance is None:
        return None
    return {output: {feature: float(size) for feature, size in sizes.items()} for output, sizes in importance.items()}


def _flag(text: str) -> bool:
    flag: Any = json.loads(text)
    if not isinstance(flag, bool):
        raise ValueError(text)
    return flag
