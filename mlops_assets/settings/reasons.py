"""What counts as a reason of a row, as a model's ``defs.yaml`` says."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from mlops_assets.errors import ConfigurationError
from mlops_assets.settings.described import SettingsGroup

if TYPE_CHECKING:
    from mlops_assets.explain.reasons.rules import ReasonRules


class ReasonsSettings(SettingsGroup):
    """The reasons of each row in words: the first attributions of the ledger, with codes and approved texts."""

    top: int = Field(
        default=4, description="Number of reasons of each row and output at most.", ge=1, le=20, examples=[3]
    )
    toward: Literal["lower", "higher", "both"] = Field(
        default="both",
        description="Only what moved the explained value that way: `lower` where a low value is unfavourable, "
        "`higher` where a high one is; `both`: the largest attributions, whichever way.",
        examples=["lower"],
    )
    groups: dict[str, Any] = Field(
        default_factory=dict,
        description="Name -> list of input columns whose attributions are added up to one reason. Other columns are "
        "reasons by themselves.",
        examples=[{"income": ["salary", "bonus"]}],
    )
    catalogue: str | None = Field(
        default=None,
        description="YAML file, relative to the project's folder, with a code and an approved text for each column or "
        "group; see docs/reasons.md. Null: reasons have neither.",
        examples=["reasons.yaml"],
    )
    joined: bool = Field(
        default=False,
        description="Publish predictions_with_reasons as well: each prediction with its reasons side by side.",
        examples=[True],
    )
    max_unstable: float = Field(
        default=0.01,
        description="Warn when the share of lists that another rounding or another sample could change is above this "
        "value (0 to 1).",
        ge=0,
        le=1,
        examples=[0.001],
    )

    @field_validator("groups")
    @classmethod
    def _check_groups(cls, groups: dict[str, Any]) -> dict[str, Any]:
        seen: dict[str, str] = {}
        for group, columns in groups.items():
            if not group.strip() or not isinstance(columns, list) or not columns:
                raise ValueError(f"the group {group!r} needs a name and a list of columns")
            for column in columns:
                if not isinstance(column, str) or column in seen:
                    raise ValueError(f"the group {group!r} holds {column!r}; a column is a text, and in one group")
                seen[column] = group
        return groups

    def rules(self, root: Path) -> "ReasonRules":
        """What counts as a reason; reads the catalogue.

        Raises
        ------
        ConfigurationError
            The catalogue cannot be read, or lacks an entry.
        """
        from mlops_assets.explain.reasons.catalogue import parse_catalogue
        from mlops_assets.explain.reasons.rules import ReasonRules

        groups = {name: tuple(columns) for name, columns in self.groups.items()}
        catalogue = None
        if self.catalogue is not None:
            place = root / self.catalogue
            try:
                text = place.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"The catalogue of reasons cannot be read ({type(error).__name__})",
                    where=str(place),
                    fix="Name a YAML file in explain.reasons.catalogue, relative to the project's folder",
                ) from error
            catalogue = parse_catalogue(text, groups, self.catalogue)
        return ReasonRules(self.top, self.toward, groups, catalogue)
