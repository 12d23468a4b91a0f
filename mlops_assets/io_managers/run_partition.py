"""Which partitions of a table are loaded."""

from typing import TYPE_CHECKING

import dagster as dg

from mlops_assets.errors import TableError
from mlops_assets.naming import HasPartition, ModelNames
from mlops_assets.redaction.errors import redact_errors

if TYPE_CHECKING:
    from dagster._core.storage.input_manager import InputManagerDefinition

    from mlops_assets.io_managers.tables import TableIOManager


def run_partition(context: HasPartition, partitions: "dg.PartitionsDefinition[str] | None") -> str | None:
    """The partition of a run; None where the tables are not partitioned, or the run has none."""
    return context.partition_key if partitions is not None and context.has_partition_key else None


def of_the_run(names: ModelNames, asset: str) -> dg.AssetIn:
    """A table as the input of an asset check: the partition of the check's run, and no other.

    Dagster asks for all partitions there, as checks are not partitioned, and fails while one was never materialized
    (https://github.com/dagster-io/dagster/issues/17005, 27747). A check that is run by itself, without a partition,
    gets the one that was materialized last.
    """
    return dg.AssetIn(key=names.key(asset), input_manager_key=names.tables_of_the_run)


def reader_of_the_run(names: ModelNames) -> "InputManagerDefinition":
    """What loads the inputs that `of_the_run` names."""

    @dg.input_manager(
        required_resource_keys={names.tables}, description="Reads the partition of the run from the tables."
    )
    @redact_errors
    def read(context: dg.InputContext) -> object:
        tables: TableIOManager = getattr(context.resources, names.tables)
        return tables.load(context, [_partition_of_the_run(context)] if context.has_asset_partitions else None)

    return read


def _partition_of_the_run(context: dg.InputContext) -> str:
    if context.has_partition_key:
        return context.partition_key
    event = context.instance.get_latest_materialization_event(context.asset_key)
    latest = event.asset_materialization.partition if event and event.asset_materialization else None
    if latest is None:
        raise TableError(
            f"No partition of {context.asset_key.to_user_string()} has been materialized",
            fix="Materialize one first, or run the check with a partition",
        )
    return latest
