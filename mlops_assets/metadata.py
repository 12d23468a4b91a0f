"""What a materialization or a check shows in the Dagster UI: names of metadata, and functions that make its values."""

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import dagster as dg
import pyarrow as pa

ROW_COUNT, COLUMN_SCHEMA, COLUMN_LINEAGE, URI = (
    "dagster/row_count",
    "dagster/column_schema",
    "dagster/column_lineage",
    "dagster/uri",
)

# Of champion_model: when MLflow registered the version. Of input_samples and performance: the listing of the files that
# were read, as a sensor sees it. Of changes: the later one of the versions. By these the sensors know from what the
# tables were made.
REGISTERED, INPUTS_LISTING, VERSION_AFTER = "registered", "inputs_listing", "version_after"

# Of an input: Dagster's key for partitions that need not be there; here also for a table without partitions.
ALLOW_MISSING = "allow_missing_partitions"

# Of predictions: statistics of its columns: a table for people, and exactly, the JSON ``{column/measure: value}``.
STATISTICS, EXACT_STATISTICS = "statistics", "statistics_exact"

# Of predictions and explanations: what the engine computed and what it took from kept results.
WORK = "work"

# Of a digest, where the whole one stands beside it.
DIGEST_SHOWN = 12

# An event is kept for ever, and read again with every page that shows its asset. So its size does not follow the width
# of a table: each value below has its share of about 200 KB, and what is left out is named beside it.
MOST_EVENT_BYTES = 200_000
MOST_LINEAGE_BYTES, MOST_SCHEMA_BYTES, MOST_STATISTICS_BYTES = 130_000, 40_000, 20_000
# Characters of one name in a list, of all of them, of one cell of a table, and of a message.
MOST_NAME, MOST_LIST, MOST_CELL, MOST_TEXT = 200, 2_000, 1_000, 8_000
# A table in an event is an excerpt; the exact counts stand beside it.
MOST_TABLE_ROWS, MOST_TABLE_BYTES = 50, 20_000
# Of a column's description and of a column's dependency, beside its names: class names, and what Dagster adds.
_COLUMN_BYTES, _DEPENDENCY_BYTES = 190, 120

# Why lineage or a schema is not complete.
LINEAGE_NOTE = "column_lineage_note"

# Markdown below this many characters is shown on an asset's page as it is, longer Markdown behind a click: the web
# server's `MarkdownMetadataEntry` with `expandSmallValues`, seen in dagster-webserver 1.13.27.
SHOWN_WITHOUT_CLICK = 1000

# Of explanations: the scale of their numbers; the picture that is seen without a click.
SPACE, TOP_FEATURES_PICTURE = "space", "top_features_picture"

# Of drift: what a person reads first of a column.
DRIFT_COLUMNS = {
    "segment": "string",
    "column_name": "string",
    "drifted": "bool",
    "jensen_shannon": "float",
    "psi": "float",
    "wasserstein": "float",
    "missing_share": "float",
    "reference_missing_share": "float",
    "unseen_categories": "string",
    "adjusted_p_value": "float",
}

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
    """An Arrow schema as Dagster shows it, with a description per column where there is one.

    Of a wide table the first columns, and how many more there are; without descriptions before columns are left out.
    """
    described = descriptions or {}
    bare = [_COLUMN_BYTES + _json_bytes(field.name) + _json_bytes(str(field.type)) for field in schema]
    if sum(bare) + sum(map(_json_bytes, described.values())) > MOST_SCHEMA_BYTES:
        described = {}
    shown = _first_within(bare, MOST_SCHEMA_BYTES)
    left_out = len(bare) - shown
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                field.name,
                str(field.type),
                description=described.get(field.name),
                constraints=dg.TableColumnConstraints(nullable=field.nullable),
            )
            for field in (schema.field(place) for place in range(shown))
        ],
        constraints=dg.TableConstraints(other=[f"{left_out} more columns, which the table itself names"])
        if left_out
        else None,
    )


def lineage_metadata(
    columns: Mapping[str, Collection[str]],
    source: dg.AssetKey,
    own: Mapping[str, Collection[str]] | None = None,
    most_bytes: int = MOST_LINEAGE_BYTES,
) -> dict[str, Any]:
    """Which columns of `source` each column comes from, as metadata.

    Complete up to some tens of columns. Where each of hundreds depends on all of hundreds, only `own` is named, and a
    note says so.

    Parameters
    ----------
    own
        The dependencies of its own that a column has, by which it is found; a column that is not named has none.
    most_bytes
        What the lineage may take of an event.
    """
    return lineage_of_several(
        {column: [(source, names)] for column, names in columns.items()},
        {column: [(source, names)] for column, names in (own or {}).items()},
        most_bytes,
    )


