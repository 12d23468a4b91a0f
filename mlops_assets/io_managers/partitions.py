"""Which partitions of a table an IO manager loads."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import get_args, get_origin

import dagster as dg

from mlops_assets.errors import TableError

_OF_THE_RUN = MappingProxyType({"mlops_assets/partition": "of the run"})
ALLOW_MISSING = "allow_missing_partitions"


def of_the_run(key: dg.AssetKey) -> dg.AssetIn:
    """An input of an asset check: the partition of the check's run, and no other.

    Dagster asks for all partitions there, as checks are not partitioned, and fails while one was never materialized
    (https://github.com/dagster-io/dagster/issues/17005, 27747). A check that is run by itself, without a partition,
    gets the one that was materialized last.
    """
    return dg.AssetIn(key=key, metadata=dict(_OF_THE_RUN))


def partitions_to_load(context: dg.InputContext) -> Sequence[str] | None:
    """The partitions that an input stands for; None: its asset is not partitioned.

    Raises
    ------
    TableError
        A check asks for the partition of its run, and none was ever materialized.
    """
    if not context.has_asset_partitions:
        return None
    options = context.definition_metadata or {}
    if not set(_OF_THE_RUN.items()) <= set(options.items()):
        return context.asset_partition_keys
    if context.has_partition_key:
        return [context.partition_key]
    event = context.instance.get_latest_materialization_event(context.asset_key)
    latest = event.asset_materialization.partition if event and event.asset_materialization else None
    if latest is None:
        raise TableError(
            f"No partition of {context.asset_key.to_user_string()} has been materialized",
            fix="Materialize one first, or run the check with a partition",
        )
    return [latest]


def by_partition(annotation: object) -> object | None:
    """What a consumer wants of each partition: ``X`` where it annotates ``dict[str, X]``, else None."""
    if get_origin(annotation) in (dict, Mapping):
        return get_args(annotation)[1]
    return None
