"""Which input column does each column of a fitted scikit-learn preprocessing come from?

Attributions of the transformed columns of one input column add up to the input column's own (for SHAP values of the
last step this is exact by linearity), as long as no transformed column depends on two input columns. A transformer
that mixes columns (PCA, PolynomialFeatures, hashing, a scaling per row) has no such answer, and none is guessed.

Known transformers are read by rule; then `check_sources` changes one input column at a time on real rows and confirms
that nothing else moves.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlops_assets.errors import NotApplicableError
from mlops_assets.models.native_input import copy_rows
from mlops_assets.trees.input_columns import Sources

if TYPE_CHECKING:
    import pandas as pd

_CELLS = 2_000_000  # of one proof: bounds its memory


def trace_columns(transformer: Any, rows: Any, sources: Sources) -> tuple[Any, Sources]:
    """Follow the columns through one fitted transformer.

    Parameters
    ----------
    transformer
        A fitted transformer, ``"passthrough"``, ``"drop"`` or None (as passthrough).
    rows
        (n, columns): what it is given; a DataFrame, an array or a sparse matrix.
    sources
        (columns,): where these columns come from.

    Returns
    -------
    What it makes of `rows`, and where *its* columns come from.

    Raises
    ------
    NotApplicableError
        A column of the result comes from more than one input column, or this cannot be known.
    """
    if transformer is None or transformer == "passthrough":
        return rows, sources
    if transformer == "drop":
        return _columns(rows, []), sources[:0]
    if _is(transformer, "FrozenEstimator"):
        return trace_columns(transformer.estimator, rows, sources)
    if _is(transformer, "Pipeline"):
        for _, step in transformer.steps:
            rows, sources = trace_columns(step, rows, sources)
        return rows, sources
    result = transformer.transform(copy_rows(rows))  # it may have copy=False
    if result.ndim == 1:
        result = result.reshape(-1, 1)
    if _is(transformer, "ColumnTransformer"):
        return result, _column_transformer(transformer, rows, sources, result.shape[1])
    if _is(transformer, "FeatureUnion"):
        parts = [trace_columns(part, rows, sources)[1] for _, part in transformer.transformer_list if part != "drop"]
        return result, _of_width(np.concatenate([sources[:0], *parts]), result.shape[1], transformer)
    # Whatever is made of a single input column comes from it: a text vectorizer, even a PCA.
    if len(np.unique(sources)) == 1:
        return result, np.full(result.shape[1], sources[0], dtype=np.intp)
    return result, _of_width(sources[_rule(transformer)(transformer, len(sources))], result.shape[1], transformer)


def check_sources(transform: "Callable[[pd.DataFrame], Any]", rows: "pd.DataFrame", sources: Sources) -> None:
    """See on real rows that a change of one input column moves only the transformed columns that come from it.

    Raises
    ------
    NotApplicableError
        It moves another one, or the transformation of a row depends on its neighbours.
    """
    import pandas as pd

    count, width = rows.shape
    if count < 2:
        return
    expected = _dense(transform(rows))
    group = max(1, _CELLS // max(1, count * max(len(sources), width)))
    for start in range(0, width, group):
        changed = range(start, min(start + group, width))
        copies = []
        for place in changed:
            copy = rows.copy()
            name = rows.columns[place]
            # The column's own values, moved by one row: still values that the transformer knows, of the same type.
            copy[name] = rows.iloc[:, place].array.take(np.roll(np.arange(count), 1))
            copies.append(copy)
        moved = _dense(transform(pd.concat(copies, ignore_index=True))).reshape(len(copies), count, -1)
        differs = ~((moved == expected) | (_missing(moved) & _missing(expected)))
        for place, moved_columns in zip(changed, differs.any(axis=1), strict=True):
            if (moved_columns & (sources != place)).any():
                raise NotApplicableError(
                    f"the preprocessing makes columns that depend on {rows.columns[place]!r} and on another column"
                )


def _column_transformer(transformer: Any, rows: Any, sources: Sources, width: int) -> Sources:
    column_sources = np.full(width, -1, dtype=np.intp)
    names = list(getattr(rows, "columns", getattr(transformer, "feature_names_in_", [])))
    for name, part, selection in transformer.transformers_:
        block = transformer.output_indices_.get(name, slice(0, 0))
        if block.stop == block.start:
            continue
        places = _places(selection, names, rows.shape[1])
        part_rows = _columns(rows, places, flat=isinstance(selection, str | int))
        _, part_sources = trace_columns(part, part_rows, sources[places])
        column_sources[block] = _of_width(part_sources, block.stop - block.start, part)
    if (column_sources < 0).any():
        raise NotApplicableError("a column of the ColumnTransformer belongs to none of its parts")
    return column_sources


def _places(selection: Any, names: Sequence[Any], width: int) -> list[int]:
    """The positions that a ColumnTransformer's column selection means."""
    if isinstance(selection, str):
        return [names.index(selection)]
    if isinstance(selection, int | np.integer):
        return [int(selection) % width]
    if isinstance(selection, slice):
        if isinstance(selection.start, str) or isinstance(selection.stop, str):
            start = 0 if selection.start is None else names.index(selection.start)
            stop = width if selection.stop is None else names.index(selection.stop) + 1  # labels are inclusive
            return list(range(start, stop, selection.step or 1))
        return list(range(width))[selection]
    chosen = list(selection)
    if chosen and all(isinstance(item, bool | np.bool_) for item in chosen):
        return [place for place, selected in enumerate(chosen) if selected]
    by_name = {name: place for place, name in reversed(list(enumerate(names)))}  # the first of equal names
    return [by_name[item] if isinstance(item, str) else int(item) % width for item in chosen]


