"""The rows of one key in a large table, without reading the others."""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds


def find_key(dataset: ds.Dataset, key: Mapping[str, pa.Scalar]) -> pa.Table:
    """The rows of a table with this key, in order; they are next to each other, as everywhere in published tables.

    Of a Parquet table, row groups whose statistics exclude the key are not read, of others the key alone until it is
    found. Where keys rise, as they do in most tables, that is one row group of one part.

    Parameters
    ----------
    key
        Key column -> its value, of the column's type. NaN is NaN.
    """
    chosen: pc.Expression = pc.scalar(True)
    for name, value in key.items():
        column = pc.field(name)
        if pa.types.is_float16(value.type):  # Arrow compares none
            column, value = column.cast(pa.float32()), value.cast(pa.float32())
        # Arrow calls no NaN equal to another one.
        is_nan = pa.types.is_floating(value.type) and pc.is_nan(value).as_py()
        chosen = chosen & (pc.is_nan(column) if is_nan else column == value)
    found: list[pa.Table] = []
    for fragment in dataset.get_fragments(chosen):
        is_parquet = isinstance(fragment, ds.ParquetFileFragment)
        for piece in fragment.split_by_row_group(chosen, schema=dataset.schema) if is_parquet else [fragment]:
            scanned = {"schema": dataset.schema, "filter": chosen}
            if piece.scanner(columns=list(key), **scanned).count_rows():
                found.append(piece.to_table(**scanned))
            elif found:
                return pa.concat_tables(found)
    return pa.concat_tables(found) if found else dataset.schema.empty_table()
