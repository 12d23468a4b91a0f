"""What a person can do about rejected rows: one sentence per reason, in the settings' own words."""

from collections.abc import Mapping

from mlops_assets.models.missing_values import MissingProposal
from mlops_assets.signatures.contract.rejection_reasons import Reason

_COLUMNS_SHOWN = 5

_ADVICE: Mapping[Reason, str] = {
    Reason.NOT_EXACT: "the signature's type cannot hold these values exactly: round them in the table, or log the model"
    " with a signature whose type can (double for fractions, long for integers beyond 2^53)",
    Reason.OUT_OF_RANGE: "the signature's type has no such number or date: correct the values, or log the model with a"
    " signature of a larger type",
    Reason.NOT_PARSEABLE: "this text is no value of the signature's type: correct it (a number such as 1.5, true or"
    " false, a date such as 2024-01-31); values of another kind (a JSON number where text is asked for) are converted"
    " where inputs.types declares the column's type",
    Reason.SHAPE_MISMATCH: "these lists have another length than the signature's tensor: give each row the same length",
    Reason.UNEXPECTED_PROPERTY: "these objects hold properties that the signature does not name: leave them out of the"
    " table, or log the model with a signature that names them",
    Reason.DUPLICATE_KEY: "these maps or JSON objects hold the same key twice: keep one entry",
}
_ALLOW = "write `contract: {missing: allow}` into its YAML: these rows are then predicted and explained as they are"
_MISSING_UNKNOWN = (
    "the signature requires a value. Where the model itself handles null and NaN (an imputer, histogram gradient"
    " boosting, XGBoost, LightGBM), "
) + _ALLOW
_MISSING_IN_PART = (
    "a list, an object or a map has no room for a missing value, whatever `contract.missing` says: give a value, or log"
    " the model with a signature in which it is optional"
)


def advise(
    reasons: Mapping[tuple[str, str], int],
    rejected: int,
    rows: int,
    saved_by_allowing: int | None,
    proposal: MissingProposal | None = None,
    *,
    published: bool = True,
) -> str:
    """What to do about rejected rows.

    Parameters
    ----------
    reasons
        How often each (column, reason code) occurred.
    rejected, rows
        How many rows were rejected, of how many.
    saved_by_allowing
        How many of the rejected rows would be accepted with `contract: {missing: allow}`; None where it is set.
    proposal
        What the model itself does with missing values; None: not known.
    published
        The rows are inputs: accepted ones are predicted, rejected ones are in `rejected_samples`.

    Examples
    --------
    >>> advise({("age", "not_exact"): 2}, 2, 100, 0).split(";")[0]
    "'age' (not_exact): the signature's type cannot hold these values exactly: round them in the table, or log the \
model with a signature whose type can (double for fractions, long for integers beyond 2^53)"
    """
    sentences = []
    for reason in Reason:
        columns = [column for column, code in reasons if code == reason]
        if columns:
            advice = _ADVICE[reason] if reason in _ADVICE else _about_missing(rejected, saved_by_allowing, proposal)
            sentences.append(f"{_name(columns)} ({reason}): {advice}")
    sentences.append(
        f"to go on without these rows{', which then get no prediction' * published}, write `contract: {{max_rejected: "
        f"{rejected}}}` (or a fraction of the rows, such as {_fraction_above(rejected, rows)})"
    )
    if published:
        sentences.append("the asset rejected_samples holds all of them, with their reasons")
    return "; ".join(sentences)


def _about_missing(rejected: int, saved: int | None, proposal: MissingProposal | None) -> str:
    if not saved:
        return _MISSING_IN_PART
    if proposal is None:
        advice = _MISSING_UNKNOWN
    elif proposal.missing == "allow":
        advice = f"the signature requires a value, and the model needs none: {proposal.reason}. So {_ALLOW}"
    else:
        return f"the signature requires a value, and {proposal.reason}: fill them in the table"
    return advice if saved == rejected else f"{advice} ({saved} of the {rejected} rejected rows pass with it)"


def _name(columns: list[str]) -> str:
    more = f" and {len(columns) - _COLUMNS_SHOWN} more" if len(columns) > _COLUMNS_SHOWN else ""
    return ", ".join(map(repr, columns[:_COLUMNS_SHOWN])) + more


def _fraction_above(rejected: int, rows: int) -> float:
    """A fraction with two digits that allows `rejected` of `rows`."""
    hundredths = -(-100 * rejected // max(rows, 1))
    return min(1.0, hundredths / 100)