def _columns(rows: Any, places: Sequence[int], flat: bool = False) -> Any:
    chosen = rows.iloc[:, list(places)] if hasattr(rows, "iloc") else rows[:, list(places)]
    if not flat:
        return chosen
    return chosen.iloc[:, 0] if hasattr(chosen, "iloc") else np.asarray(chosen)[:, 0]


def _of_width(sources: Sources, width: int, transformer: Any) -> Sources:
    if len(sources) != width:
        raise NotApplicableError(
            f"{type(transformer).__name__} makes {width} columns where its settings promise {len(sources)}"
        )
    return sources


def _is(transformer: Any, name: str) -> bool:
    """Exactly scikit-learn's class of this name: a subclass may do something else."""
    kind = type(transformer)
    return kind.__name__ == name and kind.__module__.partition(".")[0] == "sklearn"


def _dense(result: Any) -> NDArray[Any]:
    result = result.toarray() if hasattr(result, "toarray") else np.asarray(result)
    return np.asarray(result).reshape(result.shape[0], -1)


def _missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(values != values)  # NaN is the one value that differs from itself, in object columns too


# The rules: (transformer, number of its input columns) -> for each of its output columns, which input column.
Rule = Callable[[Any, int], NDArray[np.intp]]


def _rule(transformer: Any) -> Rule:
    kind = type(transformer)
    if kind.__module__.partition(".")[0] == "sklearn":
        if kind.__name__ in _RULES:
            return _RULES[kind.__name__]
        if kind.__module__.startswith("sklearn.feature_selection") and hasattr(transformer, "get_support"):
            return _selected
    raise NotApplicableError(f"{kind.__name__} may mix columns, so its columns cannot be traced to single inputs")


def _one_to_one(_: Any, width: int) -> NDArray[np.intp]:
    return np.arange(width)


def _selected(transformer: Any, _: int) -> NDArray[np.intp]:
    return np.flatnonzero(transformer.get_support())


def _one_hot(transformer: Any, width: int) -> NDArray[np.intp]:
    # Infrequent categories share a column, and a dropped category has none.
    infrequent = getattr(transformer, "infrequent_categories_", None)
    dropped = transformer.drop_idx_
    counts = [len(categories) for categories in transformer.categories_]
    for place in range(width):
        if infrequent is not None and infrequent[place] is not None:
            counts[place] -= len(infrequent[place]) - 1
        if dropped is not None and dropped[place] is not None:
            counts[place] -= 1
    return np.repeat(np.arange(width), counts)


def _binned(transformer: Any, width: int) -> NDArray[np.intp]:
    return np.arange(width) if transformer.encode == "ordinal" else np.repeat(np.arange(width), transformer.n_bins_)


def _imputed(transformer: Any, width: int) -> NDArray[np.intp]:
    # A column without a single value has no statistic, and is left out unless it is asked for.
    empty = [value is None or value != value for value in transformer.statistics_]
    dropped = np.zeros(width, dtype=bool) if transformer.keep_empty_features else np.array(empty, dtype=bool)
    imputed = np.flatnonzero(~dropped)
    return (
        np.concatenate([imputed, _indicated(transformer.indicator_, width)]) if transformer.add_indicator else imputed
    )


def _indicated(transformer: Any, _: int) -> NDArray[np.intp]:
    return np.asarray(transformer.features_, dtype=np.intp)


def _per_column(transformer: Any, width: int) -> NDArray[np.intp]:
    """As many columns for every input, side by side: target encodings per class, splines."""
    columns = len(transformer.get_feature_names_out(getattr(transformer, "feature_names_in_", None)))
    return np.repeat(np.arange(width), columns // width)


def _function(transformer: Any, width: int) -> NDArray[np.intp]:
    # A ufunc of one argument works on elements; anything else has to be declared, and is proven on rows afterwards.
    elementwise = isinstance(transformer.func, np.ufunc) and transformer.func.nin == 1
    if transformer.func is not None and not elementwise and transformer.feature_names_out != "one-to-one":
        raise NotApplicableError(
            "a FunctionTransformer does not declare feature_names_out='one-to-one', so its columns cannot be traced"
        )
    return np.arange(width)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "PowerTransformer", "QuantileTransformer",
            "Binarizer", "OrdinalEncoder",
        ),
        _one_to_one,
    ),
    "OneHotEncoder": _one_hot,
    "KBinsDiscretizer": _binned,
    "SimpleImputer": _imputed,
    "MissingIndicator": _indicated,
    "TargetEncoder": _per_column,
    "SplineTransformer": _per_column,
    "FunctionTransformer": _function,
}  # fmt: skip
