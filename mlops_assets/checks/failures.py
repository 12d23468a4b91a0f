"""Failed checks in the log, where a terminal shows them."""

import dagster as dg

from mlops_assets.metadata import unquote_markdown

TOGETHER_AGAIN = "Materialize the whole family again; if it recurs, report it as a defect of mlops_assets"


def log_failure(context: dg.AssetCheckExecutionContext, result: dg.AssetCheckResult) -> dg.AssetCheckResult:
    """The same result; where it failed, its description is logged: as an error, or as the warning that it is.

    Dagster itself prints the description of a check among a hundred lines of DEBUG.
    """
    if not result.passed:
        warns = result.severity == dg.AssetCheckSeverity.WARN
        log = context.log.warning if warns else context.log.error
        log(unquote_markdown(result.description or ""))
    return result
