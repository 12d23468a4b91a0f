"""`mlops_assets.score` and `mlops_assets.explain`."""

from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from mlops_assets.direct.results import open_explanations, open_predictions
from mlops_assets.direct.settings import DirectSettings
from mlops_assets.direct.wording import name_settings
from mlops_assets.explain.explainers.explainer import ExplainConfig, TreeMode, default_mode
from mlops_assets.explain.ledger.selection import Selection
from mlops_assets.models.loaded_model import PredictMethod
from mlops_assets.tables.source import TableFormat


def score(
    model: str | PathLike[str],
    table: object,
    *,
    row_key: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    method: PredictMethod = "predict",
    params: Mapping[str, Any] | None = None,
    limit: int | None = None,
    types: Mapping[str, str] | None = None,
    format: TableFormat | None = None,
    delimiter: str | None = None,
    missing: Literal["reject", "allow"] = "reject",
    iso_datetimes: bool = False,
    max_rejected: int | float = 0,
    rejected: str | PathLike[str] | None = None,
    show_values: bool = False,
    allow_pickle: bool = False,
    trusted_types: Sequence[str] = (),
    native_libraries: bool = False,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    workers: int | Literal["auto"] = "auto",
) -> pa.Table:
    """What a model says of each row of a table: the rows of a graph's `predictions`, without Dagster.

    The same contract, trust policy and code as in the graph: the same model, table and settings give the same rows.

    Parameters
    ----------
    model
        A registered model (``churn`` is its Champion, ``churn@Challenger``, ``churn/3``), an MLflow URI
        (``models:/churn/3``, ``models:/m-...``, ``runs:/.../model``), or the folder of a saved model.
    table
        A pyarrow Table, RecordBatchReader or Dataset, a pandas or polars DataFrame, or the path or URL of a file or
        folder (Parquet, CSV, JSON Lines, Delta).
    row_key
        The columns that identify a row. None: the DataFrame's index where it has a name, else a `row_number`.
    columns
        Those that are read beside the row key; None: all. A model without a signature is given these.
    method, params
        Which of the model's methods answers, with which inference params.
    limit
        Read only the first rows.
    types, format, delimiter
        Of files: column -> Arrow type; the format, where the extension does not show it; of CSV.
    missing, iso_datetimes
        Null or NaN in a required column: reject the row, or let the model see it. Read ISO 8601 text as datetimes.
    max_rejected, rejected
        Rows that may be refused: a count, or a fraction such as 0.01. Where they are written (.parquet or .csv).
    show_values
        Whether errors show refused values, and the first row keys where the model fails.
    allow_pickle, trusted_types, native_libraries
        Load models whose loading runs their own code. Further types to trust in skops files. Load native model files
        that cannot be checked.
    tracking_uri, registry_uri
        MLflow's; None: those of `mlflow.set_tracking_uri` and the environment, else the project's embedded registry.
    workers
        Processes that share the work; 1: none beside this one.

    Returns
    -------
    The row key, the model's outputs, `model_version` (0: not registered) and `model_digest`; in the table's order.

    Raises
    ------
    MlopsAssetsError
        One of its kinds, which says what is wrong, where, and what to do.

    Examples
    --------
    >>> mlops_assets.score("churn", customers, row_key="customer_id")                 # doctest: +SKIP
    """
    settings = DirectSettings(
        row_key=_names(row_key),
        columns=_names(columns),
        types=dict(types or {}),
        format=format,
        delimiter=delimiter,
        missing=missing,
        iso_datetimes=iso_datetimes,
        max_rejected=max_rejected,
        rejected=fspath(rejected) if rejected is not None else None,
        show_values=show_values,
        allow_pickle=allow_pickle,
        trusted_types=tuple(trusted_types),
        native_libraries=native_libraries,
        tracking_uri=tracking_uri,
        registry_uri=registry_uri,
        workers=workers,
    )
    with (
        name_settings("python"),
        open_predictions(_model(model), table, settings, method=method, params=params, limit=limit) as result,
    ):
        return result.stream.read_all()


