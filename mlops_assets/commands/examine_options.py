"""Arguments that `init` and `doctor` share."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_assets.examine.request import ExaminationRequest


def add_examine_arguments(parser: argparse.ArgumentParser) -> None:
    """How the table is read, where the tables go, and which registry is asked."""
    parser.add_argument(
        "--inputs",
        metavar="TABLE",
        help="the table to score: file, folder, URL, path with {partition}; a database's URL, or env:VARIABLE",
    )
    parser.add_argument("--table", metavar="NAME", help="of a database: the table or view, also SCHEMA.NAME")
    parser.add_argument("--query", metavar="SQL", help="of a database, instead of a table: a query")
    parser.add_argument(
        "--row-key", action="append", metavar="COLUMN", help="a column that identifies a row; once for each of several"
    )
    parser.add_argument(
        "--format",
        choices=("parquet", "csv", "jsonl", "delta"),
        help="of TABLE, where its extension does not show it",
    )
    parser.add_argument("--delimiter", help="of a CSV file (default: a comma)")
    parser.add_argument(
        "--name", help="what assets, jobs and tables are named after (default: the registered model's name)"
    )
    parser.add_argument("--outputs", metavar="PLACE", help="folder or URL for the tables (default: tables/NAME)")
    parser.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow's (default: MLFLOW_TRACKING_URI, else the project's registry)"
    )
    parser.add_argument("--registry-uri", metavar="URI", help="MLflow's (default: MLFLOW_REGISTRY_URI)")


def request_of(chosen: argparse.Namespace, root: Path) -> "ExaminationRequest":
    """What is to be examined, for a project in `root`; trust is the default's."""
    from mlops_assets.examine.request import ExaminationRequest, relative_inputs

    return ExaminationRequest(
        model=chosen.model,
        inputs=relative_inputs(chosen.inputs, root, Path.cwd()) if chosen.inputs else None,
        root=root,
        row_key=tuple(chosen.row_key) if chosen.row_key else None,
        table=chosen.table,
        query=chosen.query,
        format=chosen.format,
        delimiter=chosen.delimiter,
        name=chosen.name,
        outputs=chosen.outputs,
        tracking_uri=chosen.tracking_uri,
        registry_uri=chosen.registry_uri,
    )
