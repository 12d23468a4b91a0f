"""The whole story of one row, for a terminal, a browser and a program."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlops_assets.explain.compare.receipt import Receipt
from mlops_assets.explain.compare.row_change import RowChange
from mlops_assets.explain.report.bars import BarTable, waterfall
from mlops_assets.explain.report.formatting import cell_text, number, reason_value, shorten
from mlops_assets.explain.report.rendering import render
from mlops_assets.explain.spaces import SPACES
from mlops_assets.redaction.terminal import printable
from mlops_assets.trees.arrays import Space

STEPS, CHANGES = 8, 5
"""Steps of a waterfall, and columns of a difference, that are shown."""
_BAR, _NAME = 24, 30
_NOT_SEEN = "none: no run and no sensor has seen it"


@dataclass(frozen=True)
class OutputStory:
    """One output of the row.

    Attributes
    ----------
    output
        Its name.
    explained_value, base_value, residual
        As the ledger has them.
    attributions
        Input column -> attribution.
    reasons
        Rows of the table of reasons, by rank.
    """

    output: str
    explained_value: float
    base_value: float
    residual: float
    attributions: Mapping[str, float]
    reasons: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Decision:
    """Everything that is known of one row.

    Attributes
    ----------
    key
        The row key's values.
    facts
        Model and version, then digests, explainer: name -> text.
    space
        The scale of all attributions.
    inputs
        The row's input values; None: they are not shown, nor are the reasons' values.
    prediction
        The published outputs of the model.
    outputs
        Each explained output.
    receipt
        The row, explained again; its problems hold what the published tables contradict as well.
    previous
        What was said of the earlier champion: name of the version, or why there is nothing to say.
    changes
        Against the earlier champion.
    journal
        The journal's entry of the version that decided, as its command shows it; None: there is none.
    in_force
        The journal's entry of the version that has the alias now; None: the one that decided.
    notes
        What is missing, and what is shown in its place.
    """

    key: Mapping[str, Any]
    facts: Mapping[str, str]
    space: Space
    inputs: Mapping[str, Any] | None
    prediction: Mapping[str, Any]
    outputs: Sequence[OutputStory]
    receipt: Receipt
    previous: str
    changes: Sequence[RowChange]
    journal: Mapping[str, Any] | None
    in_force: Mapping[str, Any] | None = None
    notes: Sequence[str] = ()

    @property
    def title(self) -> str:
        """The row, by its key."""
        return ", ".join(f"{name} = {value}" for name, value in self.key.items())

    @property
    def receipt_line(self) -> str:
        """Whether the row still explains itself so."""
        if self.receipt.matches:
            difference = max((line.largest_difference for line in self.receipt.lines), default=0.0)
            return f"Recomputed now: the same as stored (largest difference {difference:.1e})."
        problems = "; ".join(self.receipt.problems)
        if not self.receipt.lines:
            return f"NOT recomputed now: {problems}"
        return f"Recomputed now: NOT the same as stored: {problems}"

    def _facts(self) -> list[tuple[str, str]]:
        """The model and what it predicted, before digests."""
        facts = list(self.facts.items())
        return [*facts[:1], *((name, cell_text(value)) for name, value in self.prediction.items()), *facts[1:]]

    def _journal_parts(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Headings, and the entries of the journal below them."""
        still = "" if self.in_force is None else ", which is not in force any more"
        parts = [(f"Journal entry of this version{still}", self.journal or {"entry": _NOT_SEEN})]
        if self.in_force is not None:
            parts.append(("Journal entry of the version in force now", self.in_force))
        return [
            (heading, [(name, str(value)) for name, value in entry.items() if value is not None])
            for heading, entry in parts
        ]

    def value_of(self, column: str) -> str:
        """An input value as text; empty where values are not shown."""
        return "" if self.inputs is None or column not in self.inputs else cell_text(self.inputs[column])

    def sentence(self, reason: Mapping[str, Any]) -> str:
        """A reason in words."""
        value = "" if self.inputs is None else f" ({reason_value(reason['value'])})"
        words = " ".join(text for text in (reason["code"], reason["text"]) if text)
        way = "raised" if reason["attribution"] > 0 else "lowered"
        sentence = f"{reason['feature']}{value} {way} it by {number(abs(reason['attribution']))}"
        return f"{words}: {sentence}" if words else sentence

    def to_dict(self) -> dict[str, Any]:
        """For a program: plain values; numbers that JSON lacks, such as NaN, are None."""
        story: dict[str, Any] = _finite(
            {
                "key": dict(self.key),
                "facts": dict(self.facts),
                "space": self.space,
                "inputs": None if self.inputs is None else dict(self.inputs),
                "prediction": dict(self.prediction),
                "outputs": [_output_dict(each, with_values=self.inputs is not None) for each in self.outputs],
                "notes": list(self.notes),
                "receipt": {"matches": self.receipt.matches, "problems": list(self.receipt.problems)},
                "previous_champion": self.previous,
                "changes": [_change_dict(change) for change in self.changes],
                "journal": None if self.journal is None else dict(self.journal),
                "in_force": None if self.in_force is None else dict(self.in_force),
            }
        )
        return story

    def to_text(self) -> str:
        """For a terminal."""
        lines = [f"Decision on the row {self.title}", ""]
        lines += [f"{name:<22} {value}" for name, value in self._facts()]
        lines += [f"{'Note':<22} {note}" for note in self.notes]
        lines += ["", f"Unit of what follows: {SPACES[self.space].meaning}"]
        for each in self.outputs:
            lines += ["", f"Output {each.output}: {number(each.explained_value)}", "  Reasons"]
            lines += [f"    {reason['rank']}. {self.sentence(reason)}" for reason in each.reasons] or ["    none"]
            if any(not reason["stable"] for reason in each.reasons):
                lines.append("    This list is not stable: errors of its numbers could change it.")
            lines += ["  From base value to prediction", *map(_bar_line, self.waterfall(each).rows)]
        lines += ["", self.receipt_line, "", self.previous]
        for change in self.changes:
            lines += [f"  {line}" for line in describe_change(change)]
        for heading, entry in self._journal_parts():
            lines += ["", heading, *(f"  {name:<20} {value}" for name, value in entry)]
        if self.inputs is not None:
            lines += ["", "Inputs", *(f"  {name:<{_NAME}} {cell_text(value)}" for name, value in self.inputs.items())]
        return "\n".join(map(printable, lines)) + "\n"

    def waterfall(self, each: OutputStory) -> BarTable:
        """From base value to prediction."""
        steps = [(name, self.value_of(name), size) for name, size in each.attributions.items()]
        caption = f"Output {each.output}, in {SPACES[self.space].axis}"
        return waterfall(each.base_value, each.explained_value, steps, each.residual, caption, STEPS)

    def to_html(self) -> str:
        """For a browser: one file without script and network, as the report is."""
        outputs = [
            {
                "name": each.output,
                "value": number(each.explained_value),
                "reasons": [self.sentence(reason) for reason in each.reasons],
                "stable": all(reason["stable"] for reason in each.reasons),
                "waterfall": self.waterfall(each),
            }
            for each in self.outputs
        ]
        return render(
            "decision.html.jinja",
            title=self.title,
            facts=[*self._facts(), ("Unit", SPACES[self.space].meaning)],
            outputs=outputs,
            notes=self.notes,
            receipt=self.receipt_line,
            matches=self.receipt.matches,
            previous=self.previous,
            changes=[line for change in self.changes for line in describe_change(change)],
            journal=self._journal_parts(),
            inputs=None if self.inputs is None else {name: cell_text(value) for name, value in self.inputs.items()},
        )


