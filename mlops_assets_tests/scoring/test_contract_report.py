"""What is noted of a part of the inputs is kept as long as runs find it."""

import os
from collections import Counter
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.part_hash import PartHash
from mlops_assets.arrow.part_keys import PartKeys
from mlops_assets.scoring.contract_report import REPORT, find_report, report_to_text
from mlops_assets.scoring.part_edges import PartEdges
from mlops_assets.storage.location import Location
from mlops_assets.tables.leftovers import sweep_folder
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.staged_table import Destination, StagedTable


def test_what_a_run_of_each_day_finds_is_not_collected_after_a_week(tmp_path):
    destination = Destination(ParquetWriter(), ParquetWriter().staging(Location.parse(tmp_path / "input_samples")))
    rows = pa.record_batch({"id": np.arange(9)})
    keys, hashed, edges = PartKeys(["id"]), PartHash(rows.schema, ["id"]), PartEdges(rows.schema)
    keys.add(rows)
    hashed.update(rows)
    edges.add(rows)
    noted = [destination.beside(name) for name in ("k.keys", "k.edges")]
    report = keys.finish(noted[0])
    edges.write(hashed.finish(), noted[1])
    text = report_to_text(hashed.finish(), PartHash(rows.schema, ["id"]).finish(), report, Counter())
    part = destination.write("k", pa.RecordBatchReader.from_batches(rows.schema, [rows]), lambda: {REPORT: text})
    StagedTable(destination, (part,), rows.schema).publish()
    for file in noted:
        os.utime(file.path, (Path(file.path).stat().st_mtime - timedelta(days=6, hours=12).total_seconds(),) * 2)
    published = Destination(ParquetWriter(), ParquetWriter().staging(Location.parse(tmp_path / "input_samples")))
    assert find_report("k", published, published) is not None
    for file in noted:
        os.utime(file.path, (Path(file.path).stat().st_mtime - timedelta(days=1).total_seconds(),) * 2)
    assert sweep_folder(Location.parse(tmp_path)) == ()
    assert find_report("k", published, published) is not None
