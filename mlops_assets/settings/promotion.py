"""The settings of how a version becomes the champion."""

from pydantic import Field

from mlops_assets.settings.described import SettingsGroup


class PromotionSettings(SettingsGroup):
    """What a version needs before the promotion job moves the alias to it, beside a passed validation."""

    required_approvals: int = Field(
        default=1,
        description="People who must approve of a version. Each starts the promotion job once, with their name; the "
        "last approval moves the alias.",
        ge=1,
        le=20,
        examples=[2],
    )
    four_eyes: bool = Field(
        default=False,
        description="Whether who registered the version cannot approve of it. MLflow's user of its run is taken for "
        "that person, or the version's tag mlops_assets.registered_by.",
        examples=[True],
    )
