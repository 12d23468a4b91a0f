"""What a materialization or a check shows in the Dagster UI: names of metadata, and functions that make its values."""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import pyarrow as pa

ROW_COUNT, COLUMN_SCHEMA, COLUMN_LINEAGE, URI = (
    "dagster/row_count",
    "dagster/column_schema",
    "dagster/column_lineage",
    "dagster/uri",
)

# Of an input: Dagster's key for partitions that need not be there.
ALLOW_MISSING = "allow_missing_partitions"

# Of predictions: statistics of its columns: a table for people, and exactly, the JSON ``{column/measure: value}``.
STATISTICS, EXACT_STATISTICS = "statistics", "statistics_exact"

# Of predictions and explanations: what the engine computed and what it took from kept results.
WORK = "work"

# Of a digest, where the whole one stands beside it.
DIGEST_SHOWN = 12

# Markdown below this many characters is shown on an asset's page as it is, longer Markdown behind a click: the web
# server's `MarkdownMetadataEntry` with `expandSmallValues`, seen in dagster-webserver 1.13.27.
SHOWN_WITHOUT_CLICK = 1000

# Of explanations: the scale of their numbers; the picture that is seen without a click.
SPACE, TOP_FEATURES_PICTURE = "space", "top_features_picture"

# Events are kept for ever, so a table in one is an excerpt; the exact counts stand beside it.
MOST_TABLE_ROWS = 50

# Differences between two signatures, as `Compatibility.rows` gives them.
DIFFERENCE_COLUMNS = {
    "against": "string",
    "code": "string",
    "part": "string",
    "path": "string",
    "old": "string",
    "new": "string",
    "breaking": "bool",
    "forbidden": "bool",
}


def schema_metadata(schema: pa.Schema, descriptions: Mapping[str, str] | None = None) -> dg.TableSchema:
    """An Arrow schema as Dagster shows it, with a description per column where there is one."""
    described = descriptions or {}
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name,
                str(field.type),
                description=described.get(field.name),
                constraints=dg.TableColumnConstraints(nullable=field.nullable),
            )
            for field in schema
        ]
    )


def column_lineage(columns: Mapping[str, Iterable[str]], source: dg.AssetKey) -> dg.TableColumnLineage:
    """Which columns of `source` each column comes from."""
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=source, column_name=name) for name in names]
            for column, names in columns.items()
        }
    )


def table_metadata(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dg.TableMetadataValue:
    """At most `MOST_TABLE_ROWS` rows as a table; `columns` maps each column to string, int, float or bool."""
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord({name: _plain(row.get(name), kind) for name, kind in columns.items()})
            for row in rows[:MOST_TABLE_ROWS]
        ],
        schema=dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()]),
    )


def picture_metadata(svg: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A small SVG picture, shown inline."""
    return dg.MetadataValue.md(f"![{strip_markup(alt)}](data:image/svg+xml;base64,{base64.b64encode(svg).decode()})")


def most_bytes_without_click(alt: str) -> int:
    """How many bytes a picture may have that `picture_metadata` makes visible without a click."""
    around = len(picture_metadata(b"", alt).value or "")
    # Base 64 makes four characters of three bytes.
    return (SHOWN_WITHOUT_CLICK - 1 - around) // 4 * 3


def strip_markup(text: str) -> str:
    """`text` without what Markdown or HTML would interpret."""
    return re.sub(r"[\[\]()<>&`*_\\!|#\n\r]", " ", text)


def quote_markdown(text: str) -> str:
    """`text` as Markdown that shows it as it is: Dagster renders the description of a check's result.

    A code span, or a block for several lines, fenced by more backticks than occur in a row inside.

    Examples
    --------
    >>> quote_markdown("no column <b>age</b>")
    '` no column <b>age</b> `'
    """
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    if len(text.splitlines()) > 1:
        fence = fence.ljust(3, "`")
        return f"{fence}text\n{text}\n{fence}"
    return f"{fence} {text} {fence}" if text.strip() else ""


def unquote_markdown(text: str) -> str:
    """What `quote_markdown` was given; any other text as it is.

    Examples
    --------
    >>> unquote_markdown(quote_markdown("no column <b>age</b>"))
    'no column <b>age</b>'
    """
    quoted = re.fullmatch(r"(`+)(?:text\n(?P<block>.*)\n| (?P<span>.*) )\1", text, re.DOTALL)
    if quoted is None:
        return text
    return str(quoted["block"] if quoted["block"] is not None else quoted["span"])


def pinned_model(name: str, version: object, digest: str) -> str:
    """A pinned version in words, with as much of the digest as tells two versions apart."""
    return f"{name} version {version}, digest {digest[:DIGEST_SHOWN]}"


def work_metadata(counts: Mapping[str, int | bool]) -> dict[str, dg.JsonMetadataValue]:
    """What an engine did, as one entry: nobody plots its counters."""
    return {WORK: dg.MetadataValue.json(dict(counts))}


def prefix_floats(values: Mapping[str, float], prefix: str) -> dict[str, float]:
    """Numbers under stable flat names, which the UI plots over time."""
    return {f"{prefix}/{name}": float(value) for name, value in values.items()}


def _plain(value: Any, kind: str) -> str | int | float | bool | None:
    if value is None:
        return None
    if kind == "int":
        return int(value)
    if kind == "float":
        return _rounded(value)
    return bool(value) if kind == "bool" else str(value)


def _rounded(value: Any) -> float:
    # What a person reads; the exact number is in the table itself.
    return float(f"{float(value):.6g}")
