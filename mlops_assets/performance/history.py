"""The predictions that were published so far: those of earlier runs, versions and partitions, which tables replace."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.dataset as ds

from mlops_assets.arrow.batching import BATCH_ROWS, fixed_batches
from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.arrow.views import rows_of
from mlops_assets.errors import TableError
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.storage.location import Location
from mlops_assets.storage.partition_paths import file_name, key_of_file_name
from mlops_assets.tables.parquet_writer import ParquetWriter

_NAME = re.compile(r"(?:(?P<partition>.+)--)?(?P<number>\d{6,})-v(?P<version>\d+)-(?P<digest>[0-9a-f]{16})\.parquet")
_SEGMENTS = "segments"


@dataclass(frozen=True, order=True)
class Publication:
    """One publication of a predictions table.

    Attributes
    ----------
    number
        Later publications have higher numbers.
    version
        Of the model.
    name
        Of its file, without the extension.
    partition
        None: the predictions have no partitions.
    digest
        Of the predictions' data version.
    """

    number: int
    version: int
    name: str
    partition: str | None
    digest: str


@dataclass(frozen=True)
class KeptPredictions:
    """A publication, opened: its schema is read, its rows are not.

    Attributes
    ----------
    row_key, outputs, segments
        Its columns, by what they are.
    """

    rows: ds.Dataset
    row_key: tuple[str, ...]
    outputs: pa.Schema
    segments: tuple[str, ...]
    model_digest: str | None


class PredictionHistory:
    """A folder with one Parquet file per publication, each whole or absent; a file never changes.

    Parameters
    ----------
    folder
        A local folder or an object store's.
    """

    def __init__(self, folder: Location) -> None:
        self.folder = folder

    def publications(self) -> list[Publication]:
        """All of them, the oldest first."""
        found = []
        for name in self.folder.files(recursive=False):
            if (match := _NAME.fullmatch(name)) is not None:
                partition = match["partition"]
                found.append(
                    Publication(
                        int(match["number"]),
                        int(match["version"]),
                        name.removesuffix(ParquetWriter.extension),
                        None if partition is None else key_of_file_name(partition),
                        match["digest"],
                    )
                )
        return sorted(found, key=lambda each: (each.number, each.version, each.name))

    def add(
        self,
        predictions: ds.Dataset,
        samples: ds.Dataset | None,
        segments: Sequence[str],
        partition: str | None,
        keep: int | None,
    ) -> tuple[Publication, bool]:
        """Keep the published predictions of a run, and say whether they are new.

        Guarantees
        ----------
        - The same predictions are kept once: published again after others, they become the newest.
        - Whole or absent. A run that dies leaves what was kept before.

        Parameters
        ----------
        samples
            The rows that were predicted, for the columns of segments; None: there are none.
        segments
            Columns of `samples` that are kept as well; those that it does not have are left out.
        keep
            The number of publications of a partition that are kept; None: all.

        Raises
        ------
        TableError
            The predictions are not of these samples, or a segment has the name of an output.
        """
        source = Provenance.of(predictions.schema)
        known_columns = set() if samples is None else set(samples.schema.names) - set(source.row_key)
        kept = [name for name in segments if name in known_columns]
        digest = hash_of(source.data_version or "", json.dumps(kept))[:16]
        known = self.publications()
        of_partition = [each for each in known if each.partition == partition]
        if of_partition and of_partition[-1].digest == digest:
            return of_partition[-1], False
        number = known[-1].number + 1 if known else 1
        version = _version_of(source)
        name = f"{number:06d}-v{version}-{digest}"
        if partition is not None:
            name = f"{file_name(partition)}--{name}"
        rows = _rows_with_segments(predictions, samples, kept) if kept and samples is not None else None
        schema = predictions.schema if rows is None else rows.schema
        stream = pa.RecordBatchReader.from_batches(schema, rows_of(predictions)) if rows is None else rows
        provenance = replace(source, extra={**source.extra, _SEGMENTS: json.dumps(kept)})
        ParquetWriter().write(with_provenance(stream, provenance), self.folder.child(name))
        added = Publication(number, version, name, partition, digest)
        outdated = [each for each in of_partition if each.digest == digest]
        others = [each for each in of_partition if each.digest != digest]
        if keep is not None:
            outdated += others[: max(len(others) + 1 - keep, 0)]
        for each in outdated:
            self.folder.child(each.name + ParquetWriter.extension).remove()
        return added, True

    def open(self, publication: Publication) -> KeptPredictions:
        """The rows of a publication, lazily."""
        rows = ParquetWriter().read(self.folder.child(publication.name))
        source = Provenance.of(rows.schema)
        segments = tuple(json.loads(source.extra.get(_SEGMENTS, "[]")))
        names = [name for name in model_output_columns(rows.schema, source.row_key) if name not in segments]
        outputs = pa.schema([rows.schema.field(name) for name in names])
        return KeptPredictions(rows, source.row_key, outputs, segments, source.model_digest)


def _version_of(source: Provenance) -> int:
    version = (source.model_uri or "").rpartition("/")[2]
    if not version.isdigit():
        raise TableError(
            "The predictions do not say which model version made them",
            fix="Materialize predictions again with this package",
        )
    return int(version)


def _rows_with_segments(predictions: ds.Dataset, samples: ds.Dataset, segments: Sequence[str]) -> pa.RecordBatchReader:
    source = Provenance.of(predictions.schema)
    if taken := sorted(set(segments) & set(predictions.schema.names)):
        raise TableError(
            f"The segments {', '.join(taken)} have the names of columns of the predictions",
            where="outcomes.segments",
            fix="Give the input column another name, or leave it out",
        )
    if source.inputs_version != Provenance.of(samples.schema).data_version:
        raise _other_rows()
    fields = [samples.schema.field(name).with_nullable(True) for name in segments]
    schema = pa.schema([*predictions.schema, *fields])

    def batches() -> Iterator[pa.RecordBatch]:
        scored = fixed_batches(rows_of(predictions), BATCH_ROWS)
        inputs = fixed_batches(rows_of(samples, [*source.row_key, *segments]), BATCH_ROWS)
        for rows in scored:
            beside = next(inputs, None)
            keys = source.row_key
            if beside is None or any(not rows.column(name).equals(beside.column(name)) for name in keys):
                raise _other_rows()
            yield pa.RecordBatch.from_arrays(
                [*rows.columns, *(beside.column(name) for name in segments)], schema=schema
            )

    return pa.RecordBatchReader.from_batches(schema, batches())


def _other_rows() -> TableError:
    return TableError(
        "The published predictions and input_samples are not of the same rows, so predictions have no segments",
        fix="Materialize all three assets in one run of the model's job",
    )
