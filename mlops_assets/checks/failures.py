"""Failed checks in the log, where a terminal shows them, and as the error that ends the step."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Concatenate, ParamSpec

import dagster as dg

from mlops_assets.errors import CheckFailedError
from mlops_assets.metadata import unquote_markdown

TOGETHER_AGAIN = "Materialize the whole family again; if it recurs, report it as a defect of mlops_assets"

Arguments = ParamSpec("Arguments")
Results = Iterator[dg.AssetCheckResult]
Context = dg.AssetCheckExecutionContext


def log_failure(context: Context, result: dg.AssetCheckResult) -> dg.AssetCheckResult:
    """The same result; where it failed, its description is logged: as an error, or as the warning that it is.

    Dagster itself prints the description of a check among a hundred lines of DEBUG.
    """
    if not result.passed:
        warns = result.severity == dg.AssetCheckSeverity.WARN
        log = context.log.warning if warns else context.log.error
        log(_reason(result))
    return result


def end_with_reasons(
    checks: Callable[Concatenate[Context, Arguments], Results],
) -> Callable[Concatenate[Context, Arguments], Results]:
    """The same checks; where some fail that block, all results are recorded, and then the step ends with the reasons.

    Dagster's own error names the failed checks only, and that error is what the terminal, the run's page and a
    notification show.
    """

    @wraps(checks)
    def checks_with_reasons(context: Context, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> Results:
        blocking = {spec.name for spec in context.check_specs if spec.blocking}
        failed: list[tuple[str, dg.AssetCheckResult]] = []
        for result in checks(context, *arguments, **named):
            # A single check may leave its own name out.
            name = result.check_name or next(spec.name for spec in context.check_specs)
            if not result.passed and result.severity == dg.AssetCheckSeverity.ERROR and name in blocking:
                failed.append((name, result))
            yield log_failure(context, result)
        if failed:
            spec = next(iter(context.check_specs))
            names = " and ".join(name for name, _ in failed)
            raise CheckFailedError(
                f"The check{'s' if len(failed) > 1 else ''} {names} failed",
                where=f"asset {spec.asset_key.to_user_string()}",
                fix=". ".join(_reason(result).rstrip(". ") for _, result in failed),
            )

    return checks_with_reasons


def _reason(result: dg.AssetCheckResult) -> str:
    return unquote_markdown(result.description or "")
