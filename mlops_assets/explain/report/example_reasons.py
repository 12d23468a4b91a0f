"""The reasons of the rows that a report shows, as the table of reasons has them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.python_values import comparable_key
from mlops_assets.arrow.views import rows_of
from mlops_assets.explain.columns import OUTPUT
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.ledger.summary import match_input_rows
from mlops_assets.explain.reasons.reasons_table import make_reasoner
from mlops_assets.explain.reasons.rules import ReasonRules


def find_reasons(
    ledger: StoredLedger, rules: ReasonRules, rows: Sequence[dict[str, Any]], inputs: ds.Dataset
) -> list[list[dict[str, Any]]]:
    """The reasons of each of some rows of a ledger, in order of rank.

    Parameters
    ----------
    inputs
        The rows that were explained, or those of them that have the keys of `rows`.
    """
    if not rows:
        return []
    reasoner = make_reasoner(ledger, rules)
    names, key = reasoner.ledger_columns(ledger.schema.names), ledger.provenance.row_key
    explained = pa.Table.from_pylist([{name: row[name] for name in names} for row in rows], _fields(ledger, names))
    # Several outputs may show the same row.
    keys = [comparable_key(row[name] for name in key) for row in rows]
    first = {each: place for place, each in reversed(list(enumerate(keys)))}
    distinct = {each: place for place, each in enumerate(dict.fromkeys(keys))}
    shown = [{name: rows[first[each]][name] for name in key} for each in distinct]
    sample = pa.Table.from_pylist(shown, ledger.key_schema())
    values = match_input_rows(rows_of(inputs), sample, key, reasoner.features).combine_chunks()
    (batch,), (held,) = explained.combine_chunks().to_batches(), values.to_batches()
    found: list[list[dict[str, Any]]] = [[] for _ in rows]
    for place in range(len(rows)):
        one = reasoner.reasons(batch.slice(place, 1), held, np.array([distinct[keys[place]]]))
        found[place] = one.to_pylist()
    return found


def _fields(ledger: StoredLedger, names: Sequence[str]) -> pa.Schema:
    fields = [ledger.schema.field(name) for name in names]
    return pa.schema([field.with_type(pa.string()) if field.name == OUTPUT else field for field in fields])
