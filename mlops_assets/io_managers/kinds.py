"""The IO managers that a model's YAML can name, by format or as a user's own class."""

from pathlib import Path
from typing import Any

from mlops_assets.io_managers.sql import SqlIOManager
from mlops_assets.io_managers.tables import CsvIOManager, DeltaIOManager, ParquetIOManager, TableIOManager
from mlops_assets.redaction.concealed import conceal, conceal_options
from mlops_assets.settings.tables import OutputsSettings, database_setting
from mlops_assets.strategies import build_strategy, by_kind

FORMATS: dict[str, type[TableIOManager]] = {
    "parquet": ParquetIOManager,
    "csv": CsvIOManager,
    "delta": DeltaIOManager,
    "sql": SqlIOManager,
}
KINDS = by_kind(*FORMATS.values())


def tables_io_manager(outputs: OutputsSettings, root: Path) -> TableIOManager:
    """What publishes a model's tables and reads them back.

    Raises
    ------
    ConfigurationError
        `outputs.KIND` cannot be found, is no `TableIOManager`, or does not take these settings.
    """
    arguments: dict[str, Any] = {
        "KIND": outputs.KIND or outputs.format,
        "path": conceal(outputs.address(root)),
        "storage_options": conceal_options(outputs.storage_options or {}),
    }
    if outputs.database is not None:
        arguments |= {
            "connection": database_setting(outputs.database),
            "namespace": outputs.database_schema,
            "mode": outputs.mode,
            "prefix": outputs.prefix or "",
            "root": str(root),
        }
    if outputs.csv_formulas == "escape":
        arguments["csv_formulas"] = outputs.csv_formulas
    return build_strategy(TableIOManager, FORMATS | KINDS, arguments)
