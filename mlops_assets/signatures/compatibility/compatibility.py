"""Whether a new version may take the place of an old one, judged from their signatures.

The modes are those of Confluent's Schema Registry. Seen from a model, ``BACKWARD`` is about its inputs and params (the
new model scores data prepared for the old one), ``FORWARD`` about its outputs (readers of the old table can read the
new one), ``FULL`` about both; ``*_TRANSITIVE`` judges against every earlier version instead of the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.signatures.compatibility.differences import Difference, DifferenceCode, compare_signatures

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

__all__ = [
    "Compatibility",
    "CompatibilityMode",
    "Difference",
    "DifferenceCode",
    "check_compatibility",
    "compare_signatures",
]


class CompatibilityMode(StrEnum):
    """What must hold between versions."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    FORWARD = "FORWARD"
    FULL = "FULL"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"

    @classmethod
    def of(cls, text: str) -> "CompatibilityMode":
        """The mode of this name.

        Raises
        ------
        ConfigurationError
            There is none; the message lists them.
        """
        try:
            return cls(text.upper())
        except ValueError:
            allowed = ", ".join(cls)
            near = did_you_mean(text.upper(), [mode.value for mode in cls])
            raise ConfigurationError(
                f"There is no compatibility mode {text!r}{near}",
                fix=f"Use one of {allowed}",
            ) from None

    @property
    def transitive(self) -> bool:
        """Whether all earlier versions count."""
        return self.value.endswith("_TRANSITIVE")

    def forbids(self, difference: Difference) -> bool:
        """Whether this mode refuses a version with `difference`."""
        scope = self.value.removesuffix("_TRANSITIVE")
        direction = "FORWARD" if difference.part == "outputs" else "BACKWARD"
        return difference.breaking and scope in (direction, "FULL")


@dataclass(frozen=True)
class Compatibility:
    """The verdict on a new version.

    Attributes
    ----------
    mode
        How it was judged.
    differences
        Label of the earlier version -> what differs from it, for every version that was looked at, oldest first.
    """

    mode: CompatibilityMode
    differences: dict[str, list[Difference]]

    @property
    def forbidden(self) -> list[tuple[str, Difference]]:
        """The differences that the mode does not allow, each with the label of the earlier version."""
        return [
            (label, difference)
            for label, found in self.differences.items()
            for difference in found
            if self.mode.forbids(difference)
        ]

    @property
    def compatible(self) -> bool:
        return not self.forbidden

    def rows(self) -> list[dict[str, str | bool | None]]:
        """One row per difference, for a table: against, code, part, path, old, new, breaking, forbidden."""
        return [
            {
                "against": label,
                "code": difference.code.value,
                "part": difference.part,
                "path": difference.path,
                "old": difference.old,
                "new": difference.new,
                "breaking": difference.breaking,
                "forbidden": self.mode.forbids(difference),
            }
            for label, found in self.differences.items()
            for difference in found
        ]

    def report(self, new: str = "the new version") -> str:
        """The verdict as text: one line that says it, then the differences per earlier version."""
        verdict = "compatible" if self.compatible else "NOT compatible"
        earlier = ", ".join(self.differences) or "no earlier version"
        lines = [f"{new} is {verdict} with {earlier} (mode {self.mode.value})"]
        for label, found in self.differences.items():
            lines.append(f"{label}: {len(found)} differences" if found else f"{label}: no difference")
            lines += [f"  {'x' if self.mode.forbids(difference) else ' '} {difference}" for difference in found]
        return "\n".join(lines) + "\n"


def check_compatibility(
    history: "Sequence[tuple[str, ModelSignature | None]]",
    new: "ModelSignature | None",
    mode: CompatibilityMode = CompatibilityMode.FULL,
) -> Compatibility:
    """Judge `new` against the versions that were champion before it.

    Parameters
    ----------
    history
        (label, signature) of each, oldest first; the label is shown, such as "version 3".
    new
        The signature of the candidate.
    mode
        Not transitive: only the last of `history` counts. With no history everything is compatible.
    """
    judged = list(history) if mode.transitive else list(history[-1:])
    return Compatibility(mode, {label: compare_signatures(old, new) for label, old in judged})
