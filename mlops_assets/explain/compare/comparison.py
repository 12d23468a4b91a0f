"""Two versions that are compared: what their differences are of, and the columns of the table that holds them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.columns import OUTPUT, SPACE
from mlops_assets.explain.compare.change_rules import ChangeRules
from mlops_assets.explain.compare.comparable import VersionOrigin, refuse_incomparable, shared_outputs
from mlops_assets.explain.ledger.provenance import LedgerProvenance

PREDICTION_BEFORE, PREDICTION_AFTER, PREDICTION_CHANGE = "prediction_before", "prediction_after", "prediction_change"
VALUE_BEFORE, VALUE_AFTER, DIFFERENCE = "value_before", "value_after", "difference"
BASE_CHANGE, RESIDUAL_CHANGE, STANDARD_ERROR = "base_change", "residual_change", "standard_error"
CHANGED, SWAP = "changed", "swap"
UP, DOWN = "up", "down"
CHANGE_PREFIX = "change_"
OF_VERSIONS = ("version_before", "version_after", "digest_before", "digest_after")
OWN_COLUMNS = (
    *(OUTPUT, SPACE, PREDICTION_BEFORE, PREDICTION_AFTER, PREDICTION_CHANGE, CHANGED, SWAP),
    *(VALUE_BEFORE, VALUE_AFTER, DIFFERENCE, BASE_CHANGE, RESIDUAL_CHANGE, STANDARD_ERROR, *OF_VERSIONS),
)
"""Names that a row key cannot have."""


def change_column(feature: str) -> str:
    """The column with an input column's part of the difference."""
    return CHANGE_PREFIX + feature


@dataclass(frozen=True)
class Comparison:
    """Two versions whose explanations may be subtracted from each other. Can be pickled, and is small.

    Attributes
    ----------
    before, after
        The versions; a difference is that of `after` minus that of `before`.
    scored
        Which of them the published tables are of: keys, types and the order of columns are its.
    key
        The fields of the row key.
    rules
        What counts as a change.

    Raises
    ------
    ExplanationError
        See `refuse_incomparable`.
    """

    before: VersionOrigin
    after: VersionOrigin
    scored: Literal["before", "after"]
    key: pa.Schema
    rules: ChangeRules = field(default_factory=ChangeRules)

    def __post_init__(self) -> None:
        refuse_incomparable(self.before, self.after)

    @property
    def of_scored(self) -> VersionOrigin:
        """The version that the published tables are of."""
        return self.before if self.scored == "before" else self.after

    @property
    def other(self) -> VersionOrigin:
        """The version that it is compared with."""
        return self.after if self.scored == "before" else self.before

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Those that both versions have."""
        return shared_outputs(self.of_scored.origin, self.other.origin)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The input columns of both, those of the scored version first."""
        return tuple(dict.fromkeys((*self.of_scored.origin.features, *self.other.origin.features)))

    @property
    def only_before(self) -> tuple[str, ...]:
        """Input columns that only the version before uses: all of their attribution is lost."""
        return _without(self.before.origin.features, self.after.origin.features)

    @property
    def only_after(self) -> tuple[str, ...]:
        """Input columns that only the version after uses: their attribution is the change."""
        return _without(self.after.origin.features, self.before.origin.features)

    @property
    def thresholds(self) -> tuple[float, float] | None:
        """From which prediction on each version decides the other way; None: there is no such value."""
        thresholds = [self._threshold(each.origin) for each in (self.before, self.after)]
        return None if None in thresholds else (thresholds[0] or 0.0, thresholds[1] or 0.0)

    def _threshold(self, origin: LedgerProvenance) -> float | None:
        if self.rules.decision_threshold is not None:
            return self.rules.decision_threshold
        if origin.space not in ("log-odds", "probability") or len(origin.outputs) > 1:
            return None
        decision = origin.decision
        known = None if decision is None or decision.of != "probability" else decision.threshold
        return 0.5 if known is None else known

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of the changes.

        Raises
        ------
        ConfigurationError
            A row key column has the name of one of them.
        """
        number = pa.float64()
        columns = [
            (OUTPUT, self.of_scored.origin.output_type),
            (SPACE, pa.string()),
            *((name, number) for name in (PREDICTION_BEFORE, PREDICTION_AFTER, PREDICTION_CHANGE)),
            (CHANGED, pa.bool_()),
            (SWAP, pa.string()),
            *((name, number) for name in (VALUE_BEFORE, VALUE_AFTER, DIFFERENCE, BASE_CHANGE)),
            *((change_column(name), number) for name in self.features),
            *((name, number) for name in (RESIDUAL_CHANGE, STANDARD_ERROR)),
            *zip(OF_VERSIONS, (pa.int64(), pa.int64(), pa.string(), pa.string()), strict=True),
        ]
        if taken := sorted({name for name, _ in columns} & set(self.key.names)):
            raise ConfigurationError(
                f"The row key columns {taken} have names that the table of changes uses itself",
                where="inputs.row_key",
                fix="Rename them, or leave explain.changes out",
            )
        nullable = (SWAP, STANDARD_ERROR)
        return pa.schema([*self.key, *(pa.field(name, kind, name in nullable) for name, kind in columns)])

    @cached_property
    def digest(self) -> str:
        """Of everything besides the two ledgers that the rows depend on."""
        versions = [str(each) for each in (self.before.version, self.after.version)]
        digests = [self.before.digest, self.after.digest]
        return hash_of("comparison", *versions, *digests, self.scored, self.rules.digest, str(self.thresholds))

    def to_json(self) -> str:
        """What a reader of the table needs to know of it, for its metadata."""
        return json.dumps(
            {
                "before": self.before.version,
                "after": self.after.version,
                "scored": self.scored,
                "space": self.before.origin.space,
                "features": self.features,
                "only_before": self.only_before,
                "only_after": self.only_after,
                "outputs": self.outputs,
                "thresholds": self.thresholds,
                "precision": min(
                    (each.origin.precision for each in (self.before, self.after)), key=lambda kind: kind.itemsize
                ).name,
            }
        )


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in set(others))
