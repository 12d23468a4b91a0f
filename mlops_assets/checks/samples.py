"""Checks of the accepted and the rejected rows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pyarrow.dataset as ds

from mlops_assets.arrow.provenance import PUBLISHED_TOGETHER, Provenance
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.arrow.unique_keys import check_unique
from mlops_assets.arrow.views import rows_of
from mlops_assets.checks.failures import TOGETHER_AGAIN, end_with_reasons
from mlops_assets.engines.engine import Engine
from mlops_assets.errors import TableError
from mlops_assets.io_managers.progress import report_progress
from mlops_assets.io_managers.rows import parts_of
from mlops_assets.io_managers.run_partition import of_the_run
from mlops_assets.metadata import quote_markdown, strip_markup
from mlops_assets.naming import INPUT_SAMPLES, REJECTED_SAMPLES, ModelNames
from mlops_assets.redaction.errors import redact_errors
from mlops_assets.scoring.key_parts import refuse_repeated_keys_of_parts
from mlops_assets.state import state_folder
from mlops_assets.storage.location import Location

_NO_ROW = (
    "No row was accepted. Read rejected_samples for the reasons; where it is empty too, the table that inputs "
    "names has no rows (or the partition has none): fill it, and run again"
)


def sample_checks(names: ModelNames, engine: Callable[[], Engine], root: Path) -> dg.AssetChecksDefinition:
    """`not_empty` and `keys_unique`, both blocking."""
    key = names.key(INPUT_SAMPLES)

    @dg.multi_asset_check(
        name=f"{names.slug}__input_samples_checks",
        specs=[
            dg.AssetCheckSpec(
                "not_empty",
                asset=key,
                blocking=True,
                description="Counts the accepted rows: there is at least one. If it fails: read rejected_samples, or "
                "fill the table that is scored.",
            ),
            dg.AssetCheckSpec(
                "keys_unique",
                asset=key,
                blocking=True,
                description="Compares the row keys with each other: none occurs twice. If it fails: name further "
                "columns in inputs.row_key, or remove the duplicates.",
            ),
        ],
        ins={INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES)},
        required_resource_keys={names.run_lock, names.tables},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def samples_are_usable(
        context: dg.AssetCheckExecutionContext, input_samples: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        rows = input_samples.count_rows()
        not_empty = dg.AssetCheckResult(
            check_name="not_empty",
            asset_key=key,
            passed=rows > 0,
            description=f"{rows} rows were accepted" if rows else _NO_ROW,
            metadata={"rows": rows},
        )
        yield not_empty
        row_key = Provenance.of(input_samples.schema).row_key
        problem = None
        with scratch_folder(state_folder(root) / "scratch") as scratch:
            try:
                parts = parts_of(context, names, INPUT_SAMPLES)
                if parts:
                    folder = Location.parse(scratch)
                    refuse_repeated_keys_of_parts(parts, folder, engine(), context.log.info)
                else:
                    check_unique(lambda: rows_of(input_samples, list(row_key)), scratch)
            except TableError as error:
                problem = str(error)
        keys_unique = dg.AssetCheckResult(
            check_name="keys_unique",
            asset_key=key,
            passed=problem is None,
            description=quote_markdown(problem)
            if problem
            else f"The row key ({strip_markup(', '.join(row_key))}) of {rows} rows: none occurs twice",
            metadata={"row_key": ", ".join(row_key), "rows": rows},
        )
        yield keys_unique

    return samples_are_usable


def rejection_checks(names: ModelNames) -> dg.AssetChecksDefinition:
    """`nothing_lost` (blocking): rows in = rows accepted + rows rejected."""
    key = names.key(REJECTED_SAMPLES)

    @dg.multi_asset_check(
        name=f"{names.slug}__rejected_samples_checks",
        specs=[
            dg.AssetCheckSpec(
                "nothing_lost",
                asset=key,
                additional_deps=[names.key(INPUT_SAMPLES)],
                blocking=True,
                description="Compares the number of rows that were read with those in input_samples and "
                "rejected_samples: each row is in one of them, and both are of one run. If it fails: "
                "materialize the whole family again.",
            )
        ],
        ins={
            REJECTED_SAMPLES: of_the_run(names, REJECTED_SAMPLES),
            INPUT_SAMPLES: of_the_run(names, INPUT_SAMPLES),
        },
        required_resource_keys={names.run_lock},
    )
    @redact_errors
    @report_progress()
    @end_with_reasons
    def nothing_lost(
        _context: dg.AssetCheckExecutionContext, rejected_samples: ds.Dataset, input_samples: ds.Dataset
    ) -> Iterator[dg.AssetCheckResult]:
        accepted, rejected = input_samples.count_rows(), rejected_samples.count_rows()
        of_accepted, of_rejected = (Provenance.of(each.schema).extra for each in (input_samples, rejected_samples))
        read = int(of_rejected["rows_read"])
        # Tables of 0.1 do not say what they were published with.
        same_run = of_accepted.get(PUBLISHED_TOGETHER) == of_rejected.get(PUBLISHED_TOGETHER)
        passed = same_run and read == accepted + rejected
        result = dg.AssetCheckResult(
            check_name="nothing_lost",
            asset_key=key,
            passed=passed,
            description=(f"{read} rows were read: {accepted} are in input_samples, {rejected} in rejected_samples")
            + ("" if same_run else ". The two tables are of different runs: one of the runs ended between them")
            + ("" if passed else f". {TOGETHER_AGAIN}"),
            metadata={"rows_read": read, "rows_accepted": accepted, "rows_rejected": rejected},
        )
        yield result

    return nothing_lost
