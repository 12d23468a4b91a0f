"""The YAML of databases: what goes together, and that no secret stays in definitions."""

import json
import subprocess
import sys

import dagster as dg
import pytest

from mlops_assets.component import MlflowModelComponent, build_model_definitions
from mlops_assets.errors import ConfigurationError
from mlops_assets.io_managers.inputs import SqlInputsIOManager, inputs_io_manager
from mlops_assets.io_managers.kinds import tables_io_manager
from mlops_assets.io_managers.sql import SqlIOManager
from mlops_assets.resources.defaults import default_resources

TABLE = {"database": {"env": "WAREHOUSE_URL"}, "table": "customers", "row_key": ["id"]}
SQL = {"path": "tables", "format": "sql", "database": {"env": "WAREHOUSE_URL"}}


def load(inputs=TABLE, outputs=SQL, **more) -> MlflowModelComponent:
    return MlflowModelComponent.model_validate({"model": "m", "inputs": inputs, "outputs": outputs, **more})


@pytest.mark.parametrize(
    ("inputs", "what"),
    [
        ({"path": "x", "database": "sqlite:///x"}, "exactly one of `path`, `asset` and `database`"),
        ({"database": "sqlite:///x"}, "exactly one of `table` and `query`"),
        ({"database": "sqlite:///x", "table": "a", "query": "b"}, "exactly one of `table` and `query`"),
        ({"path": "x", "table": "a"}, "need inputs.database"),
        ({**TABLE, "format": "csv"}, "are of files"),
        ({"database": "mysql://x/y", "table": "a"}, "postgresql://..., sqlite:///file or duckdb:///file"),
        ({"database": "postgresql://me:hidden@h/d", "table": "a"}, "holds a password; write {env: NAME_OF_VARIABLE}"),
    ],
)
def test_wrong_inputs_fail_at_load(inputs, what):
    with pytest.raises(ConfigurationError) as error:
        load(inputs)
    assert what in str(error.value)


@pytest.mark.parametrize(
    ("outputs", "what"),
    [
        ({"path": "t", "format": "sql"}, "outputs.database goes with `format: sql`"),
        ({"path": "t", "database": "sqlite:///x"}, "outputs.database goes with `format: sql`"),
        ({"path": "t", "mode": "append"}, "need `format: sql`"),
        ({"path": "t", "schema": "s"}, "need `format: sql`"),
        ({**SQL, "mode": "merge"}, "'replace', 'append' or 'upsert'"),
    ],
)
def test_wrong_outputs_fail_at_load(outputs, what):
    with pytest.raises(ConfigurationError) as error:
        load(outputs=outputs)
    assert what in str(error.value)


def test_what_a_database_cannot_do_is_said_at_load():
    with pytest.raises(ConfigurationError, match=r"upsert needs inputs.row_key"):
        load({**TABLE, "row_key": None}, {**SQL, "mode": "upsert"})
    with pytest.raises(ConfigurationError, match=r"sensors.inputs watches files, and inputs is a database"):
        load(sensors={"inputs": {"status": "RUNNING"}})
    with pytest.raises(ConfigurationError, match=r"partitions need inputs.path or inputs.asset; inputs is a database"):
        load(partitions={"type": "static", "keys": ["a"]})


def test_definitions_need_no_variable_and_keep_no_secret(tmp_path, monkeypatch):
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    inputs = {**TABLE, "table": {"schema": "shop", "table": "customers"}}
    definitions = build_model_definitions("m", tmp_path, inputs=inputs, outputs={**SQL, "schema": "scores"})
    dg.Definitions.validate_loadable(
        dg.Definitions.merge(definitions, dg.Definitions(resources=default_resources(tmp_path)))
    )
    settings = load(inputs, {**SQL, "schema": "scores"})
    reader = inputs_io_manager(settings.inputs, settings.partitioning, tmp_path)
    tables = tables_io_manager(settings.outputs, tmp_path)
    assert isinstance(reader, SqlInputsIOManager)
    assert isinstance(tables, SqlIOManager)
    assert (reader.namespace, reader.table, tables.namespace) == ("shop", "customers", "scores")
    assert reader.connection == tables.connection == {"database": {"env": "WAREHOUSE_URL"}}
    assert "m_inputs_sensor" not in {sensor.name for sensor in definitions.sensors}
    monkeypatch.setenv("WAREHOUSE_URL", "postgresql://me:hidden@h/d")
    assert tables.address.uri == "postgresql://h/d"
    assert "hidden" not in json.dumps(str([repr(tables), repr(reader), repr(tables.address)]))


def test_a_variable_that_is_not_set_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("WAREHOUSE_URL", raising=False)
    tables = SqlIOManager(path=str(tmp_path), connection={"database": {"env": "WAREHOUSE_URL"}})
    with pytest.raises(Exception, match=r"WAREHOUSE_URL is not set \(outputs.database\)"):
        tables.exists("predictions")


WRITTEN = """
type: mlops_assets.MlflowModelComponent
attributes:
  model: {name}
  inputs: {{database: {{env: WAREHOUSE_URL}}, table: {table}, row_key: [id]}}
  outputs: {{path: tables, format: sql, database: "sqlite:///x.db", schema: main, prefix: p_, mode: upsert}}
"""
LOADED = """
import json
from mlops_assets.code_location.model_resources import open_model
told = {}
for name in ("plain", "nested"):
    with open_model("location.definitions", name, lambda names: {names.inputs_reader, names.tables}) as own:
        reader, tables = own.resources[own.names.inputs_reader], own.resources[own.names.tables]
        told[name] = [
            [reader.connection, reader.namespace, reader.table], [tables.connection, tables.namespace, tables.mode]
        ]
print(json.dumps(told))"""


@pytest.mark.slow
def test_the_yaml_is_what_dagster_reads(tmp_path):
    for name, table in (("plain", "customers"), ("nested", "{schema: shop, table: customers}")):
        place = tmp_path / "location" / "defs" / name
        place.mkdir(parents=True)
        (place / "defs.yaml").write_text(WRITTEN.format(name=name, table=table))
    (tmp_path / "pyproject.toml").write_text(
        '[tool.dg]\ndirectory_type = "project"\n[tool.dg.project]\nroot_module = "location"\n'
    )
    (tmp_path / "location" / "__init__.py").touch()
    (tmp_path / "location" / "definitions.py").write_text(
        "from pathlib import Path\nimport dagster as dg\n"
        "defs = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=tmp_path, capture_output=True, text=True, check=False)
    tables = [{"database": "sqlite:///x.db"}, "main", "upsert"]
    url = {"database": {"env": "WAREHOUSE_URL"}}
    assert json.loads(done.stdout or "{}") == {
        "plain": [[url, None, "customers"], tables],
        "nested": [[url, "shop", "customers"], tables],
    }, done.stderr[-2000:]
