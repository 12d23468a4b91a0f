"""Types by name."""

import pyarrow as pa
import pytest

from mlops_assets.arrow.type_names import NAMES, arrow_type
from mlops_assets.errors import ConfigurationError


@pytest.mark.parametrize(
    "kind", [*NAMES.values(), pa.timestamp("us", tz="Europe/Berlin"), pa.decimal128(12, -2)], ids=str
)
def test_what_arrow_calls_a_type_is_its_name(kind):
    assert arrow_type(str(kind)) == kind


@pytest.mark.parametrize("name", ["Int64", "timestamp[m]", "decimal128(99, 2)", "list", ""])
def test_other_names_are_refused_with_those_there_are(name):
    with pytest.raises(ConfigurationError, match=r"is not the name of a type.*int64"):
        arrow_type(name)
