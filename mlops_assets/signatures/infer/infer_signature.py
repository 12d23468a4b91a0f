"""Signatures from data: what `mlflow.models.infer_signature` does, without its holes.

One column that MLflow cannot type never ruins the others: all columns at fault are named with their types, at once.
Whatever comes out has been checked: as many named columns as the data, no `Any`, a JSON round trip, and the sample
conforms to it (see `mlops_assets.signatures.contract.contract`).

>>> import pandas as pd
>>> signature = infer_signature(pd.DataFrame({"age": pd.array([40, None], dtype="Int64")}), [0.5, 1.0])
>>> signature.inputs, signature.outputs
(['age': long (optional)], ['prediction': double (required)])
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.contract.column_converters import converter_for
from mlops_assets.signatures.contract.contract import Contract
from mlops_assets.signatures.contract.rejection_reasons import Reason
from mlops_assets.signatures.contract.scalar_converters import Reading
from mlops_assets.signatures.infer.samples import (
    Faults,
    column_of,
    head_and_nulls,
    sample_frame,
    sample_records,
    sample_table,
)
from mlops_assets.signatures.mlflow.mlflow_types import UntypedError, contains_any, mlflow_type_of
from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_to_json

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, Schema

PREDICTION = "prediction"
"""Name of the one output column of a model whose predictions have none."""


def infer_signature(
    inputs: Any, outputs: Any = None, params: Mapping[str, Any] | None = None, sample_rows: int = 1000
) -> "ModelSignature":
    """The signature of a model that takes `inputs`, gives `outputs` and can be called with `params`.

    DataFrame, Arrow table or batch (or whatever offers `__arrow_c_stream__`, such as polars), list of dicts: one named
    column each, required unless a value of it is missing; nullable integers become optional longs. A dict that does not
    hold arrays only is one JSON object. ndarray, scipy csr or csc: one unnamed tensor. Dict of ndarrays: named tensors.
    Series: one column. List of scalars: one column without name.

    Predictions without name in one dimension (ndarray, unnamed Series, list) all become one column, `prediction`.

    A sample is looked at: the first `sample_rows` rows and the first missing value of each column. Types of columns of
    Python objects, and which properties of nested objects are required, rest on it.

    Raises
    ------
    SignatureError
        Every column and param at fault, with its dtype and what to do.
    """
    from mlflow.models import ModelSignature

    faults: list[str] = []
    parts: dict[str, Schema | None] = {}
    for part, data in (("inputs", inputs), ("outputs", outputs)):
        schema, found = (None, []) if data is None else _schema_of(data, part == "outputs", sample_rows)
        parts[part] = schema
        faults += [f"{part}: {fault}" for fault in found]
    param_schema, found = (None, []) if not params else _params_of(params)
    faults += [f"params: {fault}" for fault in found]
    if faults:
        raise SignatureError("No signature can be inferred: " + "; ".join(faults))
    if inputs is None and outputs is None and not params:
        raise SignatureError("No signature can be inferred from nothing", fix="Give inputs, outputs or params")
    signature = ModelSignature(inputs=parts["inputs"], outputs=parts["outputs"], params=param_schema)  # type: ignore[arg-type]
    if signature_from_json(signature_to_json(signature)) != signature:
        raise SignatureError("The inferred signature does not survive MLflow's JSON", fix="Sign it by hand")
    return signature


def _schema_of(data: Any, predictions: bool, head: int) -> "tuple[Schema | None, list[str]]":
    import pandas as pd

    faults = Faults()
    if isinstance(data, np.ndarray) and not (predictions and data.ndim == 1):
        return _tensor_schema({None: data})
    if _is_sparse(data):
        return _sparse_schema(data)
    if isinstance(data, Mapping) and data and all(isinstance(value, np.ndarray) for value in data.values()):
        return _tensor_schema(dict(data))
    if isinstance(data, pd.DataFrame):
        columns = sample_frame(data, head, faults)
    elif isinstance(data, pa.Table | pa.RecordBatch) or (hasattr(data, "__arrow_c_stream__") and not _is_series(data)):
        columns = sample_table(pa.table(data), head, faults)
    elif isinstance(data, Mapping):
        columns = sample_records([data], head, faults)
    elif isinstance(data, list) and data and all(isinstance(row, Mapping) for row in data):
        columns = sample_records(data, head, faults)
    elif isinstance(data, list | np.ndarray) or _is_series(data):
        return _single_schema(data, predictions, head)
    else:
        faults.messages.append(
            f"{type(data).__module__}.{type(data).__name__} has no columns: give a DataFrame, an Arrow table, "
            "a list of dicts, an ndarray, a dict of ndarrays or a scipy csr or csc matrix"
        )
        columns = {}
    if not columns and not faults.messages:
        faults.messages.append("there is no column")
    specs = [spec for name, values in columns.items() if (spec := _spec_of(name, values, faults)) is not None]
    return _checked(specs, columns, faults)


def _single_schema(data: Any, predictions: bool, head: int) -> "tuple[Schema | None, list[str]]":
    """One column: a Series, a list of scalars, or predictions in one dimension."""
    import pandas as pd
    from mlflow.types import ColSpec

    faults = Faults()
    series = data if isinstance(data, pd.Series) else pd.Series(data, dtype=object if isinstance(data, list) else None)
    name = series.name if series.name is not None else PREDICTION if predictions else None
    if name is not None and not isinstance(name, str):
        return None, [f"column name {name!r} is {type(name).__name__}, not text: rename it"]
    rows = head_and_nulls(len(series), head, [np.asarray(series.isna())])
    values = column_of(name or "0", series.iloc[rows], faults)
    spec = None if values is None else _spec_of(name or "0", values, faults)
    if spec is not None and name is None:
        if not spec.required:
            return None, ["a column without name cannot have missing values in MLflow: name it"]
        spec = ColSpec(spec.type)
    return _checked([] if spec is None else [spec], {name or "0": values} if values is not None else {}, faults)


def _is_series(data: Any) -> bool:
    import pandas as pd

    return isinstance(data, pd.Series)


def _spec_of(name: str, values: pa.Array, faults: Faults) -> "ColSpec | None":
    from mlflow.types import ColSpec

    try:
        kind = mlflow_type_of(values)
    except UntypedError as error:
        faults.add(name, str(error.arrow), error.remedy)
        return None
    _, failures = converter_for(values.type, kind, True, Reading()).convert(values)
    return ColSpec(kind, name, required=Reason.MISSING_VALUE not in failures)


def _checked(specs: "list[ColSpec]", columns: dict[str, pa.Array], faults: Faults) -> "tuple[Schema | None, list[str]]":
    """The schema of `specs`, held against the sample it was made from."""
    from mlflow.types import Schema

    if faults.messages:
        return None, faults.messages
    if len(specs) != len(columns) or any(contains_any(spec.type) for spec in specs):
        return None, [f"{len(specs)} typed columns for the {len(columns)} of the data"]
    schema = Schema(list(specs))
    sample = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    verdict = Contract(schema, sample.schema).apply(sample)
    for (column, code), rows in sorted(verdict.reasons.items()):
        remedy = "MLflow's types cannot carry it" if code != Reason.MISSING_VALUE else "MLflow has no null inside it"
        faults.messages.append(f"column {column!r} does not conform to its own type ({code} in {rows} rows): {remedy}")
    return (None if faults.messages else schema), faults.messages


def _tensor_schema(arrays: "Mapping[str | None, np.ndarray]") -> "tuple[Schema | None, list[str]]":
    from mlflow.types import Schema, TensorSpec

    specs: list[TensorSpec] = []
    faults: list[str] = []
    for name, array in arrays.items():
        what = "the array" if name is None else f"array {name!r}"
        if name is not None and (not isinstance(name, str) or not name):
            faults.append(f"name {name!r} of an array is no text")
        elif array.ndim == 0:
            faults.append(f"{what} has no dimension for rows")
        elif isinstance(array, np.ma.MaskedArray):
            faults.append(f"{what} is masked, and MLflow would drop the mask: fill it")
        elif array.dtype.kind not in "biufUSM" or (array.dtype.itemsize > 8 and array.dtype.kind == "f"):
            faults.append(f"{what} has dtype {array.dtype}: use numbers, booleans, text or datetime64, or a DataFrame")
        else:
            dtype = np.dtype(array.dtype.kind) if array.dtype.kind in "US" else array.dtype
            specs.append(TensorSpec(dtype, (-1, *array.shape[1:]), name))
    return (None, faults) if faults else (Schema(list(specs)), [])


def _is_sparse(data: Any) -> bool:
    if type(data).__module__.split(".")[0] != "scipy":
        return False
    from scipy.sparse import issparse

    return bool(issparse(data))


def _sparse_schema(data: Any) -> "tuple[Schema | None, list[str]]":
    if data.format not in ("csr", "csc"):
        return None, [f"a sparse matrix of format {data.format}: convert it with .tocsr()"]
    return _tensor_schema({None: np.empty((1, *data.shape[1:]), dtype=data.dtype)})


def _params_of(params: Mapping[str, Any]) -> "tuple[ParamSchema | None, list[str]]":
    import mlflow.models
    from mlflow.exceptions import MlflowException
    from mlflow.types import ParamSchema

    specs, faults = [], []
    for name, value in params.items():
        if isinstance(value, list) and not value:
            faults.append(f"{name!r} is an empty list, which has no type: give a default with one element")
            continue
        try:
            specs += mlflow.models.infer_signature(params={name: value}).params.params
        except MlflowException:
            # MLflow's message holds the value.
            kind = type(value).__name__
            faults.append(
                f"{name!r} is {kind}: use a number, text, boolean, datetime, dict, or a flat list of one type"
            )
    return (None, faults) if faults else (ParamSchema(specs), [])
