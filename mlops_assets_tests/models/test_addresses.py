import pytest

from mlops_assets.models.artifact_address import is_below
from mlops_assets.redaction.addresses import secrets_in, show_address
from mlops_assets.redaction.text import redact


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://ml.example:5000", "http://ml.example:5000"),
        ("https://user:CANARY@ml.example/mlflow", "https://ml.example/mlflow"),
        ("https://CANARY@ml.example", "https://ml.example"),
        ("postgresql+psycopg://u:CAN/A@RY@db:5432/mlflow", "postgresql+psycopg://db:5432/mlflow"),
        ("mysql://db/mlflow?user=u&password=CANARY", "mysql://db/mlflow"),
        ("wasbs://box@account/models?sig=CANARY#x", "wasbs://account/models"),
        ("sqlite:////srv/a@b/mlflow.db", "sqlite:////srv/a@b/mlflow.db"),
        ("sqlite:////srv/mlflow.db?token=CANARY", "sqlite:////srv/mlflow.db"),
        ("duckdb:////srv/tables.db?token=CANARY", "duckdb:////srv/tables.db"),
        ("https://h/x.csv;jsessionid=CANARY", "https://h/x.csv"),
        ("https://h/x.csv#access_token=CANARY", "https://h/x.csv"),
        ("file:///srv/models/1", "file:///srv/models/1"),
        ("/srv/models/1", "/srv/models/1"),
        ("models:/m-1", "models:/m-1"),
        ("s3://bucket/key", "s3://bucket/key"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address, shown):
    assert show_address(address) == shown


def test_every_spelling_of_a_password_is_known():
    assert secrets_in("http://user:p%40ss@host") >= {"p%40ss", "p@ss", "user:p%40ss", "user:p@ss"}
    assert secrets_in("sqlite:////a@b") == frozenset()
    assert secrets_in("http://u:host/x@y") >= {"host/x"}  # not percent-encoded as it should be


@pytest.mark.parametrize(
    "message",
    [
        "API request to http://u:CANARY@host/api failed",
        "cannot parse 'postgresql://CANARY@h/d'",
        "url: /mlflow?a=1&password=CANARY&b=2",
        "https://x.blob/y?sv=1&sig=CANARY",
        "?X-Amz-Signature=CANARY",
        "?access_token=CANARY",
        "abfss://box@account/x?sas=CANARY",
        "https://h/x?code=CANARY",
        "https://h/x?jwt=CANARY",
        "aws_secret_access_key=CANARY",
        "AccountKey=CANARY;EndpointSuffix=core",
        "client_secret=CANARY",
        "pgpassword=CANARY",
        "'aws_secret_access_key': 'CANARY'",
        '{"password": "CANARY", "user": "u"}',
        "X-Api-Key: CANARY1",
    ],
)
def test_what_looks_like_a_secret_in_a_message_is_replaced(message):
    cleaned = redact(message)
    assert "CANARY" not in cleaned
    assert "***" in cleaned


@pytest.mark.parametrize(
    "message",
    ["the database has a password: set MLFLOW_TRACKING_PASSWORD", "password: {env: DB}", "row_key: id, api keys: 5"],
)
def test_words_about_secrets_stay(message):
    assert redact(message) == message


@pytest.mark.parametrize("address", ["https://h/x?CANARY1", "https://h/x#token=CANARY1", "https://h/x;sid=CANARY1"])
def test_whatever_a_web_address_ends_with_is_known(address):
    assert "CANARY1" in secrets_in(address)


def test_a_known_secret_is_replaced_wherever_it_is():
    assert redact("login as CANARY/x failed", {"CANARY/x"}) == "login as *** failed"


@pytest.mark.parametrize(
    ("address", "folder", "expected"),
    [
        ("s3://models/churn/1", "s3://models/churn", True),
        ("s3://models/churn/1", "s3://models/churn/", True),
        ("s3://models/churn", "s3://models/churn", True),
        ("s3://models/churn/1", "s3://models", True),
        ("s3://models-evil/churn/1", "s3://models", False),
        ("s3://models/churn-evil/1", "s3://models/churn", False),
        ("s3://models/churn/../fraud", "s3://models/churn", False),
        ("s3://models/churn/%2e%2e/fraud", "s3://models/churn", False),
        ("s3://models@evil/churn", "s3://models", False),
        ("gs://models/churn", "s3://models/churn", False),
        ("S3://Models/churn", "s3://models", True),
        ("s3://models/Churn", "s3://models/churn", False),
        ("https://host:444/a", "https://host/a", False),
        ("https://host/b?/a", "https://host/a", False),
        ("file:///srv/models/1", "/srv/models", True),
        ("file:/srv/models/1", "file:///srv/models", True),
        ("/srv/models/1", "file://localhost/srv/models", True),
        ("file://elsewhere/srv/models/1", "file:///srv/models", False),
        ("/srv/models/../secret", "/srv/models", False),
        ("mlflow-artifacts:/3/models/m-1/artifacts", "mlflow-artifacts:/3", True),
        ("mlflow-artifacts:/33/models/m-1/artifacts", "mlflow-artifacts:/3", False),
    ],
)
def test_below_means_by_whole_parts(address, folder, expected):
    assert is_below(address, folder) is expected
