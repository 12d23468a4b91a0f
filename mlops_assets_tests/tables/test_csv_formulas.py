"""CSV that spreadsheets open: `outputs.csv_formulas` is keep or escape, and what is read back is what was written."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.storage.location import Location
from mlops_assets.tables.csv_formulas import _escape, _restore
from mlops_assets.tables.csv_writer import CsvWriter

DANGEROUS = ["=1+1", "+1", "-2", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x")', "'=quoted", "''+x"]
HARMLESS = ["", "plain", "a=b", " =1", "'", "''", "'x", None]
TABLE = pa.table(
    {
        "text": [*DANGEROUS, *HARMLESS],
        "number": pa.array(range(-8, 9), pa.int64()),
        "fraction": pa.array([-0.5 * at for at in range(17)]),
        "=name": ["x"] * 17,
    },
    metadata={"note": "kept"},
)


def cells(place: Location) -> list[list[str]]:
    with Path(f"{place.path}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def publish(writer: CsvWriter, place: Location) -> None:
    writer.write(TABLE.to_reader(max_chunksize=4), place)


def test_kept_is_the_default_and_changes_nothing(tmp_path):
    place = Location.parse(tmp_path / "t")
    publish(CsvWriter(), place)
    assert [row[0] for row in cells(place)[1:10]] == DANGEROUS
    assert CsvWriter().read(place).to_table().equals(TABLE, check_metadata=True)


def test_escaped_text_is_executed_by_no_spreadsheet_and_numbers_are_untouched(tmp_path):
    place = Location.parse(tmp_path / "t")
    publish(CsvWriter(escape_formulas=True), place)
    header, *rows = cells(place)
    assert header == ["text", "number", "fraction", "'=name"]
    assert [row[0] for row in rows[:9]] == [f"'{text}" for text in DANGEROUS]
    assert [row[0] for row in rows[9:]] == [text or "" for text in HARMLESS]
    assert [row[1] for row in rows] == [str(number) for number in range(-8, 9)]
    assert float(rows[1][2]) == -0.5


@pytest.mark.parametrize("reader", [CsvWriter(), CsvWriter(escape_formulas=True)])
def test_what_was_escaped_is_read_back_as_it_was(reader, tmp_path):
    """Whatever the setting is now: how the file was written is noted beside it."""
    place = Location.parse(tmp_path / "t")
    publish(CsvWriter(escape_formulas=True), place)
    dataset = reader.read(place)
    assert dataset.to_table().equals(TABLE, check_metadata=True)
    assert dataset.to_table().equals(TABLE)  # read twice
    assert reader.read(place, columns=["=name"], limit=2).to_table().to_pydict() == {"=name": ["x", "x"]}


def test_a_table_without_rows_comes_back(tmp_path):
    place = Location.parse(tmp_path / "t")
    CsvWriter(escape_formulas=True).write(TABLE.slice(0, 0).to_reader(), place)
    assert CsvWriter().read(place).to_table().equals(TABLE.slice(0, 0))


@given(st.lists(st.none() | st.text(st.sampled_from("'=+-@\t\ra1"), max_size=5), max_size=20))
def test_escaping_can_be_undone(texts):
    column = pa.array(texts, pa.string())
    escaped = _escape(column)
    assert not any(text and text[0] in "=+-@\t\r" for text in escaped.to_pylist())
    assert _restore(escaped).equals(column)


def test_the_setting_needs_csv(tmp_path):
    from mlops_assets.errors import ConfigurationError
    from mlops_assets.settings.tables import OutputsSettings

    OutputsSettings(format="csv", csv_formulas="escape")
    with pytest.raises(ConfigurationError, match="csv_formulas needs `format: csv`"):
        OutputsSettings(csv_formulas="escape")


@pytest.mark.slow
def test_a_graph_predicts_the_same_from_escaped_samples(run, registry):
    """Samples go through a CSV file: the model sees the text, and not its apostrophe."""
    import pandas as pd
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.tree import DecisionTreeClassifier

    inputs = pd.DataFrame({"sign": ["=a", "+b", "-c", "d"] * 5})
    model = make_pipeline(OneHotEncoder(), DecisionTreeClassifier()).fit(inputs, inputs["sign"])
    registry.add_sklearn(model, inputs)
    done = run(inputs, job="inference", outputs={"path": "tables", "format": "csv", "csv_formulas": "escape"})
    assert done.success
    rows = list(csv.DictReader((done.tables / "predictions.csv").open(encoding="utf-8", newline="")))
    assert [row["prediction"] for row in rows[:4]] == ["'=a", "'+b", "'-c", "d"]
