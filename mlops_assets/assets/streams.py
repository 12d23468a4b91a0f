"""The inputs, however they come."""

from mlops_assets.arrow.declared_types import declare_types
from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.arrow.input_table import InputTable
from mlops_assets.naming import ModelNames
from mlops_assets.settings.tables import InputsSettings


def input_table(names: ModelNames, settings: InputsSettings, loaded: object) -> InputTable:
    """The inputs as a keyed table, whether they were read by this package or handed over by the user's own asset."""
    if isinstance(loaded, InputTable):
        return loaded
    table = from_arrow_like(
        loaded,
        row_key=settings.row_key,
        columns=settings.read_columns,
        limit=settings.limit,
        uri=settings.asset_key(names).to_user_string(),
    )
    return declare_types(table, settings.types or {})