def explain(
    model: str | PathLike[str],
    table: object,
    *,
    row_key: str | Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    explainer: str | None = None,
    limit: int | None = None,
    sample: int | float | None = None,
    where: str | None = None,
    seed: int = 0,
    mode: TreeMode | None = None,
    background: object | None = None,
    background_rows: int = 100,
    interactions: int = 0,
    space: Literal["probability", "loss"] | None = None,
    label: str | None = None,
    output: str | None = None,
    types: Mapping[str, str] | None = None,
    format: TableFormat | None = None,
    delimiter: str | None = None,
    missing: Literal["reject", "allow"] = "reject",
    iso_datetimes: bool = False,
    max_rejected: int | float = 0,
    rejected: str | PathLike[str] | None = None,
    show_values: bool = False,
    allow_pickle: bool = False,
    trusted_types: Sequence[str] = (),
    native_libraries: bool = False,
    tracking_uri: str | None = None,
    registry_uri: str | None = None,
    workers: int | Literal["auto"] = "auto",
) -> pa.Table:
    """Why a model says what it says of each row: the rows of a graph's `sample_explanations`, without Dagster.

    Parameters
    ----------
    explainer
        `TreeExplainer`, `LinearExplainer`, ... or your own as ``module.Class``; None: chosen by the model.
    limit, sample, where
        Explain only the first rows; a seeded sample (a fraction up to 1, or a number of rows); rows that pass a filter
        such as ``"patient_id == 'patient-003'"``.
    mode
        For trees, see `ExplainConfig`; None: path-dependent, with a `background` interventional.
    background
        The table with which rows are compared: a path, a URL or in memory, as `table`. Trees compare with all of its
        rows, other explainers with a sample of `background_rows`. None: a sample of all rows of `table`.
    seed, background_rows, interactions, space, label, output
        See `ExplainConfig`.
    model, table, row_key, columns, types, format, delimiter, missing, iso_datetimes, max_rejected, rejected, \
show_values, allow_pickle, trusted_types, native_libraries, tracking_uri, registry_uri, workers
        As for `score`.

    Returns
    -------
    One row per row and output: the row key, the output, what is explained, the base value, the residual, one
    ``shap_<column>`` per input column, version and digest. `explainer`, `space` and all else that a reader of the
    numbers needs are in the metadata of the schema, each under ``mlops_assets.`` and its name.

    Raises
    ------
    MlopsAssetsError
        One of its kinds, which says what is wrong, where, and what to do.

    Examples
    --------
    >>> mlops_assets.explain("churn@Champion", "customers.parquet", limit=100)        # doctest: +SKIP
    """
    settings = DirectSettings(
        row_key=_names(row_key),
        columns=_names(columns),
        types=dict(types or {}),
        format=format,
        delimiter=delimiter,
        missing=missing,
        iso_datetimes=iso_datetimes,
        max_rejected=max_rejected,
        rejected=fspath(rejected) if rejected is not None else None,
        show_values=show_values,
        allow_pickle=allow_pickle,
        trusted_types=tuple(trusted_types),
        native_libraries=native_libraries,
        tracking_uri=tracking_uri,
        registry_uri=registry_uri,
        workers=workers,
    )
    with name_settings("python"):
        config = ExplainConfig(
            KIND=explainer,
            seed=seed,
            mode=mode or default_mode(background is not None),
            own_background=background is not None,
            background_rows=background_rows,
            interactions=interactions,
            space=space,
            label=label,
            output=output,
        )
        selection = Selection(limit=limit, sample=sample, where=where, seed=seed)
        with open_explanations(
            _model(model), table, settings, config=config, selection=selection, background=background
        ) as result:
            return result.stream.read_all()


def _model(model: str | PathLike[str]) -> str:
    # A path is a folder; a text may be a name.
    return model if isinstance(model, str) else str(Path(model).absolute())


def _names(row_key: str | Sequence[str] | None) -> tuple[str, ...] | None:
    return (row_key,) if isinstance(row_key, str) else tuple(row_key) if row_key else None
