"""The global view of a ledger, added up while it streams: importances, ranks, and a sample of rows for plots."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_assets.arrow.key_hash import canonical
from mlops_assets.arrow.python_values import comparable_keys
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.columns import OUTPUT, shap_column
from mlops_assets.explain.explainers.sampling import HASHES, Reservoir
from mlops_assets.explain.labels import to_labels
from mlops_assets.explain.ledger.attribution_sums import AttributionSums, sum_attributions
from mlops_assets.explain.ranking import rank_by_size
from mlops_assets.trees.arrays import Floats

MODEL_EXPLANATIONS_SCHEMA = pa.schema(
    [
        pa.field(OUTPUT, pa.string(), nullable=False),
        pa.field("feature", pa.string(), nullable=False),
        pa.field("mean_abs_shap", pa.float64(), nullable=False),
        pa.field("mean_shap", pa.float64(), nullable=False),
        pa.field("native_importance", pa.float64()),
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("model_version", pa.int64(), nullable=False),
        pa.field("model_digest", pa.string(), nullable=False),
    ]
)
"""The columns of the asset `model_explanations`; `output` has the type of the ledger's."""

SAMPLE_ROWS = 500
"""Of each output, for plots."""

_TEXT = pa.string()


@dataclass
class _Sums:
    rows: int
    absolute: Floats  # (features,)
    signed: Floats  # (features,)
    sample: Reservoir


class LedgerSummary:
    """Adds up a ledger, batch by batch; memory is one row of numbers per output and a bounded sample.

    Parameters
    ----------
    features
        The explained columns, in the ledger's order.
    outputs
        Known output names, in order; others are appended as they appear.
    native_importance
        Output -> feature -> the model's own importance: `Explainer.native_importance`.
    sample_rows
        The most ledger rows kept per output, for plots.
    seed
        Of that sample.
    start
        How many rows of each output there are before the first that is added.
    bound
        Of `hash_bound`: leave out of the sample what is not below it, as of `Reservoir`.
    """

    def __init__(
        self,
        features: Sequence[str],
        outputs: Sequence[str] = (),
        *,
        native_importance: Mapping[str, Mapping[str, float]] | None = None,
        sample_rows: int = SAMPLE_ROWS,
        seed: int = 0,
        start: int = 0,
        bound: int = HASHES,
    ) -> None:
        self.features = tuple(features)
        self._native = native_importance or {}
        self.version: tuple[int, str] | None = None
        self._sample_rows, self._seed, self._start, self._bound = sample_rows, seed, start, bound
        self.sums: dict[str, _Sums] = {output: self._empty_sums() for output in outputs}

    @classmethod
    def from_batches(
        cls,
        batches: Iterable[pa.RecordBatch],
        features: Sequence[str],
        outputs: Sequence[str] = (),
        *,
        native_importance: Mapping[str, Mapping[str, float]] | None = None,
        sample_rows: int = SAMPLE_ROWS,
        seed: int = 0,
    ) -> "LedgerSummary":
        """The summary of a whole ledger; arguments as of the class."""
        summary = cls(features, outputs, native_importance=native_importance, sample_rows=sample_rows, seed=seed)
        for batch in batches:
            summary.add(batch)
        return summary

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs seen or announced, in order."""
        return tuple(self.sums)

    @property
    def rows(self) -> int:
        """Explained rows: those of the output that has most (a row filter may keep some outputs of a row only)."""
        return max((sums.rows for sums in self.sums.values()), default=0)

    @property
    def columns(self) -> list[str]:
        """The columns of the ledger that are added up."""
        return [shap_column(feature) for feature in self.features]

    def add(self, ledger: pa.RecordBatch | pa.Table, sums: AttributionSums | None = None) -> None:
        """Add one batch of a ledger; `sums` are of its `columns`, where they are known.

        Raises
        ------
        ExplanationError
            It lacks the attributions of a feature, or comes from another model version than the batches before.
        """
        columns = self.columns
        present = set(ledger.schema.names)
        missing = [name for name in columns if name not in present]
        if missing:
            raise ExplanationError(f"The ledger lacks the columns {missing[:20]}", where="sample_explanations")
        if ledger.num_rows == 0:
            return
        self._check_version(ledger)
        names = ledger.column("output")
        outputs = pc.unique(names).to_pylist()
        for output in outputs:
            is_all = len(outputs) == 1
            part = ledger if is_all else ledger.filter(pc.equal(names, output))
            added = sums if is_all and sums is not None else sum_attributions(part, columns)
            mine = self.sums.setdefault(output, self._empty_sums())
            mine.rows += part.num_rows
            mine.absolute += added.absolute
            mine.signed += added.signed
            mine.sample.add(part)

    def merge(self, later: "LedgerSummary") -> None:
        """Add the summary of the rows that come after these, with the same features, sample and seed.

        Raises
        ------
        ExplanationError
            They come from another model version.
        """
        if later.version is not None:
            self._note_version(later.version)
        for output, sums in later.sums.items():
            mine = self.sums.setdefault(output, self._empty_sums())
            mine.rows += sums.rows
            mine.absolute += sums.absolute
            mine.signed += sums.signed
            mine.sample.merge(sums.sample)

    def mean_abs(self, output: str) -> Floats:
        """(features,): mean absolute attribution; zeros where no row was explained."""
        sums = self.sums[output]
        return sums.absolute / max(sums.rows, 1)

    def mean(self, output: str) -> Floats:
        """(features,): mean attribution."""
        sums = self.sums[output]
        return sums.signed / max(sums.rows, 1)

    def ranks(self, output: str) -> list[int]:
        """(features,): 1 for the highest mean absolute attribution; ties go by the signature's order."""
        return [int(rank) for rank in rank_by_size(self.mean_abs(output))]

    def sample(self, output: str) -> pa.Table | None:
        """At most `sample_rows` ledger rows of this output, drawn with the seed; None before any row."""
        return self.sums[output].sample.rows

    def is_whole(self) -> bool:
        """Whether `bound` has left out nothing of the samples of the rows that were added."""
        return all(sums.sample.is_whole(sums.rows) for sums in self.sums.values())

    def table(self, output_type: pa.DataType = _TEXT) -> pa.Table:
        """`model_explanations`: one row per output and feature, outputs in order and features by rank.

        `output_type` is that of the ledger: `LedgerProvenance.output_type`.
        Version and digest are the ledger's own; a ledger without rows gives a table without rows.
        """
        columns: dict[str, list[object]] = {name: [] for name in MODEL_EXPLANATIONS_SCHEMA.names}
        for output in self.sums if self.version is not None else ():
            assert self.version is not None
            mean_abs, mean, ranks = self.mean_abs(output), self.mean(output), self.ranks(output)
            native = self._native.get(output, {})
            for place in np.argsort(ranks).tolist():
                columns["output"].append(output)
                columns["feature"].append(self.features[place])
                columns["mean_abs_shap"].append(float(mean_abs[place]))
                columns["mean_shap"].append(float(mean[place]))
                columns["native_importance"].append(native.get(self.features[place]))
                columns["rank"].append(ranks[place])
                columns["model_version"].append(self.version[0])
                columns["model_digest"].append(self.version[1])
        names = pa.array(columns.pop(OUTPUT), pa.string())
        schema = MODEL_EXPLANATIONS_SCHEMA.set(0, pa.field(OUTPUT, output_type, nullable=False))
        return pa.table({OUTPUT: to_labels(names, output_type), **columns}, schema=schema)

    def _check_version(self, ledger: pa.RecordBatch) -> None:
        versions, digests = (pc.unique(ledger.column(name)).to_pylist() for name in ("model_version", "model_digest"))
        for version in product(versions, digests):
            self._note_version(version)

    def _note_version(self, version: tuple[int, str]) -> None:
        if (self.version or version) != version:
            raise ExplanationError(
                "The ledger mixes rows of several model versions",
                where="sample_explanations",
                fix="Summarise the rows of one version at a time",
            )
        self.version = version

    def _empty_sums(self) -> _Sums:
        count = len(self.features)
        sample = Reservoir(self._sample_rows, self._seed, self._start, self._bound)
        return _Sums(0, np.zeros(count), np.zeros(count), sample)


