"""A PostgreSQL server that refuses the password: it is in nothing that is kept or shown."""

import traceback
from urllib.parse import quote

import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from mlops_assets.errors import TableError
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets_tests.canaries import CANARY, excerpt
from mlops_assets_tests.canaries import instance as instance
from mlops_assets_tests.canaries import nothing_kept as nothing_kept

ROLE = "somebody"
# What a driver's text may cut out of a password, or repeat of one: words, spaces, a percent sign, quotes.
PASSWORDS = (CANARY, "CANARY short", "CANARY'quoted' 100%", "CANARY-postgresql://user:x@host/db")


@pytest.fixture
def refusing(postgresql):
    """`refusing(password)`: the URL of a role that has another password, which the server asks for."""
    rules = postgresql.pgdata / "pg_hba.conf"
    before = rules.read_text()
    postgresql.psql(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'right';")
    rules.write_text(f"local all {ROLE} scram-sha-256\nhost all {ROLE} all scram-sha-256\n{before}")
    postgresql.psql("SELECT pg_reload_conf();")
    # The socket's folder, or host and port.
    place = postgresql.get_uri().partition("@")[2]
    yield lambda password: f"postgresql://{ROLE}:{quote(password, '')}@{place}"
    rules.write_text(before)
    postgresql.psql(f"SELECT pg_reload_conf(); DROP ROLE {ROLE};")


@pytest.mark.slow
def test_a_wrong_password_is_kept_nowhere(refusing, run, registry, monkeypatch, nothing_kept):
    features, target = load_iris(return_X_y=True, as_frame=True)
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(features, target), features)
    for password in PASSWORDS:
        monkeypatch.setenv("THEIR_TABLES", refusing(password))
        with (
            pytest.raises(TableError, match="password authentication failed") as caught,
            open_session(SqlAddress.parse(refusing(password)), writing=True),
        ):
            pass
        assert excerpt("".join(traceback.format_exception(caught.value))) == []
    database = {"database": {"env": "THEIR_TABLES"}}
    done = run({**database, "table": "iris"}, job="inference")
    assert not done.success
    assert "password authentication failed" in done.error()
    assert not run(features, outputs={**database, "format": "sql"}, job="inference").success


@pytest.mark.slow
def test_the_right_password_opens_the_same_address(refusing):
    """So that it is the password that was refused."""
    with open_session(SqlAddress.parse(refusing("right")), writing=False):
        pass
