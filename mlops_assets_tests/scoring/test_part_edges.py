"""The rows at the edges of a part are kept apart, so that what spans two parts is hashed without reading them again."""

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.hash_blocks import LONGEST, spread_of
from mlops_assets.arrow.part_hash import PartHash
from mlops_assets.scoring.part_edges import PartEdges, edge_rows
from mlops_assets.storage.location import Location

ROWS = 60_000


def rows(count: int = ROWS) -> pa.RecordBatch:
    return pa.record_batch({"id": np.arange(count), "x": np.random.default_rng(0).normal(size=count)})


def kept(batch: pa.RecordBatch, file: Location, size: int = 5_000):
    hashed, edges = PartHash(batch.schema, ["id"]), PartEdges(batch.schema)
    for start in range(0, batch.num_rows, size):
        hashed.update(batch.slice(start, size))
        edges.add(batch.slice(start, size))
    digest = hashed.finish()
    edges.write(digest, file)
    return digest


def test_the_first_and_the_last_rows_are_found(tmp_path):
    batch, file = rows(), Location.parse(tmp_path / "a.edges")
    digest = kept(batch, file)
    assert 0 < digest.head_rows < ROWS
    for start, stop in ((0, digest.head_rows), (ROWS - digest.tail_rows, ROWS)):
        found = edge_rows(file, digest, start, stop)
        assert found is not None
        assert pa.Table.from_batches(found).equals(pa.Table.from_batches([batch.slice(start, stop - start)]))


def test_other_rows_are_read_from_the_part(tmp_path):
    batch, file = rows(), Location.parse(tmp_path / "a.edges")
    digest = kept(batch, file)
    assert edge_rows(file, digest, 0, ROWS) is None
    assert edge_rows(file, digest, 1, digest.head_rows) is None
    assert edge_rows(Location.parse(tmp_path / "gone.edges"), digest, 0, digest.head_rows) is None


def test_a_part_in_which_no_row_ends_a_block_is_kept_while_it_is_short(tmp_path):
    most = 2 * LONGEST * spread_of(rows(1).schema)
    for count in (100, 2 * most):
        # One key for all: it ends no block.
        batch = pa.record_batch({"id": np.full(count, 5), "x": np.zeros(count)})
        file = Location.parse(tmp_path / f"{count}.edges")
        digest = kept(batch, file, 1_000)
        assert digest.head_rows == 0
        assert file.exists() == (count <= most)
