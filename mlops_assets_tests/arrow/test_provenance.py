"""Where a table comes from, in its own metadata."""

import pyarrow as pa
import pytest

from mlops_assets.arrow.provenance import ROW_KEY, Provenance
from mlops_assets.errors import ConfigurationError
from mlops_assets.storage.location import Location
from mlops_assets.tables.writers import WRITERS

WHOLE = Provenance(
    row_key=("patient", "besök"),
    model="demo",
    model_uri="models:/demo/3",
    model_digest="d" * 64,
    signature_hash="s" * 64,
    inputs_version="i" * 64,
    data_version="v" * 64,
    extra={"explainer": "tree"},
)


@pytest.mark.parametrize("format_name", WRITERS)
def test_it_survives_publishing(tmp_path, format_name):
    place = Location.parse(str(tmp_path / "t"))
    WRITERS[format_name].write(pa.table({"a": [1]}).to_reader(), place, WHOLE.to_metadata())
    assert Provenance.of(WRITERS[format_name].read(place).schema) == WHOLE


def test_a_table_that_says_nothing():
    schema = pa.schema([("a", pa.int64())], metadata={"other": "x"})
    assert Provenance.of(schema) == Provenance()
    assert Provenance().to_metadata() == {}


def test_the_row_key_is_a_json_list():
    assert Provenance(row_key=("a", "b,c")).to_metadata() == {ROW_KEY: '["a", "b,c"]'}


def test_extra_names_do_not_hide_fields():
    with pytest.raises(ConfigurationError, match=r"mlops_assets\.model cannot be extra metadata"):
        Provenance(extra={"model": "x"}).to_metadata()
