"""Arguments that `score` and `explain` share, and what both do with their results."""

import argparse
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from mlops_assets.direct.results import DirectResult
    from mlops_assets.direct.settings import DirectSettings

_FORMATS = ("parquet", "csv", "jsonl", "delta")


def add_direct_arguments(parser: argparse.ArgumentParser) -> None:
    """``MODEL IN OUT``, and how the table is read, checked, and the model loaded."""
    parser.add_argument(
        "model",
        help="a registered model (churn is its Champion; churn@Challenger, churn/3), models:/..., runs:/..., or the "
        "folder of a saved model",
    )
    parser.add_argument("inputs", metavar="in", help="file, folder or URL: Parquet, CSV, JSON Lines or Delta")
    parser.add_argument("out", help="the file that is written, .parquet or .csv; whole or not at all")
    table = parser.add_argument_group("the table")
    table.add_argument(
        "--key", action="append", metavar="COLUMN", help="a column that identifies a row; once for each of several"
    )
    table.add_argument(
        "--columns", metavar="A,B", help="read only these columns beside the key; a model without a signature gets them"
    )
    table.add_argument("--format", choices=_FORMATS, help="of IN, where its extension does not show it")
    table.add_argument(
        "--types", action="append", default=[], metavar="COLUMN=TYPE", help="an Arrow type, for example age=int64"
    )
    table.add_argument("--delimiter", help="of a CSV file (default: a comma)")
    contract = parser.add_argument_group("the contract")
    contract.add_argument(
        "--missing",
        choices=("reject", "allow"),
        default="reject",
        help="null or NaN in a required column: reject the row, or let the model see it (default: %(default)s)",
    )
    contract.add_argument("--iso-datetimes", action="store_true", help="read ISO 8601 text as datetimes")
    contract.add_argument(
        "--max-rejected",
        default="0",
        metavar="ROWS",
        help="rows that may be refused: a count, or a fraction such as 0.01 (default: %(default)s)",
    )
    contract.add_argument("--rejected", metavar="PATH", help="write refused rows here, with the reasons")
    contract.add_argument(
        "--show-values", action="store_true", help="show refused values, and row keys where the model fails, in errors"
    )
    model = parser.add_argument_group("the model")
    model.add_argument("--allow-pickle", action="store_true", help="load models whose loading runs their own code")
    model.add_argument(
        "--trusted-type", action="append", default=[], metavar="TYPE", help="a further type to trust in skops files"
    )
    model.add_argument(
        "--native-libraries", action="store_true", help="load native model files (LightGBM, ...) that cannot be checked"
    )
    model.add_argument(
        "--tracking-uri", metavar="URI", help="MLflow's (default: MLFLOW_TRACKING_URI, else the project's registry)"
    )
    model.add_argument("--registry-uri", metavar="URI", help="MLflow's (default: MLFLOW_REGISTRY_URI)")
    parser.add_argument("--workers", default="auto", help="processes that share the work (default: %(default)s)")


def write_result(
    chosen: argparse.Namespace,
    verb: str,
    open_result: "Callable[[DirectSettings], AbstractContextManager[DirectResult]]",
) -> int:
    """Make the result, write it, and say what was done; refused rows are counted on stderr."""
    from mlops_assets.commands.progress import show_progress

    with show_progress() as show:
        show("loading the model, and checking the rows")
        from mlops_assets.direct.tables import find_writer, write_table
        from mlops_assets.direct.wording import name_settings

        with name_settings("command"):
            settings = _settings(chosen)
            find_writer(chosen.out, chosen.inputs)
            if settings.rejected is not None:
                find_writer(settings.rejected, chosen.inputs)
            with open_result(settings) as result:
                written = write_table(result.stream, chosen.out, chosen.inputs)
    accepted, reference = result.accepted, result.reference
    if accepted.rejected:
        where = f"; they are in {settings.rejected}" if settings.rejected else ""
        print(f"{accepted.rejected:,} of {accepted.read:,} rows were rejected{where}", file=sys.stderr)
    version = f"version {reference.version}" if reference.version else "not registered"
    print(f"{written.rows:,} rows {verb} by {reference.name} ({version}; {result.method}): {chosen.out}")
    return 0


def _settings(chosen: argparse.Namespace) -> "DirectSettings":
    from mlops_assets.code_location.env_file import load_env_file
    from mlops_assets.direct.settings import DirectSettings
    from mlops_assets.models.model_uri import whole_number
    from mlops_assets.state import project_root

    load_env_file(project_root())
    return DirectSettings(
        row_key=tuple(chosen.key) if chosen.key else None,
        columns=tuple(name.strip() for name in chosen.columns.split(",")) if chosen.columns else None,
        types=_types(chosen.types),
        format=chosen.format,
        delimiter=chosen.delimiter,
        missing=chosen.missing,
        iso_datetimes=chosen.iso_datetimes,
        max_rejected=_max_rejected(chosen.max_rejected),
        rejected=str(Path(chosen.rejected)) if chosen.rejected and "://" not in chosen.rejected else chosen.rejected,
        show_values=chosen.show_values,
        allow_pickle=chosen.allow_pickle,
        trusted_types=tuple(chosen.trusted_type),
        native_libraries=chosen.native_libraries,
        tracking_uri=chosen.tracking_uri,
        registry_uri=chosen.registry_uri,
        workers=cast("int | Literal['auto']", whole_number(chosen.workers)),  # judged with the other settings
    )


def _types(texts: list[str]) -> dict[str, str]:
    from mlops_assets.errors import ConfigurationError

    types = {}
    for text in texts:
        column, equals, kind = text.rpartition("=")
        if not equals or not column or not kind:
            raise ConfigurationError(
                f"{text!r} names no column and type", where="--types", fix="Write COLUMN=TYPE, for example age=int64"
            )
        types[column] = kind
    return types


def _max_rejected(text: str) -> int | float:
    from mlops_assets.errors import ConfigurationError

    try:
        number = float(text) if "." in text or "e" in text.lower() else int(text)
    except ValueError:
        number = -1
    if number < 0 or (isinstance(number, float) and not number <= 1):
        raise ConfigurationError(
            f"{text!r} is no number of rows",
            where="--max-rejected",
            fix="Use a count from 0 up, or a fraction from 0.0 to 1.0",
        )
    return number
