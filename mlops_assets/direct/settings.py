"""How a table is scored or explained without a graph."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mlops_assets.errors import ConfigurationError
from mlops_assets.models.trust import TrustPolicy
from mlops_assets.tables.source import TableFormat


@dataclass(frozen=True)
class DirectSettings:
    """What a model's YAML says in a project; the defaults are the same.

    Attributes
    ----------
    row_key, columns, types, format, delimiter
        How the table is read; see `TableSource`.
    missing, iso_datetimes
        How strict the contract is; see `ContractPolicy`.
    max_rejected
        Rows that may be refused: a count, or (a float) a fraction of all rows.
    rejected
        Where refused rows are written; None: nowhere.
    allow_pickle, trusted_types, native_libraries
        What the model may do when it is loaded; see `TrustPolicy`.
    tracking_uri, registry_uri
        MLflow's; None: those of the environment, else the project's embedded registry.
    workers
        Processes that share the work; see `LocalEngine`.
    """

    row_key: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    format: TableFormat | None = None
    delimiter: str | None = None
    missing: Literal["reject", "allow"] = "reject"
    iso_datetimes: bool = False
    max_rejected: int | float = 0
    rejected: str | None = None
    allow_pickle: bool = False
    trusted_types: tuple[str, ...] = ()
    native_libraries: bool = False
    tracking_uri: str | None = None
    registry_uri: str | None = None
    workers: int | Literal["auto"] = "auto"

    def __post_init__(self) -> None:
        if self.missing not in ("reject", "allow"):
            raise ConfigurationError(f"missing is {self.missing!r}", fix="Use reject or allow")
        most = self.max_rejected
        if (
            not isinstance(most, int | float)
            or isinstance(most, bool)
            or not most >= 0
            or (isinstance(most, float) and most > 1)
        ):
            raise ConfigurationError(
                f"max_rejected is {most!r}", fix="Use a count from 0 up, or a fraction from 0.0 to 1.0"
            )

    @property
    def trust(self) -> TrustPolicy:
        """The policy that decides whether the model is loaded."""
        return TrustPolicy(
            allow_pickle=self.allow_pickle,
            trusted_types=frozenset(self.trusted_types),
            native_libraries=self.native_libraries,
        )
