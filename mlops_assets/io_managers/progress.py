"""Progress of long work where Dagster shows it: in the run's log, and as observations of the asset that is made."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar, cast

import dagster as dg

from mlops_assets.progress.report import log_pause, report_to
from mlops_assets.progress.stage import Progress

Function = TypeVar("Function", bound=Callable[..., Any])
StepContext = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext
Context = StepContext | dg.InputContext | dg.OutputContext

# Each observation is a row of the asset's page; a stage has about thirty lines in the log.
_LINES_PER_OBSERVATION = 3


class DagsterListener:
    """Writes a stage that takes longer than ten seconds to the log of the step, and observes the asset now and then.

    Parameters
    ----------
    asset
        What is made; None: nothing is observed.
    """

    def __init__(self, context: Context, asset: dg.AssetKey | None) -> None:
        self._context, self._asset = context, asset

    def pause(self, reports: int, progress: Progress | None) -> float:
        return log_pause(reports, progress)

    def show(self, progress: Progress, report: int) -> None:
        self._context.log.info(str(progress))
        if self._asset is not None and report % _LINES_PER_OBSERVATION == 0:
            self._observe(self._asset, progress)

    def note(self, line: str) -> None:
        self._context.log.info(line)

    def end(self, progress: Progress, reports: int) -> None:
        if reports:
            self._context.log.info(str(progress))

    def _observe(self, asset: dg.AssetKey, progress: Progress) -> None:
        context = self._context
        # Of the others Dagster takes no event.
        assert isinstance(context, dg.OpExecutionContext | dg.AssetExecutionContext | dg.OutputContext)
        partition = _partition(context)
        metadata: dict[str, dg.MetadataValue] = {
            "progress": dg.MetadataValue.text(str(progress)),
            "stage": dg.MetadataValue.text(progress.doing),
        }
        if progress.part is not None:
            metadata["percent_done"] = dg.MetadataValue.float(round(100 * progress.part, 1))
        if progress.unit:
            metadata[f"{progress.unit}_done"] = dg.MetadataValue.int(progress.done)
        if progress.seconds_left is not None:
            metadata["seconds_left"] = dg.MetadataValue.float(round(progress.seconds_left, 1))
        context.log_event(dg.AssetObservation(asset, str(progress), metadata, partition))


def _partition(context: dg.OpExecutionContext | dg.AssetExecutionContext | dg.OutputContext) -> str | None:
    if isinstance(context, dg.OutputContext):
        return context.partition_key if context.has_asset_partitions else None
    return context.partition_key if context.has_partition_key else None


def progress_of(
    context: Context, asset: dg.AssetKey | None = None, *, take_over: bool = False
) -> AbstractContextManager[None]:
    """Within it, what long work says of its progress is reported by a `DagsterListener`.

    `take_over`: also of a stream that the asset's function has begun to read; see `report_to`.
    """
    try:
        _ = context.log
    except dg.DagsterInvariantViolationError:
        # Outside of a run, in a notebook for example, there is no log.
        return nullcontext()
    return report_to(DagsterListener(context, asset), take_over=take_over)


def report_progress(asset: dg.AssetKey | None = None) -> Callable[[Function], Function]:
    """A decorator for the function of an op, an asset or a check: `progress_of` its context."""

    def decorate(function: Function) -> Function:
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generate(context: StepContext, *positional: Any, **named: Any) -> Iterator[Any]:
                with progress_of(context, asset):
                    yield from function(context, *positional, **named)

            return cast(Function, generate)

        @functools.wraps(function)
        def call(context: StepContext, *positional: Any, **named: Any) -> Any:
            with progress_of(context, asset):
                return function(context, *positional, **named)

        return cast(Function, call)

    return decorate
