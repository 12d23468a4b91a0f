"""Small ledgers with their provenance, as this release writes them and as 0.1 wrote them."""

import json

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.explain.explainers.explainer import ExplainConfig
from mlops_assets.explain.labels import to_labels, to_names
from mlops_assets.explain.ledger.ledger import ledger_schema
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.trees.arrays import Space

_METADATA = b"mlops_assets."


def small_ledger(
    keys: list[int],
    *,
    version: int = 1,
    outputs: tuple[str, ...] = ("0", "1", "2"),
    space: Space = "softmax margin",
    kind: pa.DataType = pa.int64(),  # noqa: B008 - a constant
    data_version: str = "v1",
) -> pa.Table:
    """A ledger of today: two features, and for each row and output a base value of 1 and a residual of 0."""
    count = len(keys) * len(outputs)
    ones = 0.25 * np.arange(count) + version
    origin = LedgerProvenance(
        settings=ExplainConfig(),
        explainer="TreeExplainer",
        reason="it is a forest",
        space=space,
        output_type=kind,
        outputs=outputs,
        features=("a", "b"),
        precision=np.dtype(np.float64),
        native_importance=None,
        background_digest=None,
        selection="every row",
        every_row=True,
        in_order_from_start=True,
    )
    provenance = Provenance(
        row_key=("id",), model="m", model_uri=f"models:/m/{version}", model_digest="d" * 64, inputs_version="i",
        data_version=data_version, extra=origin.to_extra(),
    )  # fmt: skip
    schema = ledger_schema(pa.schema([("id", pa.int64())]), ("a", "b"), output_type=kind)
    columns = {
        "id": np.repeat(keys, len(outputs)),
        "output": to_labels(pa.array(list(outputs) * len(keys), pa.string()), kind),
        "space": [space] * count,
        "explained_value": 1 + ones - 2,
        "base_value": np.ones(count),
        "residual": np.zeros(count),
        "shap_a": ones,
        "shap_b": np.full(count, -2.0),
        "model_version": [version] * count,
        "model_digest": ["d" * 64] * count,
    }
    return pa.table(columns, schema=schema).replace_schema_metadata(provenance.to_metadata())


def as_of_0_1(ledger: pa.Table) -> pa.Table:
    """The same ledger in the columns and with the metadata of 0.1.

    It had `prediction` and no `space`, outputs as text, and called softmax margins log-odds.
    """
    place = ledger.schema.get_field_index("output")
    outputs = pa.chunked_array([to_names(chunk) for chunk in ledger["output"].chunks], pa.string())
    old = ledger.set_column(place, pa.field("output", pa.string(), nullable=False), outputs).drop_columns(["space"])
    old = old.rename_columns(["prediction" if name == "explained_value" else name for name in old.column_names])
    metadata = dict(ledger.schema.metadata or {})
    metadata.pop(_METADATA + b"output_type", None)
    if metadata.get(_METADATA + b"space") == b"softmax margin":
        metadata[_METADATA + b"space"] = b"log-odds"
    settings = metadata.get(_METADATA + b"explain_settings")
    if settings is not None:
        known = {name: value for name, value in json.loads(settings).items() if name != "space"}
        metadata[_METADATA + b"explain_settings"] = json.dumps(known, sort_keys=True).encode()
    return old.replace_schema_metadata(metadata)
