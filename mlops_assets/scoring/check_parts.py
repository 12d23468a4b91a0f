"""What the checks of predictions ask, answered part by part: whoever works on a part reads it once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa

from mlops_assets.arrow.key_agreement import KeyAgreement, compare_keys
from mlops_assets.engines.engine import Engine, stream_ends
from mlops_assets.engines.part_work import engine_that_reads
from mlops_assets.engines.tasks import Task, in_order
from mlops_assets.scoring.finite import FiniteJudge, FiniteVerdict
from mlops_assets.scoring.prediction_columns import model_output_columns
from mlops_assets.signatures.contract.output_contract import OutputContract
from mlops_assets.tables.staged_table import SourcePart

if TYPE_CHECKING:
    from mlflow.types import Schema


@dataclass(frozen=True)
class PredictionsVerdict:
    """What is known of predictions.

    Attributes
    ----------
    keys
        Whether they are those of the accepted rows.
    reasons
        How many rows do not fit the signature's outputs, by (column, code).
    finite
        How many values are null, NaN or infinite.
    """

    keys: KeyAgreement
    reasons: Counter[tuple[str, str]]
    finite: FiniteVerdict

    def merged(self, later: "PredictionsVerdict") -> "PredictionsVerdict":
        """With that of the rows that come after these."""
        return PredictionsVerdict(
            self.keys.merged(later.keys), self.reasons + later.reasons, self.finite.merged(later.finite)
        )


@dataclass(frozen=True)
class JudgePredictions(Task[PredictionsVerdict]):
    """Judge one part of the predictions, beside the part of the rows that it is made of.

    Attributes
    ----------
    signature
        The signature's JSON; None: values are not compared with its outputs.
    """

    doing: ClassVar[str] = "checking predictions"

    samples: SourcePart
    predictions: SourcePart
    signature: str | None

    @property
    def rows(self) -> int | None:
        return self.predictions.rows

    def run(self) -> PredictionsVerdict:
        from mlops_assets.signatures.mlflow.signature_json import signature_from_json

        row_key, schema = self.predictions.row_key, self.predictions.schema
        outputs = None if self.signature is None else signature_from_json(self.signature).outputs
        contract = None if outputs is None else contract_of(outputs, schema, row_key)
        predicted = self.predictions.batches(judged_columns(schema, row_key))
        return judge_rows(self.samples.batches(list(row_key)), predicted, schema, row_key, contract)


def contract_of(outputs: "Schema", predictions: pa.Schema, row_key: Sequence[str]) -> OutputContract:
    """The outputs that a signature declares, for predictions of this schema."""
    columns = model_output_columns(predictions, row_key)
    return OutputContract(outputs, pa.schema([predictions.field(name) for name in columns]))


def judged_columns(predictions: pa.Schema, row_key: Sequence[str]) -> list[str]:
    """What `judge_rows` reads of predictions: not the text of the digest, which takes longer to read than numbers."""
    return list(dict.fromkeys((*row_key, *model_output_columns(predictions, row_key))))


def judge_rows(
    samples: Iterable[pa.RecordBatch],
    predictions: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    row_key: Sequence[str],
    contract: OutputContract | None,
) -> PredictionsVerdict:
    """The verdict on predictions (of `schema`) beside the keys of the rows that they are made of; one pass.

    `predictions` hold at least the `judged_columns`. `contract`: None where values are not compared with the
    signature's outputs.
    """
    columns = model_output_columns(schema, row_key)
    reasons: Counter[tuple[str, str]] = Counter()
    finite = FiniteJudge(columns, row_key)

    def judged() -> Iterator[pa.RecordBatch]:
        for batch in predictions:
            if contract is not None:
                reasons.update(contract.reasons(batch.select(columns)))
            finite.add(batch)
            yield batch.select(list(row_key))

    keys = compare_keys(samples, judged(), row_key)
    return PredictionsVerdict(keys, reasons, finite.verdict())


def judge_parts(
    engine: Engine,
    samples: Sequence[SourcePart],
    predictions: Sequence[SourcePart],
    signature: str | None,
    log: Callable[[str], None],
) -> PredictionsVerdict:
    """The verdict on all parts; there are as many of the one as of the other."""
    engine = engine_that_reads(engine, predictions, log)
    tasks = [JudgePredictions(one, other, signature) for one, other in zip(samples, predictions, strict=True)]
    return reduce(PredictionsVerdict.merged, in_order(stream_ends(engine, tasks, log)))