def describe_change(change: RowChange) -> list[str]:
    """What an earlier version would have said, in words."""
    if change.not_compared:
        return [
            f"Output {change.output}: {number(change.before)} in {change.space_before}, where it is "
            f"{number(change.now)} in {change.space_now} now; the two are not compared: {change.not_compared}"
        ]
    lines = [
        f"Output {change.output}: {number(change.before)}, where it is {number(change.now)} now "
        f"({_signed(change.now - change.before)})"
    ]
    shown = [(name, size) for name, size in change.columns.items() if size][:CHANGES]
    lines += [f"  {_signed(size)} by {name}" for name, size in shown]
    rest = change.now - change.before - change.base_change - sum(size for _, size in shown)
    lines += [f"  {_signed(change.base_change)} by the base value, {_signed(rest)} by all others"]
    for words, names in (("Only the earlier version has", change.only_before), ("New are", change.only_now)):
        if names:
            lines.append(f"  {words} {', '.join(names)}")
    return lines


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else ''}{number(value)}"


def _bar_line(row: Any) -> str:
    name = shorten(f"{row.name} = {row.value}" if row.value else row.name, _NAME)
    left = round(row.bar.left / 100 * _BAR)
    width = 1 if row.bar.width is None else max(1, round(row.bar.width / 100 * _BAR))
    mark = {"pos": "+", "neg": "-", "mark": "|"}[row.bar.kind]
    return f"    {name:<{_NAME}} {row.number:>10}  {' ' * min(left, _BAR - 1)}{mark * width}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _output_dict(each: OutputStory, *, with_values: bool) -> dict[str, Any]:
    kept = ("rank", "feature", *(("value",) if with_values else ()), "attribution", "share", "code", "text", "stable")
    return {
        "output": each.output,
        "explained_value": each.explained_value,
        "base_value": each.base_value,
        "residual": each.residual,
        "attributions": dict(each.attributions),
        "reasons": [{name: reason[name] for name in kept} for reason in each.reasons],
    }


def _change_dict(change: RowChange) -> dict[str, Any]:
    return {
        "output": change.output,
        "before": change.before,
        "now": change.now,
        "space_before": change.space_before,
        "space_now": change.space_now,
        "columns": dict(change.columns),
        "base_change": change.base_change,
        "rest_change": change.rest_change,
        "only_before": list(change.only_before),
        "only_now": list(change.only_now),
        "not_compared": change.not_compared,
    }
