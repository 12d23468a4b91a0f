"""A CSV that is cut at the wrong character is never scored as if its columns were missing."""

import pandas as pd
import pyarrow as pa
import pytest
from mlflow.types import ColSpec, Schema
from sklearn.linear_model import LogisticRegression

import mlops_assets
from mlops_assets.errors import ContractError, TableError
from mlops_assets.signatures.contract.contract import Contract
from mlops_assets.signatures.contract.delimiters import find_other_delimiter
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource


@pytest.mark.parametrize(
    ("names", "found"),
    [(["a;b"], ";"), (["a\tb"], "\t"), (["a|b"], "|"), (["a"], None), (["a;b", "c"], None), ([], None)],
)
def test_one_column_with_the_character_in_its_name(names, found):
    assert find_other_delimiter(names) == found


@pytest.fixture
def semicolons(tmp_path):
    pd.DataFrame({"id": [1, 2], "age": [3.0, 4.0]}).to_csv(tmp_path / "in.csv", sep=";", index=False)
    return Location.parse(str(tmp_path / "in.csv"))


def test_an_unknown_key_says_what_to_set(semicolons):
    with pytest.raises(TableError, match=r'inputs: \{delimiter: ";"\}'):
        TableSource(semicolons, row_key=("id",)).open()
    assert TableSource(semicolons, row_key=("id",), delimiter=";").open().schema.names == ["id", "age"]


@pytest.mark.parametrize("required", [True, False])
def test_optional_columns_are_not_all_null(semicolons, required):
    table = TableSource(semicolons).open()
    inputs = Schema([ColSpec("double", "age", required=required)])
    with pytest.raises(ContractError, match=r'inputs: \{delimiter: ";"\}'):
        Contract(inputs, table.schema, row_key=table.row_key)


def test_some_optional_columns_may_be_absent():
    source = pa.schema({"id": pa.int64(), "age": pa.float64()})
    inputs = Schema([ColSpec("double", "age", required=False), ColSpec("double", "pay", required=False)])
    assert Contract(inputs, source, row_key=["id"]).accepted_schema.names == ["id", "age", "pay"]
    inputs = Schema([ColSpec("double", "pay", required=False)])
    assert Contract(inputs, source, row_key=["id"]).accepted_schema.names == ["id", "pay"]


@pytest.mark.slow
def test_doctor_finds_it(registry, tmp_path):
    from mlops_assets.examine.examine import examine
    from mlops_assets.examine.request import ExaminationRequest

    frame = pd.DataFrame({"id": range(20), "age": [float(i) for i in range(20)]})
    frame.to_csv(tmp_path / "in.csv", sep=";", index=False)
    model = LogisticRegression().fit(frame[["age"]], frame["age"] > 9)
    registry.add_sklearn(model, frame[["age"]], name="churn")
    request = ExaminationRequest("churn", "in.csv", root=tmp_path, row_key=("id",), tracking_uri=registry.uri)
    examined = examine(request)
    assert examined.proposal.delimiter == ";"
    with pytest.raises(TableError, match='pass delimiter=";"'):
        mlops_assets.score("churn", tmp_path / "in.csv", row_key="id", tracking_uri=registry.uri)
    scored = mlops_assets.score("churn", tmp_path / "in.csv", row_key="id", delimiter=";", tracking_uri=registry.uri)
    assert scored.num_rows == 20
