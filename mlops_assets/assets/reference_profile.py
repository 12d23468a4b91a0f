"""The table that runs are compared with, and its profile."""

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.assets.side_tables import side_rows, side_table_spec
from mlops_assets.errors import TableError
from mlops_assets.explain.drift.profile import Profile
from mlops_assets.explain.drift.profile_table import THIS, origins_to_extra, profile_table, read_profiles
from mlops_assets.explain.drift.profile_tables import PROFILE_VERSION, profile_inputs
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.tables import TableIOManager
from mlops_assets.naming import MODEL_SIGNATURE, REFERENCE, REFERENCE_PROFILE, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.settings.groups import ContractSettings
from mlops_assets.settings.monitor import MonitorSettings, ReferenceSettings
from mlops_assets.settings.tables import OutputsSettings

CODE_VERSION = "1"
IDENTITY = "reference_identity"
"""A field of `Provenance.extra`: a hash of the files and settings that the profile was made of."""

DESCRIPTION = """
What the table of `monitor.reference` looks like, with the signature applied to it: what `drift` compares each run with.

Columns as in `profile`; inputs alone. The table is read again when its files, the signature or the settings change."""


def reference_asset_spec(names: ModelNames, settings: ReferenceSettings) -> dg.AssetSpec:
    """`reference` of one model: nothing is read."""
    holds = f"The rows that runs of {names.model} are compared with."
    return side_table_spec(names, settings.asset_key(names), settings.as_inputs(), holds)


def reference_profile_asset(
    names: ModelNames,
    monitor: MonitorSettings,
    contract: ContractSettings,
    outputs: OutputsSettings,
    root: Path,
) -> dg.AssetsDefinition:
    """`reference_profile` of one model, where `monitor.reference` is a table."""
    settings = monitor.reference
    reader = names.reference_reader if settings.path else None

    @dg.asset(
        key=names.key(REFERENCE_PROFILE),
        description=DESCRIPTION.strip(),
        ins={
            MODEL_SIGNATURE: dg.AssetIn(key=names.key(MODEL_SIGNATURE)),
            REFERENCE: dg.AssetIn(key=settings.asset_key(names), input_manager_key=reader),
        },
        io_manager_key=names.tables,
        required_resource_keys={names.run_lock, names.tables},
        pool=names.pool,
        group_name=names.group,
        kinds={outputs.format},
        code_version=CODE_VERSION,
    )
    @redact_errors
    @report_progress(names.key(REFERENCE_PROFILE))
    def reference_profile(
        context: dg.AssetExecutionContext, model_signature: str, reference: Any
    ) -> dg.MaterializeResult[pa.RecordBatchReader]:
        identity = _identity(settings, contract, monitor, model_signature, getattr(reference, "listing", None))
        profile = _find(context, names, identity)
        is_kept = profile is not None
        if profile is None:
            profile = _make(names, monitor, contract, model_signature, reference, root)
        version = profile.origin.version
        extra = origins_to_extra({THIS: profile}) | ({IDENTITY: identity} if identity is not None else {})
        rows = next(iter(profile.segments.values()))
        return dg.MaterializeResult(
            value=with_provenance(
                profile_table({THIS: profile}).to_reader(),
                Provenance(model=names.model, data_version=version, extra=extra),
            ),
            metadata={
                "rows_profiled": next((column.rows for column in rows.inputs.values()), 0),
                "read_again": not is_kept,
            },
            data_version=dg.DataVersion(version),
        )

    return reference_profile


def _identity(
    settings: ReferenceSettings,
    contract: ContractSettings,
    monitor: MonitorSettings,
    signature: str,
    listing: str | None,
) -> str | None:
    """What the profile depends on; None where only reading shows whether the rows are the same."""
    if listing is None:
        return None
    read = settings.model_dump(include={"path", "format", "version"})
    return hash_of(str(PROFILE_VERSION), listing, signature, repr(read), repr(contract.policy()), *monitor.segments)


def _find(context: dg.AssetExecutionContext, names: ModelNames, identity: str | None) -> Profile | None:
    """The published profile, where it is of the same files and settings."""
    tables: TableIOManager = getattr(context.resources, names.tables)
    if identity is None or not tables.exists(REFERENCE_PROFILE):
        return None
    try:
        published = tables.read_whole(REFERENCE_PROFILE)
        extra = Provenance.of(published.schema).extra
        return read_profiles(published)[THIS] if extra.get(IDENTITY) == identity else None
    except TableError as error:
        context.log.warning(f"The published reference_profile cannot be read, so it is made again: {error}")
        return None


def _make(
    names: ModelNames,
    monitor: MonitorSettings,
    contract: ContractSettings,
    signature: str,
    loaded: object,
    root: Path,
) -> Profile:
    settings = monitor.reference.as_inputs()
    with side_rows(names, settings, loaded, signature, contract, root, "monitor.reference") as found:
        rows = found.conformed
        return profile_inputs(
            rows.accepted.reader(), found.source.row_key, monitor.segments, rows.accepted_hash, found.where
        )
