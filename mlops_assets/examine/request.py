"""What is to be examined."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlops_assets.models.trust import TrustPolicy
from mlops_assets.tables.source import TableFormat

ENVIRONMENT = "env:"
"""Before the name of an environment variable that holds a database's URL."""

_DATABASES = re.compile(
    r"(postgres(ql)?|sqlite|duckdb|mysql|mariadb|mssql|oracle|snowflake|bigquery|redshift|databricks)(\+\w+)?://"
)


def is_database(inputs: str) -> bool:
    """Whether this names a database, of a kind that is known or not, and no file."""
    return inputs.startswith(ENVIRONMENT) or _DATABASES.match(inputs) is not None


@dataclass(frozen=True)
class ExaminationRequest:
    """A registered model, a table, and where the YAML will be.

    Attributes
    ----------
    model
        ``churn`` (its Champion), ``churn@Challenger`` or ``churn/3``; None: not given.
    inputs
        Path or URL, as the YAML will have it, with ``{partition}`` in it or not; a database's URL, or ``env:NAME`` of a
        variable that holds it; None: not given.
    table, query
        Of a database: which table (``schema.table`` for another schema), or SQL.
    root
        The project's folder, where relative paths start.
    row_key, format, delimiter, types
        As in the YAML.
    name, outputs
        As in the YAML; None: the model's name, ``tables/<name>``.
    trust
        What may be done to the model here. The YAML never allows more than the default by itself.
    tracking_uri, registry_uri
        MLflow's; None: those of the environment, else those found in the project.
    """

    model: str | None
    inputs: str | None
    root: Path
    row_key: tuple[str, ...] | None = None
    format: TableFormat | None = None
    delimiter: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    outputs: str | None = None
    table: str | None = None
    query: str | None = None
    trust: TrustPolicy = field(default_factory=TrustPolicy)
    tracking_uri: str | None = None
    registry_uri: str | None = None


def relative_inputs(text: str, root: Path, folder: Path) -> str:
    """A path that was typed in `folder` as it is written in the YAML of the project in `root`; URLs stay as they are.

    Examples
    --------
    >>> relative_inputs("s3://bucket/customers", Path("/project"), Path("/project/data"))
    's3://bucket/customers'
    """
    if text.startswith(ENVIRONMENT):
        return text
    scheme, slashes, path = text.partition(":///")
    if slashes and scheme in ("sqlite", "duckdb") and not path.startswith("/"):
        return f"{scheme}:///{relative_inputs(path, root, folder)}"
    if "://" in text:
        return text
    typed = (folder / Path(text).expanduser()).absolute()
    if not typed.exists() and (root / text).exists():
        typed = (root / text).absolute()
    resolved, base = Path(*typed.parts).resolve(), root.resolve()
    return resolved.relative_to(base).as_posix() if resolved.is_relative_to(base) else str(typed)
