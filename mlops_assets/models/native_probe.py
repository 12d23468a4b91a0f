"""Loads a model with its own library and asks it once, in a process that may die of it.

``python -m mlops_assets.models.native_probe model FOLDER``, or ``lightgbm FILE`` or ``xgboost FILE`` with what the
library's Python object holds as its state. An exception is no death: whoever loads the model afterwards
meets it again, and reports it.
"""

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_RAISED = 3
_EXAMPLES = {"string": "", "boolean": False, "datetime": "2000-01-01", "binary": b""}


def main() -> int:
    """0 where the model loads and predicts, 3 where it raises."""
    kind, path = sys.argv[1:]
    try:
        if kind == "model":
            _ask_model(path)
        else:
            _ask_booster(_load_state(kind, Path(path).read_bytes()))
    except Exception:  # noqa: BLE001 - see above
        traceback.print_exc()
        return _RAISED
    return 0


def _ask_model(folder: str) -> None:
    import mlflow.pyfunc

    model = mlflow.pyfunc.load_model(folder, suppress_warnings=True)
    raw: Any = model.get_raw_model()
    schema = model.metadata.get_input_schema()
    if schema is not None and schema.has_input_names() and not schema.is_tensor_spec():
        model.predict(_row(schema))
    _ask_booster(raw.get_booster() if hasattr(raw, "get_booster") else raw)


def _load_state(library: str, state: bytes) -> Any:
    """As unpickling does it."""
    if library == "lightgbm":
        import lightgbm

        return lightgbm.Booster(model_str=state.decode("utf-8", "surrogatepass"))
    import xgboost

    booster = xgboost.Booster()
    booster.__setstate__({"handle": bytearray(state)})
    return booster


def _ask_booster(booster: Any) -> None:
    import numpy as np

    kind = f"{type(booster).__module__.partition('.')[0]}.{type(booster).__name__}"
    # As explanations ask.
    if kind == "lightgbm.Booster":
        rows = np.zeros((1, booster.num_feature()))
        booster.predict(rows)
        booster.predict(rows, pred_contrib=True)
    elif kind == "xgboost.Booster":
        import xgboost

        matrix = xgboost.DMatrix(np.zeros((1, booster.num_features())))
        booster.predict(matrix, validate_features=False)
        booster.predict(matrix, pred_contribs=True, validate_features=False)


def _row(schema: Any) -> "pd.DataFrame":
    import pandas as pd

    frame = pd.DataFrame({column.name: [_EXAMPLES.get(column.type.name, 0)] for column in schema.inputs})
    for column in schema.inputs:
        frame[column.name] = frame[column.name].astype(column.type.to_pandas())
    return frame


if __name__ == "__main__":
    sys.exit(main())
