"""Whether the attributions of two versions may be subtracted from each other."""

from dataclasses import dataclass

from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.models.reference import ModelReference

# Explainers that answer the same question where they compare with the same rows, or where none of them does.
_OURS = frozenset(
    {
        *("TreeExplainer", "LinearExplainer", "KernelMachineExplainer", "NetworkExplainer", "NeighboursExplainer"),
        *("LinearTreeExplainer", "NativeExplainer", "SumExplainer", "PermutationExplainer"),
    }
)


@dataclass(frozen=True)
class VersionOrigin:
    """One of two versions that are compared, and how it was explained.

    Attributes
    ----------
    version, digest
        The version.
    origin
        What its ledger says of its making.
    """

    version: int
    digest: str
    origin: LedgerProvenance

    @classmethod
    def of_ledger(cls, uri: str | None, digest: str | None, origin: LedgerProvenance) -> "VersionOrigin":
        """Of a published ledger."""
        version = (uri or "").rpartition("/")[2]
        return cls(int(version) if version.isdigit() else 0, digest or "", origin)

    @classmethod
    def of_explainer(cls, reference: ModelReference, explainer: Explainer, settings: ExplainConfig) -> "VersionOrigin":
        """Of a version and the explainer that it gets with these settings."""
        return cls(reference.version, reference.digest, LedgerProvenance.describe(explainer, Selection(), settings))


def shared_outputs(one: LedgerProvenance, other: LedgerProvenance) -> tuple[str, ...]:
    """The outputs of both, in the order of `one`."""
    return tuple(name for name in one.outputs if name in set(other.outputs))


def refuse_incomparable(before: VersionOrigin, after: VersionOrigin) -> None:
    """Raises where a difference of the two versions' attributions would mean nothing.

    Raises
    ------
    ExplanationError
        They are on different scales, have no output in common, or answer different questions.
    """
    one, other = before.origin, after.origin
    of_one, of_other = f"version {before.version}", f"version {after.version}"
    if one.space != other.space:
        raise ExplanationError(
            f"The attributions of {of_one} are in {one.space} and those of {of_other} in {other.space}: differences "
            "between two scales mean nothing",
            where="changes",
            fix="Set explain.space: probability where both have it, compare with another version, or leave "
            "explain.changes out",
        )
    if one.space == "margin" and one.explainer != other.explainer:
        raise ExplanationError(
            f"{of_one} ({one.explainer}) and {of_other} ({other.explainer}) have decision scores of their own, which "
            "have no common unit",
            where="changes",
            fix="Set explain.space: probability where both have it, or compare with another version",
        )
    if not shared_outputs(one, other) or (one.space == "softmax margin" and set(one.outputs) != set(other.outputs)):
        only = "their margins count among the classes of one model only" if shared_outputs(one, other) else ""
        raise ExplanationError(
            f"{of_one} has the outputs {', '.join(one.outputs)} and {of_other} {', '.join(other.outputs)}"
            + (f"; {only}" if only else ": they have none in common"),
            where="changes",
            fix="Compare versions of the same outputs",
        )
    if one.explainer != other.explainer and not {one.explainer, other.explainer} <= _OURS:
        raise ExplanationError(
            f"{of_one} is explained by {one.explainer} and {of_other} by {other.explainer}, and what a class of your "
            "own compares with is not known",
            where="changes",
            fix="Explain both by one class: set explain.KIND",
        )
    if (one.background_digest is None) != (other.background_digest is None):
        with_rows, without = (of_other, of_one) if one.background_digest is None else (of_one, of_other)
        raise ExplanationError(
            f"{with_rows} is compared with rows of a background and {without} with the training data that its trees "
            "hold: the difference would be one of methods as well",
            where="changes",
            fix="Set explain.mode: interventional, which compares both with the same rows",
        )
