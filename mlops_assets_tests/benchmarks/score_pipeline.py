"""What the graph does with one table, through the package's own functions and without Dagster."""

from pathlib import Path
from typing import Any

from mlops_assets.models.loaded import LoadedModel
from mlops_assets.scoring.conformed import conform_table
from mlops_assets.scoring.predict import Scorer
from mlops_assets.signatures.contract import Policy
from mlops_assets.signatures.model_input import to_model_input
from mlops_assets.tables.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.provenance import Provenance
from mlops_assets.tables.source import TableSource
from mlops_assets.tables.spool import scratch_folder
from mlops_assets_tests.benchmarks.score_jobs import Stages, timed


def score(model: LoadedModel, table: Path, key: str, folder: Path, stages: Stages) -> Path:
    """Read, conform, publish `rejected_samples` and `input_samples`, predict from the latter, publish `predictions`."""
    signature: Any = model.signature
    outputs = Location.parse(folder / "pipeline")
    writer = ParquetWriter()
    with timed(stages, "samples"):
        source = TableSource(Location.parse(table), row_key=(key,)).open()
        with (
            scratch_folder(folder / "scratch") as scratch,
            conform_table(source, signature.inputs, Policy(), scratch) as conformed,
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
        scorer = Scorer(
            model,
            lambda batch: to_model_input(batch, signature.inputs, row_key),
            row_key,
            signature.outputs,
        )
        stream = scorer.stream(samples.to_batches(), samples.schema)
        place = outputs.child("predictions")
        writer.write(stream, place, Provenance(row_key=row_key, model=model.reference.name).to_metadata())
    return Path(writer.path_of(place).address)
