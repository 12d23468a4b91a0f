"""What the graph does with one table, through the package's own functions and without Dagster."""

import shutil
from pathlib import Path

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.arrow.spool import scratch_folder
from mlops_assets.engines.chunk_store import ChunkStore
from mlops_assets.engines.engine import InputRows, Run, stream_results
from mlops_assets.engines.local import LocalEngine
from mlops_assets.models.loaded_model import LoadedModel
from mlops_assets.scoring.apply_contract import apply_contract
from mlops_assets.scoring.predict import PredictWork
from mlops_assets.scoring.score_table import PREDICTED_ROWS
from mlops_assets.signatures.contract.contract import ContractPolicy
from mlops_assets.signatures.mlflow.signature_json import signature_from_json, signature_to_json
from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.source import TableSource
from mlops_assets_tests.benchmarks.score_jobs import Stages, timed


def score(model: LoadedModel, table: Path, key: str, folder: Path, stages: Stages) -> Path:
    """Read, conform, publish `rejected_samples` and `input_samples`, predict from the latter, publish `predictions`.

    Results of chunks are stored, as they are by default; none are there.
    """
    assert model.signature is not None
    signature = signature_to_json(model.signature)
    inputs = signature_from_json(signature).inputs
    outputs = Location.parse(folder / "pipeline")
    writer = ParquetWriter()
    with timed(stages, "samples"):
        source = TableSource(Location.parse(table), row_key=(key,)).open()
        with (
            scratch_folder(folder / "scratch") as scratch,
            apply_contract(source, inputs, ContractPolicy(), scratch) as conformed,
        ):
            for name, spool, content in (
                ("rejected_samples", conformed.rejected, conformed.rejected_hash),
                ("input_samples", conformed.accepted, conformed.accepted_hash),
            ):
                provenance = Provenance(row_key=source.row_key, model=model.reference.name, data_version=content)
                writer.write(spool.reader(), outputs.child(name), provenance.to_metadata())
            conformed.check_limit(0, where=source.uri)
    with timed(stages, "predictions"):
        samples = writer.read(outputs.child("input_samples"))
        row_key = Provenance.of(samples.schema).row_key
        rows = InputRows.of(samples, None, PREDICTED_ROWS)
        work = PredictWork(model, signature, row_key, rows=rows.count)
        run = Run(work, rows, ChunkStore(empty(folder / "chunks")))
        stream = work.scorer.combine(stream_results(LocalEngine(), run), samples.schema)
        place = outputs.child("predictions")
        writer.write(stream, place, Provenance(row_key=row_key, model=model.reference.name).to_metadata())
    stages["worker processes"] = run.tally.workers
    assert run.tally.rows_reused == 0
    return Path(writer.path_of(place).address)


def empty(folder: Path) -> Path:
    """The folder's path; what was in it is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder
