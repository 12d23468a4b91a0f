"""No event of a run grows with the width of its tables: each stays near 200 KB, whatever is long or many."""

from collections.abc import Mapping

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from dagster._serdes import serialize_value
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputRegressor  # noqa: F401

from mlops_assets.metadata import (
    COLUMN_LINEAGE,
    LINEAGE_NOTE,
    MOST_EVENT_BYTES,
    lineage_metadata,
    list_names,
    schema_metadata,
    table_metadata,
)

SOURCE = dg.AssetKey(["model", "input_samples"])


def sizes(result: dg.ExecuteInProcessResult) -> Mapping[str, int]:
    """The largest event of each step and type, serialized as Dagster stores it."""
    largest: dict[str, int] = {}
    for record in result.instance.all_logs(result.run_id) if hasattr(result, "instance") else result.all_events:
        name = f"{record.step_key} {record.event_type_value}"
        largest[name] = max(largest.get(name, 0), len(serialize_value(record)))
    return largest
