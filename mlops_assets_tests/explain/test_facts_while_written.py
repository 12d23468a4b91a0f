"""What is noted of a ledger while it is written is what would be read of it, to the last bit."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.explain.ledger.stored import StoredLedger
from mlops_assets.explain.report.facts_while_written import FactsOfPart, NotesOfRuns, judged, merge_notes, rows_shown
from mlops_assets.explain.report.input_rows import find_input_rows
from mlops_assets.explain.report.ledger_facts import facts_of
from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets.tables.parts.part import PublishedPart
from mlops_assets.tables.word_columns import WORDS
from mlops_assets_tests.explain.old_ledgers import small_ledger

ROWS = (150_000, 70_001)
SHOWN = 2


def ledger_of(keys: np.ndarray, outputs: tuple[str, ...], kind: pa.DataType) -> pa.Table:
    """With numbers of its own, so that sums depend on how they are rounded."""
    table = small_ledger(keys.tolist(), outputs=outputs, kind=kind, space="identity")
    rng = np.random.default_rng(int(keys[0]))
    for name in ("explained_value", "residual", "shap_a", "shap_b"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(rng.standard_normal(len(table))))
    return table


def with_words(batch: pa.RecordBatch) -> pa.RecordBatch:
    """As tasks hand their ledgers over: texts as numbers into a list of words."""
    fields = [field.with_type(WORDS) if field.type == pa.string() else field for field in batch.schema]
    columns = [column.dictionary_encode() if column.type == pa.string() else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))


@pytest.mark.slow
@pytest.mark.parametrize(("outputs", "kind"), [(("prediction",), pa.string()), (("0", "1", "2"), pa.int64())])
def test_facts_noted_are_those_that_are_read(outputs, kind, tmp_path):
    writer, place = ParquetWriter(), Location.parse(str(tmp_path / "ledger"))
    staging, start, notes, read = writer.staging(place), 0, [], []
    inputs = pa.table({"id": np.arange(sum(ROWS)), "a": np.random.default_rng(1).standard_normal(sum(ROWS))})
    for number, rows in enumerate(ROWS):
        ledger = ledger_of(np.arange(start, start + rows), outputs, kind)
        part = FactsOfPart(True, SHOWN, Provenance.of(ledger.schema), start, sum(ROWS))
        observer, batches = pickle.loads(pickle.dumps(part))(), []
        for low in range(0, rows, 20_011):
            of_inputs = inputs.slice(start + low, min(20_011, rows - low)).to_batches()[0]
            results = ledger.slice(low * len(outputs), len(of_inputs) * len(outputs)).combine_chunks().to_batches()[0]
            observer.add_chunk(of_inputs, results)
            batches.append(with_words(results))
        reader = pa.RecordBatchReader.from_batches(batches[0].schema, batches)
        staged = writer.write_part(staging, f"part {number}", reader, dict, observer.add_written)
        notes.append(pickle.loads(pickle.dumps(observer.notes)))
        published = PublishedPart(staging.file(staged), number, staged.rows, staged.bytes)
        stored = writer.read_part(published).replace_schema(ledger.schema)
        read.append(facts_of(StoredLedger.of(stored), SHOWN, start, sum(ROWS), with_sums=True))
        start += rows
    provenance = Provenance.of(ledger.schema)
    whole, verdict = read[0].merged(read[1]), judged(notes, provenance).verdict()
    for _ in range(2):
        # Twice: notes are not changed by who asks.
        facts = merge_notes(notes)
        assert facts.is_whole(sum(ROWS))
        assert facts.summary.table(kind).equals(whole.summary.table(kind))
        assert facts.residuals.verdict() == whole.residuals.verdict() == verdict
        assert facts.sums.outputs() == whole.sums.outputs()
        assert facts.examples.examples() == whole.examples.examples()
        for output in outputs:
            assert facts.summary.sample(output).equals(whole.summary.sample(output))
    sources = StoredLedger((stored,), provenance), whole, SHOWN, ds.dataset(inputs), pytest.fail, (), print
    assert find_input_rows(*sources).to_table().equals(find_input_rows(*sources, rows_shown(notes)).to_table())
    # They were found among those that were seen.
    found = find_input_rows(*sources[:3], ds.dataset(inputs.slice(0, 0)), *sources[4:], rows_shown(notes))
    assert found.count_rows() > 500


def test_notes_are_found_under_all_that_they_depend_on():
    notes, of_part = NotesOfRuns(), object()
    notes.keep(("run", "model", "version"), {"one": of_part})
    assert notes.find(("run", "model", "version"), ["one"]) == [of_part]
    assert notes.find(("another run", "model", "version"), ["one"]) is None
    assert notes.find(("run", "model", "version"), ["one", "two"]) is None
    assert notes.find(("run", "model", "version"), []) is None