def match_input_rows(
    batches: Iterable[pa.RecordBatch], sample: pa.Table, row_key: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """The input rows of a sample of ledger rows, in the sample's order: what a plot needs to colour its points.

    Streams `batches` once and holds only the rows found.

    Raises
    ------
    ExplanationError
        A row of the sample is not among the inputs.
    """
    keys = list(row_key)
    place_of_key = {key: place for place, key in enumerate(comparable_keys(sample, keys))}
    places: list[int] = []
    matches: list[pa.RecordBatch] = []
    first_key = canonical(sample.column(keys[0]).combine_chunks())
    for batch in batches:
        near = batch.filter(pc.is_in(canonical(batch.column(keys[0])), value_set=first_key))
        hits = [place_of_key.get(key) for key in comparable_keys(near, keys)]
        positions = [place for place, hit in enumerate(hits) if hit is not None]
        if positions:
            matches.append(near.take(pa.array(positions)).select(list(columns)))
            places += [hit for hit in hits if hit is not None]
    if len(set(places)) != len(place_of_key):
        raise ExplanationError(
            f"{len(place_of_key) - len(set(places))} of {len(place_of_key)} sampled ledger rows have no input row with"
            " their key",
            where="sample_explanations",
        )
    order = np.argsort(np.array(places), kind="stable")
    return pa.Table.from_batches(matches).take(pa.array(order)) if matches else sample.select([]).slice(0, 0)
