"""Work that needs no model; in a module of its own, so that a worker imports little to do it."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import InputRows, Run
from mlops_assets.engines.work import ChunkFunction, Work
from mlops_assets.errors import PredictionError
from mlops_assets_tests.waiting import LONGEST_SECONDS


@dataclass(frozen=True)
class Sums(Work):
    """Doubles a column; goes wrong in a chosen way at the row whose number is `at`.

    What hangs there leaves a file in `folder` before, named by its process.
    """

    noun = "sums"
    at: int = -1
    fault: str = ""
    folder: str = ""

    @property
    def identity(self) -> str:
        return hash_of("sums", str(self.at), self.fault)

    def open(self) -> ChunkFunction:
        def doubled(rows: pa.RecordBatch) -> pa.RecordBatch:
            if self.at in rows.column("n").to_pylist():
                if self.fault == "own":
                    raise PredictionError("Row refused", where="column a", fix="Mend it")
                if self.fault == "hangs":
                    (Path(self.folder) / str(os.getpid())).touch()
                    while True:
                        time.sleep(LONGEST_SECONDS)
                if self.fault == "foreign":
                    raise ZeroDivisionError("by nought")
                os._exit(7)
            return pa.RecordBatch.from_arrays([rows.column("n"), pc.multiply(rows.column("a"), 2)], ["n", "double"])

        return doubled


def sums_run(work: Work, store: ChunkStore | None = None) -> Run:
    """`work` on 500 rows in chunks of about 20."""
    table = pa.table({"n": range(500), "a": range(0, 1500, 3)})
    dataset = ds.dataset(table.replace_schema_metadata(Provenance(row_key=("n",)).to_metadata()))
    return Run(work, InputRows(dataset, chunk_rows=20), store)