def lineage_of_several(
    columns: Mapping[str, Sequence[tuple[dg.AssetKey, Collection[str]]]],
    own: Mapping[str, Sequence[tuple[dg.AssetKey, Collection[str]]]] | None = None,
    most_bytes: int = MOST_LINEAGE_BYTES,
) -> dict[str, Any]:
    """`lineage_metadata` of columns that come from several tables."""
    # Counted before anything is measured: a million dependencies are not looked at to see that they are too many.
    count = sum(len(names) for sources in columns.values() for _, names in sources)
    if count * _DEPENDENCY_BYTES <= most_bytes:
        sizes = _lineage_bytes(columns)
        if sum(sizes) <= most_bytes:
            return {COLUMN_LINEAGE: _lineage(columns)}
    own = {} if own is None else own
    shown = _first_within(_lineage_bytes(own), most_bytes)
    return {
        COLUMN_LINEAGE: _lineage({column: own[column] for column in list(own)[:shown]}),
        LINEAGE_NOTE: f"Not complete: {len(columns)} columns depend on columns of the inputs {count} times. Named are "
        f"{shown} columns with those of their own",
    }


def _lineage_bytes(columns: Mapping[str, Sequence[tuple[dg.AssetKey, Collection[str]]]]) -> list[int]:
    return [
        _json_bytes(column)
        + sum(
            len(names) * (_DEPENDENCY_BYTES + _json_bytes(key.to_user_string())) + sum(map(_json_bytes, names))
            for key, names in sources
        )
        for column, sources in columns.items()
    ]


def _lineage(columns: Mapping[str, Sequence[tuple[dg.AssetKey, Collection[str]]]]) -> dg.TableColumnLineage:
    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=key, column_name=name) for key, names in sources for name in names]
            for column, sources in columns.items()
        }
    )


def _json_bytes(text: str) -> int:
    """What a text takes in an event: twice escaped, as a metadata value is JSON within JSON."""
    return len(text) if text.isascii() else len(json.dumps(text))


def _first_within(sizes: Iterable[int], most: int) -> int:
    """How many of the first sizes add up to `most` at most."""
    return sum(1 for total in accumulate(sizes) if total <= most)


def list_names(names: Iterable[object], *, none: str = "") -> str:
    """Names in one text: all of some tens, the first of many and how many more there are.

    Examples
    --------
    >>> list_names(["age", "income"])
    'age, income'
    """
    texts = [shorten_text(str(name), MOST_NAME) for name in names]
    shown = _first_within((len(text) + 2 for text in texts), MOST_LIST)
    more = len(texts) - shown
    return ", ".join(texts[:shown]) + (f" and {more} more" if more else "") or none


def shorten_text(text: str, most: int = MOST_TEXT) -> str:
    """`text`, or its beginning and how long it is."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def table_metadata(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> dg.TableMetadataValue:
    """The first rows as a table, at most `MOST_TABLE_ROWS`; `columns` maps each column to string, int, float or bool.

    Texts are cut at `MOST_CELL` characters, and rows are fewer where they are long.
    """
    shown = [{name: _plain(row.get(name), kind) for name, kind in columns.items()} for row in rows[:MOST_TABLE_ROWS]]
    shown = shown[: max(_first_within((len(json.dumps(row)) for row in shown), MOST_TABLE_BYTES), 1)]
    return dg.MetadataValue.table(
        records=[dg.TableRecord(row) for row in shown],
        schema=dg.TableSchema([dg.TableColumn(name, kind) for name, kind in columns.items()]),
    )


def strongest_columns(rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """The first rows of the table `drift` for a person, who reads its measures."""
    return table_metadata(rows, DRIFT_COLUMNS)


def picture_metadata(svg: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A small SVG picture, shown inline."""
    return dg.MetadataValue.md(f"![{strip_markup(alt)}](data:image/svg+xml;base64,{base64.b64encode(svg).decode()})")


def most_bytes_without_click(alt: str) -> int:
    """How many bytes a picture may have that `picture_metadata` makes visible without a click."""
    around = len(picture_metadata(b"", alt).value or "")
    # Base 64 makes four characters of three bytes.
    return (SHOWN_WITHOUT_CLICK - 1 - around) // 4 * 3


def strip_markup(text: str) -> str:
    """`text` without what Markdown or HTML would interpret.

    Examples
    --------
    >>> strip_markup("most by mean_radius (0.02), age (0.01)")
    'most by mean radius 0.02, age 0.01'
    """
    plain = re.sub(r"[\[\]()<>&`*_\\!|#\n\r]", " ", text)
    return re.sub(r" +(?=[,.;:]( |$))", "", re.sub(r" {2,}", " ", plain)).strip()


def quote_markdown(text: str) -> str:
    """`text` as Markdown that shows it as it is: Dagster renders the description of a check's result.

    A code span, or a block for several lines, fenced by more backticks than occur in a row inside. At most `MOST_TEXT`
    characters of it.

    Examples
    --------
    >>> quote_markdown("no column <b>age</b>")
    '` no column <b>age</b> `'
    """
    text = shorten_text(text)
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
    return bool(value) if kind == "bool" else shorten_text(str(value), MOST_CELL)


def _rounded(value: Any) -> float:
    # What a person reads; the exact number is in the table itself.
    return float(f"{float(value):.6g}")
