"""Which columns of a table a model without signature was fitted on, as the fitted model itself remembers them."""

from typing import TYPE_CHECKING, Any

from mlops_assets.errors import PredictionError, SignatureError, did_you_mean, list_for_yaml
from mlops_assets.models.column_names import fitted_names, match_names
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.models.native_input import takes_text

if TYPE_CHECKING:
    import pandas as pd

_TRIED_ROWS = 5
_COLUMNS_SHOWN = 20


def select_fitted_columns(model: LoadedModel, table: "pd.DataFrame") -> "pd.DataFrame":
    """The columns of `table` that `model` takes, in its order; `table` itself where the model does not remember any.

    A native model is asked for its names (scikit-learn's ``feature_names_in_``, and what boosters have in its place);
    one that starts with a text vectorizer takes the only column of text. A custom model takes the whole table, unless
    it fails on it and the model inside it (``.model``) remembers columns.

    Raises
    ------
    SignatureError
        The table lacks columns, or has others than the model takes and nothing says which: the message says what to
        write as `inputs: {columns: [...]}`.
    """
    names = [str(name) for name in table.columns]
    if model.native is None:
        remembered = fitted_names(model.inner)
        if remembered and set(remembered) < set(names) and _fails_on(model, table):
            return table[list(remembered)]
        return table
    if takes_text(model.native):
        return table[[_only_text(model, table)]]
    remembered = fitted_names(model.native)
    if remembered is not None:
        places = match_names(remembered, names)
        if places is None:
            present = {*names, *(name.replace(" ", "_") for name in names)}
            absent = [name for name in remembered if name not in present] or list(remembered)
            raise SignatureError(
                "The model was fitted on columns that the table does not have: "
                + ", ".join(f"{name!r}{did_you_mean(name, names)}" for name in absent[:_COLUMNS_SHOWN]),
                where=model.reference.uri,
                fix="Add or rename them in the table, and read them with "
                f"`inputs: {{columns: [{list_for_yaml(remembered)}]}}`; columns of the row key are no inputs",
            )
        return table.iloc[:, places]
    width = _fitted_width(model.native)
    if width is not None and width != len(names):
        raise SignatureError(
            f"The model was fitted on {width} columns without names, and the table has {len(names)} beside its row key:"
            f" {list_for_yaml(names)}",
            where=model.reference.uri,
            fix=f"List the {width} columns, in the order in which it was fitted, as `inputs: {{columns: [...]}}` in "
            "its YAML, or log the model with an input_example",
        )
    return table


def _fitted_width(estimator: Any) -> int | None:
    for name in ("n_features_in_", "num_features", "num_feature"):
        width = getattr(estimator, name, None)
        width = width() if callable(width) else width
        if isinstance(width, int):
            return width
    names = getattr(estimator, "feature_names_", None)
    return len(names) if names is not None and len(names) else None


def _fails_on(model: LoadedModel, table: "pd.DataFrame") -> bool:
    try:
        model.predict(table.head(_TRIED_ROWS))
    except PredictionError:
        return True
    return False


def _only_text(model: LoadedModel, table: "pd.DataFrame") -> str:
    texts = [str(name) for name in table.columns if _is_text(table[name])]
    if len(texts) == 1:
        return texts[0]
    found = (
        f"has {len(texts)}: {list_for_yaml(texts)}" if texts else f"has none among {list_for_yaml(list(table.columns))}"
    )
    choice = f"inputs: {{columns: [{list_for_yaml(texts[:1])}]}}" if texts else "inputs: {columns: [...]}"
    raise SignatureError(
        f"The model takes one column of text, and the table {found}",
        where=model.reference.uri,
        fix=f"Name the one that it was fitted on in its YAML, such as `{choice}`",
    )


def _is_text(column: "pd.Series") -> bool:
    import pandas as pd

    return pd.api.types.infer_dtype(column, skipna=True) == "string"
