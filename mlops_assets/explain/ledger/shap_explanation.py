"""A ledger for shap's plots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.errors import ConfigurationError
from mlops_assets.explain.columns import OUTPUT, SHAP_PREFIX
from mlops_assets.explain.ledger.joined import open_dataset
from mlops_assets.explain.ledger.match_rows import RowsByKey, hash_explained_keys
from mlops_assets.explain.ledger.stored import StoredLedger

if TYPE_CHECKING:
    import shap

_WHERE = "sample_explanations"


def shap_explanation(
    explanations: object, samples: object = None, *, output: str | None = None, row_key: Sequence[str] | None = None
) -> "shap.Explanation":
    """The attributions of one output as shap's own object, for its plots: ``shap.plots.beeswarm(...)``.

    The whole ledger is in memory: pass the rows that a plot is to show.

    Parameters
    ----------
    explanations
        Rows of `sample_explanations`, or what `explain` returns: a ``ds.Dataset``, ``pa.Table``, pandas DataFrame, or
        anything with ``__arrow_c_stream__``.
    samples
        A table with the row key and the explained columns, such as `input_samples` or your own, in any order: what
        plots colour points by. None: no values.
    output
        Which output; None where the ledger holds one.
    row_key
        The columns that identify a row; None: those that the ledger holds before `output`.

    Returns
    -------
    `values` (rows, columns) and `base_values` (rows), float64, in the ledger's order and space; `data` of the same
    shape, float64 where each column is a number or a truth value, else objects; `feature_names`.

    Raises
    ------
    ConfigurationError
        The tables lack columns or rows, or the ledger holds several outputs and none is named.

    Examples
    --------
    >>> shap.plots.beeswarm(shap_explanation(ledger, samples))        # doctest: +SKIP
    """
    import shap

    rows = open_dataset(explanations, _WHERE)
    names = rows.schema.names
    features = [name.removeprefix(SHAP_PREFIX) for name in names if name.startswith(SHAP_PREFIX)]
    if OUTPUT not in names or not features:
        raise ConfigurationError(
            "The table holds no attributions",
            where=_WHERE,
            fix="Pass rows of sample_explanations, or what explain returns",
        )
    stored = StoredLedger.of(rows)
    ledger = pa.Table.from_batches(stored.rows(), stored.schema)
    ledger = _of_output(ledger, output)
    key = tuple(row_key) if row_key is not None else tuple(names[: names.index(OUTPUT)])
    return shap.Explanation(
        values=np.column_stack([ledger.column(SHAP_PREFIX + name).to_numpy() for name in features]),
        base_values=ledger.column("base_value").to_numpy(),
        data=None if samples is None else _values(ledger, open_dataset(samples, _WHERE).to_table(), key, features),
        feature_names=features,
    )


def _of_output(ledger: pa.Table, output: str | None) -> pa.Table:
    labels = ledger.column(OUTPUT).cast(pa.string())
    outputs = sorted({str(label) for label in labels.unique().to_pylist()})
    if output is None and len(outputs) < 2:
        return ledger
    if output is None or str(output) not in outputs:
        raise ConfigurationError(
            f"The ledger explains {len(outputs)} outputs"
            if output is None
            else f"The ledger explains no output {output!r}",
            where=_WHERE,
            fix=f"Name one of them: output={outputs[0]!r}; there are {', '.join(outputs[:20])}",
        )
    return ledger.filter(pc.equal(labels, str(output)))


def _values(ledger: pa.Table, samples: pa.Table, key: Sequence[str], features: Sequence[str]) -> np.ndarray:
    """What the samples hold for each row of the ledger."""
    held = set(samples.schema.names)
    if missing := [name for name in (*key, *features) if name not in held]:
        raise ConfigurationError(
            f"The samples lack the columns {missing[:20]}",
            where=_WHERE,
            fix="Pass input_samples, or the table that was scored",
        )
    block = RowsByKey.of(_one_batch(samples) if samples.num_rows else None, key)
    explained = hash_explained_keys(_one_batch(ledger), key, samples.schema, "samples")
    places = np.zeros(0, np.intp) if block is None else block.find(explained)
    if len(places) < len(explained):
        raise ConfigurationError(
            "Explained rows are not among the samples", where=_WHERE, fix="Pass the samples of the same run, whole"
        )
    rows = samples.select(list(features)).take(pa.array(places))
    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean)
    are_numbers = all(any(is_kind(kind) for is_kind in numbers) for kind in rows.schema.types)
    columns = [column.to_pandas().to_numpy(dtype=np.float64 if are_numbers else object) for column in rows.columns]
    return np.column_stack(columns)


def _one_batch(table: pa.Table) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.concat_arrays(column.chunks) if column.chunks else pa.array([], column.type) for column in table.columns],
        schema=table.schema,
    )
