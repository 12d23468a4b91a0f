"""How another version is compared with the scored one, as a model's ``defs.yaml`` says."""

import math
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator, model_validator

from mlops_assets.errors import ConfigurationError
from mlops_assets.models.registry import check_alias_or_version
from mlops_assets.settings.described import SettingsGroup

if TYPE_CHECKING:
    from mlops_assets.explain.compare.change_rules import ChangeRules

MOST_SEGMENTS = 20


class ChangesSettings(SettingsGroup):
    """The tables changes and change_summary: two versions on the same rows, and which columns make the difference."""

    against: str | int | None = Field(
        default=None,
        description="Alias or version that the scored version is compared with. Null: the champion before it, as the "
        "journal knows it.",
        examples=[3, "Baseline"],
    )
    candidate: str | int | None = Field(
        default=None,
        description="Alias or version that may take the place of the scored one: differences are what the candidate "
        "would change. Set at most one of against and candidate.",
        examples=["Challenger"],
    )
    tolerance: float | None = Field(
        default=None,
        description="A prediction has changed where it moves by more than this, on its own scale (a probability, the "
        "predicted quantity). Null: by more than single precision.",
        ge=0,
        examples=[0.01],
    )
    decision_threshold: float | None = Field(
        default=None,
        description="Predictions from this value on are decided one way, lower ones the other: rows that change sides "
        "are counted. Null: of a classifier of two classes the model's own, usually a probability of 0.5; else none.",
        examples=[0.3],
    )
    segments: dict[str, Any] = Field(
        default_factory=dict,
        description="Input column -> values that separate its segments, or an empty list: each value is one. "
        "change_summary has all numbers for each segment as well.",
        examples=[{"region": [], "age": [30, 60]}],
    )
    max_changed_share: float | None = Field(
        default=None,
        description="The share of rows whose prediction may change (0 to 1). Beyond it the check within_limits warns, "
        "and a version fails its validation. Null: any.",
        ge=0,
        le=1,
        examples=[0.2],
    )
    max_swapped_share: float | None = Field(
        default=None,
        description="The share of rows that may change sides of the decision threshold (0 to 1); see "
        "max_changed_share. Null: any.",
        ge=0,
        le=1,
        examples=[0.02],
    )
    max_mean_abs_change: float | None = Field(
        default=None,
        description="The mean absolute change of predictions, on their own scale, that is accepted; see "
        "max_changed_share. Null: any.",
        ge=0,
        examples=[0.05],
    )

    @field_validator("against", "candidate")
    @classmethod
    def _check_alias_or_version(cls, value: str | int | None) -> str | int | None:
        if value is not None:
            try:
                check_alias_or_version(value)
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
        return value

    @field_validator("segments")
    @classmethod
    def _check_segments(cls, segments: dict[str, Any]) -> dict[str, Any]:
        if len(segments) > MOST_SEGMENTS:
            raise ValueError(f"{len(segments)} columns; at most {MOST_SEGMENTS} columns have segments")
        for column, edges in segments.items():
            numbers = isinstance(edges, list) and all(
                isinstance(edge, int | float) and not isinstance(edge, bool) and math.isfinite(edge) for edge in edges
            )
            if not numbers or sorted(set(edges)) != edges:
                raise ValueError(f"{column!r} needs a list of rising numbers, or an empty one")
        return segments

    @model_validator(mode="after")
    def _one_other_version(self) -> "ChangesSettings":
        if self.against is not None and self.candidate is not None:
            raise ValueError("explain.changes takes one of `against` and `candidate`, not both")
        return self

    def rules(self) -> "ChangeRules":
        """How versions are compared."""
        from mlops_assets.explain.compare.change_rules import ChangeLimits, ChangeRules

        segments = {column: tuple(map(float, edges)) for column, edges in self.segments.items()}
        limits = ChangeLimits(self.max_changed_share, self.max_swapped_share, self.max_mean_abs_change)
        return ChangeRules(self.tolerance, self.decision_threshold, segments, limits)
