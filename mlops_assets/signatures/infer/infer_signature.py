"""Signatures from data: `mlflow.models.infer_signature`, corrected where it is not faithful to the data.

MLflow is asked about every column that it types faithfully, and about tensors and params. The other columns (see
`mlops_assets.signatures.infer.mlflow_inference.Deviation`) get their type from Arrow, or are refused.

One column that MLflow cannot type never ruins the others: all columns at fault are named with their types, at once.
Whatever comes out has been checked: as many named columns as the data, no `Any`, a JSON round trip, and the sample
conforms to it (see `mlops_assets.signatures.contract.contract`).

>>> import pandas as pd
>>> signature = infer_signature(pd.DataFrame({"age": pd.array([40, None], dtype="Int64")}), [0.5, 1.0])
>>> signature.inputs, signature.outputs
(['age': long (optional)], ['prediction': double (required)])
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.contract.column_converters import converter_for
from mlops_assets.signatures.contract.contract import Contract
from mlops_assets.signatures.contract.rejection_reasons import Reason
from mlops_assets.signatures.contract.scalar_converters import Reading
from mlops_assets.signatures.infer.mlflow_inference import ask_mlflow
from mlops_assets.signatures.infer.samples import (
    Faults,
    Sample,
    sample_frame,
    sample_records,
    sample_series,
    sample_table,
)
from mlops_assets.signatures.mlflow.mlflow_types import UntypedError, contains_any, mlflow_type_of
from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_to_json

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

PREDICTION = "prediction"
"""Name of the one output column of a model whose predictions have none."""


def infer_signature(
    inputs: Any = None, outputs: Any = None, params: Mapping[str, Any] | None = None, sample_rows: int = 1000
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

    samples = {
        part: _PartSample() if data is None else _sample_part(data, part == "outputs", sample_rows)
        for part, data in (("inputs", inputs), ("outputs", outputs))
    }
    answer, param_faults = _ask(samples["inputs"].for_mlflow, samples["outputs"].for_mlflow, params)
    input_schema = samples["inputs"].schema(answer.inputs if answer else None)
    output_schema = samples["outputs"].schema(answer.outputs if answer else None)
    faults = [f"{part}: {fault}" for part, sample in samples.items() for fault in sample.faults.messages]
    faults += [f"params: {fault}" for fault in param_faults]
    if faults:
        raise SignatureError("No signature can be inferred: " + "; ".join(faults))
    if inputs is None and outputs is None and not params:
        raise SignatureError("No signature can be inferred from nothing", fix="Give inputs, outputs or params")
    signature = ModelSignature(
        inputs=input_schema,
        outputs=output_schema,
        params=answer.params if answer else None,  # type: ignore[arg-type]  # the annotation forgets its default, None
    )
    if signature_from_json(signature_to_json(signature)) != signature:
        raise SignatureError("The inferred signature does not survive MLflow's JSON", fix="Sign it by hand")
    return signature


def _ask(inputs: Any, outputs: Any, params: Mapping[str, Any] | None) -> "tuple[ModelSignature | None, list[str]]":
    """What MLflow infers, and which params it has no type for."""
    from mlflow.exceptions import MlflowException

    empty = [name for name, value in (params or {}).items() if isinstance(value, list) and not value]
    faults = [f"{name!r} is an empty list, which has no type: give a default with one element" for name in empty]
    typed = {name: value for name, value in (params or {}).items() if name not in empty}
    try:
        return ask_mlflow(inputs, outputs, typed), faults
    except MlflowException:
        # MLflow's message holds the value of the first one.
        for name, value in typed.items():
            try:
                ask_mlflow(params={name: value})
            except MlflowException:
                kind = type(value).__name__
                faults.append(
                    f"{name!r} is {kind}: use a number, text, boolean, datetime, dict, or a flat list of one type"
                )
        if not faults:
            raise
        return ask_mlflow(inputs, outputs), faults


@dataclass
class _PartSample:
    """A part of the signature to be: what MLflow is asked about, and what is known besides.

    Attributes
    ----------
    for_mlflow
        Tensors, or the columns that MLflow types faithfully.
    columns
        The sample of every column; None: the data are tensors, or there are none.
    named
        Whether the one column has a name.
    """

    for_mlflow: Any = None
    columns: dict[str, pa.Array] | None = None
    named: bool = True
    faults: Faults = field(default_factory=Faults)

    def schema(self, answer: "Schema | None") -> "Schema | None":
        """The schema of the part, MLflow's answer corrected; None where there is a fault."""
        from mlflow.types import ColSpec

        if self.columns is None:
            return None if self.faults.messages else answer
        answers = [spec for spec in answer.inputs if isinstance(spec, ColSpec)] if answer is not None else []
        typed = {spec.name: spec for spec in answers if not contains_any(spec.type)}
        specs = [
            spec
            for name, values in self.columns.items()
            if (spec := typed.get(name) or _spec_of(name, values, self.faults)) is not None
        ]
        if not self.named and specs and not specs[0].required:
            self.faults.messages.append("a column without name cannot have missing values in MLflow: name it")
        if self.faults.messages:
            return None
        if not self.named:
            specs = [ColSpec(specs[0].type)]
        return _check_schema(specs, self.columns, self.faults)


