"""Receipts: explain one row of the ledger again, and compare the result with what is stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.python_values import comparable_keys
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import EXPLAINED_VALUE, SPACE, shap_column
from mlops_assets.explain.explainers.explainer import Explainer
from mlops_assets.explain.ledger.ledger import explain_batches
from mlops_assets.explain.ledger.residuals import residual_tolerance
from mlops_assets.explain.ledger.stored import in_todays_columns
from mlops_assets.explain.spaces import SPACES
from mlops_assets.models.reference import ModelReference
from mlops_assets.trees.arrays import Space

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReceiptLine:
    """One output of the row, as stored and as recomputed.

    Attributes
    ----------
    attributions
        Feature -> (stored, recomputed), by stored size.
    largest_difference, allowed
        Over explained value, base value and attributions; what rounding may leave.
    different
        The ledger's columns that differ by more.
    """

    output: str
    explained_value: float
    base_value: float
    residual: float
    attributions: dict[str, tuple[float, float]]
    largest_difference: float
    allowed: float
    different: tuple[str, ...]


@dataclass(frozen=True)
class Receipt:
    """What `check_receipt` found; `matches` is the verdict and `to_text` the text for a reader."""

    key: dict[str, Any]
    reference: ModelReference
    kind: str
    reason: str
    space: Space
    lines: tuple[ReceiptLine, ...]
    problems: tuple[str, ...]

    @property
    def matches(self) -> bool:
        """The row explains itself as it did when it was stored."""
        return not self.problems

    def to_text(self, *, top: int = 5, values: Mapping[str, Any] | None = None) -> str:
        """The receipt as plain text.

        Parameters
        ----------
        top
            How many attributions per output get a sentence.
        values
            The row's input values, to be shown as well; left out when None.
        """
        named = ", ".join(f"{name} = {value}" for name, value in self.key.items())
        text = [
            f"Receipt for the row {named}",
            f"Model: {self.reference.name}, version {self.reference.version}",
            f"Digest: {self.reference.digest}",
            f"Explained by: {self.kind} ({self.reason})",
            f"Unit of all numbers: {SPACES[self.space].meaning}",
        ]
        for line in self.lines:
            text += ["", *_describe_output(line, top, values)]
        text.append("")
        if self.matches:
            difference = max((line.largest_difference for line in self.lines), default=0.0)
            text.append(f"Recomputed: the same as stored (largest difference {difference:.1e}).")
        else:
            text.append("Recomputed: NOT the same as stored.")
            text += [f"  {problem}" for problem in self.problems]
        return "\n".join(text) + "\n"


def check_receipt(
    stored: pa.Table,
    row: pa.RecordBatch,
    explainer: Explainer,
    to_frame: "Callable[[pa.RecordBatch], pd.DataFrame]",
    row_key: Sequence[str],
    reference: ModelReference,
    *,
    background_digest: str | None = None,
) -> Receipt:
    """Explain a row again and compare the result with its row in the ledger.

    Parameters
    ----------
    stored
        The ledger rows of one row key: one per output (a row filter may have left fewer). Of any release.
    row
        The input row with this key: exactly one.
    explainer
        For the version that the ledger names, made with the ledger's own settings and background.
    to_frame, row_key
        As for `explain_batches`.
    reference
        The version that `explainer` explains.
    background_digest
        The digest stored with the ledger, where there is one: another background gives other attributions.

    Raises
    ------
    ExplanationError
        There is no stored row, there are rows of several keys, or not exactly one input row.
    """
    keys = list(row_key)
    stored = pa.Table.from_batches([in_todays_columns(batch) for batch in stored.to_batches()]) if stored else stored
    stored_keys = dict(zip(comparable_keys(stored, keys), stored.select(keys).to_pylist(), strict=True))
    if len(stored_keys) != 1 or row.num_rows != 1:
        raise ExplanationError(
            f"A receipt is for one row, not for {len(stored_keys)} stored and {row.num_rows} input rows",
            where="sample_explanations",
            fix="Check the row key",
        )
    ((comparable, key),) = stored_keys.items()
    if comparable_keys(row, keys)[0] != comparable:
        input_key = row.select(keys).to_pylist()[0]
        raise ExplanationError(
            f"The stored row has the key {key}, the input row {input_key}", where="sample_explanations"
        )
    problems = _provenance(stored, explainer, reference, background_digest)
    fresh = {
        line["output"]: line
        for batch in explain_batches([row], explainer, to_frame, keys, reference)
        for line in in_todays_columns(batch).to_pylist()
    }
    lines = []
    for old in stored.to_pylist():
        if old["output"] not in fresh:
            problems.append(f"the output {old['output']!r} is stored, and the model has no such output")
            continue
        line = _compared(old, fresh[old["output"]], explainer)
        lines.append(line)
        if line.different:
            problems.append(
                f"output {line.output}: {', '.join(line.different)} differ by up to {line.largest_difference:.3g},"
                f" where {line.allowed:.1e} is allowed"
            )
    return Receipt(key, reference, explainer.KIND, explainer.reason, explainer.space, tuple(lines), tuple(problems))


def _provenance(
    stored: pa.Table, explainer: Explainer, reference: ModelReference, background_digest: str | None
) -> list[str]:
    problems = []
    recorded = [("model_version", reference.version), ("model_digest", reference.digest)]
    recorded += [(SPACE, explainer.space)] if SPACE in stored.column_names else []
    for name, expected in recorded:
        other = sorted(set(stored.column(name).to_pylist()) - {expected})
        if other:
            problems.append(f"{name} is {other[0]} in the ledger, and {expected} for the model that was loaded")
    if background_digest and explainer.background_digest != background_digest:
        problems.append("the background rows are not those that the ledger was made with")
    return problems


def _compared(old: dict[str, Any], new: dict[str, Any], explainer: Explainer) -> ReceiptLine:
    columns = [EXPLAINED_VALUE, "base_value", *(shap_column(name) for name in explainer.features)]
    terms = len(columns)
    if old.get("residual") is not None:
        columns.append("residual")
    before = np.array([_number(old.get(name)) for name in columns])
    after = np.array([_number(new[name]) for name in columns])
    magnitude = float(np.nansum(np.abs(before[2:terms])))
    allowed = float(residual_tolerance(before[0], before[1], terms, explainer.precision, magnitude=magnitude).max())
    gaps = np.abs(after - before)
    pairs = zip(explainer.features, before[2:terms].tolist(), after[2:terms].tolist(), strict=True)
    return ReceiptLine(
        old["output"],
        float(before[0]),
        float(before[1]),
        _number(old.get("residual")),
        {name: (one, other) for name, one, other in sorted(pairs, key=lambda pair: -abs(pair[1]))},
        float(np.where(np.isnan(gaps), np.inf, gaps).max()),
        allowed,
        tuple(name for name, gap in zip(columns, gaps, strict=True) if not gap <= allowed),
    )


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _describe_output(line: ReceiptLine, top: int, values: Mapping[str, Any] | None) -> list[str]:
    attributed = sum(stored for stored, _ in line.attributions.values())
    text = [
        f"Output {line.output}: explained value {line.explained_value:.6g}",
        f"  = base value {line.base_value:.6g} {_signed(attributed)} from the inputs (residual {line.residual:.1e})",
    ]
    shown = [(name, stored) for name, (stored, _) in line.attributions.items() if stored][:top]
    for name, stored in shown:
        value = f" = {values[name]}" if values is not None and name in values else ""
        text.append(f"  {name}{value} {'raised' if stored > 0 else 'lowered'} it by {abs(stored):.6g}.")
    rest = len(line.attributions) - len(shown)
    if rest:
        remaining = attributed - sum(stored for _, stored in shown)
        text.append(f"  The other {rest} inputs together: {_signed(remaining)}.")
    return text


def _signed(number: float) -> str:
    return f"{'-' if number < 0 else '+'} {abs(number):.6g}"
