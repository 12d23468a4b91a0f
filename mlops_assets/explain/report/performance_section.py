"""The report's section on performance, of the rows of the tables `performance` and `performance_calibration`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from mlops_assets.explain.report.blocks import Block, DataTable, Grid, Paragraph, Part, data_table
from mlops_assets.explain.report.formatting import NAME_LENGTH, number, plural, shorten, signed
from mlops_assets.explain.report.frame import make_frame
from mlops_assets.explain.report.marks import Chart
from mlops_assets.explain.report.points import dots
from mlops_assets.explain.report.section import PERFORMANCE, Section

Row = Mapping[str, Any]

_SEGMENTS, _PARTITIONS, _OUTPUTS = 30, 30, 4


def performance_section(
    rows: Iterable[Row],
    calibration: Iterable[Row],
    version: int | None,
    main: Sequence[str] = (),
    lower_is_better: Collection[str] = (),
) -> Section | None:
    """How right the predictions were; None: no outcome is known.

    Parameters
    ----------
    rows, calibration
        Of the tables `performance` and `performance_calibration`.
    version
        That the report is about; where it has no outcomes yet, the newest that has is shown.
    main
        Metrics, the first of which that is known stands for all in the summary.
    lower_is_better
        Metrics of errors: those that are worse where they are higher.
    """
    known = list(rows)
    versions = sorted({row["model_version"] for row in known})
    if not versions:
        return None
    shown = version if version is not None and version in versions else versions[-1]
    whole = [
        row for row in known if row["model_version"] == shown and row["segment"] is None and row["partition"] is None
    ]
    own = {row["metric"]: row for row in whole if row["compared_with"] is None}
    changes = {row["metric"]: row for row in whole if row["compared_with"] is not None}
    first = next((name for name in main if name in own and own[name]["value"] is not None), next(iter(own), ""))
    of_others = "" if shown == version else f"Version {version} is not compared with outcomes yet; of version {shown}: "
    blocks: list[Block] = []
    headline = ""
    if first:
        measured = own[first]
        headline = f"{of_others}{_title(first)} {_with_range(measured)}, from {plural(measured['rows'], 'outcome')}."
        blocks += [Paragraph(headline), _metrics(shown, own, changes)]
    charts = _calibration([row for row in calibration if row["model_version"] == shown])
    blocks += [Part("Calibration", (Grid(charts),))] if charts else []
    for title, table in (
        ("By segment", _groups(known, shown, "segment", first)),
        ("By partition", _groups(known, shown, "partition", first)),
    ):
        blocks += [Part(title, (table,))] if table is not None else []
    worse = [row for row in changes.values() if _is_worse(row, -1 if row["metric"] in lower_is_better else 1)]
    watch = tuple(
        (
            f"{_title(row['metric'])}",
            f"worse than that of version {row['compared_with']}, {_with_range(row, sign=True)}.",
        )
        for row in worse[:3]
    )
    return Section("Performance", PERFORMANCE, tuple(blocks), headline, watch)


def _metrics(version: int, own: Mapping[str, Row], changes: Mapping[str, Row]) -> DataTable:
    header = ["metric", f"version {version}", "95 % interval", "outcomes"]
    if changes:
        before = next(iter(changes.values()))["compared_with"]
        rows_of = "same rows" if any(row["paired"] for row in changes.values()) else "other rows"
        header += [f"minus version {before} ({rows_of})", "95 % interval"]
    table = []
    for name, row in own.items():
        cells = [_title(name), _number(row["value"]), _range(row), f"{row['rows']:,}"]
        if changes:
            change = changes.get(name)
            cells += (
                ["", ""] if change is None or change["value"] is None else [signed(change["value"]), _range(change)]
            )
        table.append(cells)
    numeric = tuple(range(1, len(header)))
    return data_table(f"How right the predictions of version {version} were", header, table, numeric=numeric)


def _groups(rows: Sequence[Row], version: int, by: str, metric: str) -> DataTable | None:
    """One metric of each segment, or of each partition."""
    other = "partition" if by == "segment" else "segment"
    found = [
        row
        for row in rows
        if row["model_version"] == version
        and row["metric"] == metric
        and row["compared_with"] is None
        and row[by] is not None
        and row[other] is None
    ]
    if not found:
        return None
    most = _SEGMENTS if by == "segment" else _PARTITIONS
    # Of partitions the last ones are the newest.
    shown = found[:most] if by == "segment" else found[-most:]
    table = [
        [
            f"{row['segment']}: {row['segment_value']}" if by == "segment" else str(row["partition"]),
            _number(row["value"]),
            _range(row),
            f"{row['rows']:,}",
        ]
        for row in shown
    ]
    caption = f"{_title(metric)} by {by}; {len(shown):,} of {len(found):,}"
    return data_table(caption, [by, _title(metric), "95 % interval", "outcomes"], table, numeric=(1, 2, 3))


def _calibration(bins: Sequence[Row]) -> tuple[Chart, ...]:
    outputs = list(dict.fromkeys(row["output"] for row in bins))
    return tuple(_diagram([row for row in bins if row["output"] == output], output) for output in outputs[:_OUTPUTS])


def _diagram(bins: Sequence[Row], output: str) -> Chart:
    """Mean outcome against mean prediction, a point per bin; on the line both are the same."""
    predicted, observed = (np.array([row[name] for row in bins], np.float64) for name in ("predicted", "observed"))
    ends = np.concatenate([predicted, observed])
    low, high = float(ends.min()), float(ends.max())
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    frame = make_frame((low, high), (low, high), "mean prediction", "mean outcome")
    x, y = frame.x(np.array(frame.across)), frame.y(np.array(frame.across))
    farthest = int(np.abs(predicted - observed).argmax())
    description = (
        f"Mean outcome against mean prediction of {shorten(output, NAME_LENGTH)} in {plural(len(bins), 'bin')}; "
        f"farthest from each other: predicted {number(float(predicted[farthest]))}, observed "
        f"{number(float(observed[farthest]))}"
    )
    return Chart(
        frame.width,
        frame.height,
        description,
        frame.ruling,
        f"M{x[0]:.1f} {y[0]:.1f}L{x[1]:.1f} {y[1]:.1f}",
        dots=tuple(dots(frame.x(predicted), frame.y(observed))),
        labels=frame.labels,
        title=f"Calibration of {shorten(output, NAME_LENGTH)}",
    )


def _is_worse(change: Row, better: int) -> bool:
    """Whether the interval of a difference lies on the worse side of zero; `better` is the sign of the better one."""
    low, high = change["low"], change["high"]
    return low is not None and high is not None and max(low * better, high * better) < 0


def _title(metric: str) -> str:
    return metric.replace("_", " ")


def _with_range(row: Row, *, sign: bool = False) -> str:
    interval = _range(row)
    value = "unknown" if row["value"] is None else signed(row["value"]) if sign else number(row["value"])
    return f"{value} (95 % interval {interval})" if interval else value


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _range(row: Row) -> str:
    return "" if row["low"] is None or row["high"] is None else f"{number(row['low'])} to {number(row['high'])}"