def _sample_part(data: Any, predictions: bool, head: int) -> _PartSample:
    import pandas as pd

    if isinstance(data, np.ndarray) and not (predictions and data.ndim == 1):
        return _sample_tensors(data, {None: data})
    if _is_sparse(data):
        return _sample_sparse(data)
    if isinstance(data, Mapping) and data and all(isinstance(value, np.ndarray) for value in data.values()):
        return _sample_tensors(dict(data), dict(data))
    if isinstance(data, pd.Series | np.ndarray) or (
        isinstance(data, list) and not (data and all(isinstance(row, Mapping) for row in data))
    ):
        return _sample_column(data, predictions, head)
    faults = Faults()
    sample = Sample({})
    if isinstance(data, pd.DataFrame):
        sample = sample_frame(data, head, faults)
    elif isinstance(data, pa.Table | pa.RecordBatch) or hasattr(data, "__arrow_c_stream__"):
        sample = sample_table(pa.table(data), head, faults)
    elif isinstance(data, Mapping | list):
        sample = sample_records([data] if isinstance(data, Mapping) else data, head, faults)
    else:
        faults.messages.append(
            f"{type(data).__module__}.{type(data).__name__} has no columns: give a DataFrame, an Arrow table, "
            "a list of dicts, an ndarray, a dict of ndarrays or a scipy csr or csc matrix"
        )
    if not sample.columns and not faults.messages:
        faults.messages.append("there is no column")
    return _PartSample(sample.typed_by_mlflow, sample.columns, faults=faults)


def _sample_column(data: Any, predictions: bool, head: int) -> _PartSample:
    """A Series, a list of scalars, or predictions in one dimension."""
    import pandas as pd

    faults = Faults()
    series = data if isinstance(data, pd.Series) else pd.Series(data, dtype=object if isinstance(data, list) else None)
    name = series.name if series.name is not None else PREDICTION if predictions else None
    if name is not None and not isinstance(name, str):
        faults.messages.append(f"column name {name!r} is {type(name).__name__}, not text: rename it")
        return _PartSample(faults=faults)
    sample = sample_series(series.rename(name or "0"), head, faults)
    return _PartSample(sample.typed_by_mlflow, sample.columns, name is not None, faults)


def _spec_of(name: str, values: pa.Array, faults: Faults) -> "ColSpec | None":
    from mlflow.types import ColSpec

    try:
        kind = mlflow_type_of(values)
    except UntypedError as error:
        faults.add(name, str(error.arrow), error.remedy)
        return None
    _, failures = converter_for(values.type, kind, True, Reading()).convert(values)
    return ColSpec(kind, name, required=Reason.MISSING_VALUE not in failures)


def _check_schema(specs: "list[ColSpec]", columns: dict[str, pa.Array], faults: Faults) -> "Schema | None":
    """The schema of `specs`, held against the sample it was made from."""
    from mlflow.types import Schema

    if len(specs) != len(columns) or any(contains_any(spec.type) for spec in specs):
        faults.messages.append(f"{len(specs)} typed columns for the {len(columns)} of the data")
        return None
    schema = Schema(list(specs))
    sample = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    verdict = Contract(schema, sample.schema).apply(sample)
    for (column, code), rows in sorted(verdict.reasons.items()):
        remedy = "MLflow's types cannot carry it" if code != Reason.MISSING_VALUE else "MLflow has no null inside it"
        faults.messages.append(f"column {column!r} does not conform to its own type ({code} in {rows} rows): {remedy}")
    return None if faults.messages else schema


def _sample_tensors(data: Any, arrays: "Mapping[str | None, np.ndarray]") -> _PartSample:
    """`data` for MLflow, which looks at the shapes and dtypes of `arrays` and takes any."""
    faults = Faults()
    for name, array in arrays.items():
        what = "the array" if name is None else f"array {name!r}"
        if name is not None and (not isinstance(name, str) or not name):
            faults.messages.append(f"name {name!r} of an array is no text")
        elif array.ndim == 0:
            faults.messages.append(f"{what} has no dimension for rows")
        elif isinstance(array, np.ma.MaskedArray):
            faults.messages.append(f"{what} is masked, and MLflow would drop the mask: fill it")
        elif array.dtype.kind not in "biufUSM" or (array.dtype.itemsize > 8 and array.dtype.kind == "f"):
            faults.messages.append(
                f"{what} has dtype {array.dtype}: use numbers, booleans, text or datetime64, or a DataFrame"
            )
    return _PartSample(faults=faults) if faults.messages else _PartSample(data)


def _is_sparse(data: Any) -> bool:
    if type(data).__module__.split(".")[0] != "scipy":
        return False
    from scipy.sparse import issparse

    return bool(issparse(data))


def _sample_sparse(data: Any) -> _PartSample:
    if data.format not in ("csr", "csc"):
        faults = Faults()
        faults.messages.append(f"a sparse matrix of format {data.format}: convert it with .tocsr()")
        return _PartSample(faults=faults)
    # MLflow takes scipy's matrices and not its newer arrays; their dense form has the same schema.
    dense = np.empty((1, *data.shape[1:]), dtype=data.dtype)
    return _sample_tensors(dense, {None: dense})
