"""Secrets: every setting that can hold one, and every failure: the secret is in nothing that is kept or shown.

What is kept: Dagster's event log, run storage with its snapshots, and captured logs; MLflow's database; tables and
reports. What is shown: output, Python's log, and the command lines of all processes.
"""

import logging
import os
import re
import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_assets.cli import main
from mlops_assets.errors import MlopsAssetsError, ModelLoadError
from mlops_assets.models.registry import Registry
from mlops_assets.models.sign_version import sign_folder, sign_version
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.resources.loaders import Loader
from mlops_assets.resources.notifier import Notifier, deliver
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.signers import Signer
from mlops_assets.settings.environment import from_environment
from mlops_assets.tables.sql.address import SqlAddress
from mlops_assets.tables.sql.connect import open_session
from mlops_assets_tests.canaries import CANARY, excerpt
from mlops_assets_tests.canaries import instance as instance
from mlops_assets_tests.canaries import nothing_kept as nothing_kept
from mlops_assets_tests.models.test_signed_models import write_key

SIGNATURE = "CANARYsignature00000000"
SIGNED = f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={SIGNATURE}&X-Amz-Signature={SIGNATURE}&v=CANARYxyz"


class Store(ThreadingHTTPServer):
    """A web server with one file; what it answers beside it is the test's choice."""

    def __init__(self, content: bytes, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Serve)
        self.content, self.status = content, status


class Serve(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        content = self.server.content
        if self.server.status == 200 and (asked := re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))):
            first, last = int(asked[1]), min(int(asked[2]), len(content) - 1)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            content = content[first : last + 1]
        else:
            self.send_response(self.server.status)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def serve() -> Iterator:
    servers = []

    def start(content: bytes, status: int = 200) -> str:
        server = Store(content, status)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def table_of(inputs) -> bytes:
    return inputs[0].reset_index(drop=True).to_parquet()


def test_a_presigned_url_is_read_and_kept_nowhere(run, registry, saved, iris, serve, nothing_kept, tmp_path):
    registry.add(saved)
    address = serve(table_of(iris))
    titles: list[str] = []
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            for title in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    titles.append(title.read_bytes().decode("latin-1"))
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        ran = run({"path": f"{address}/iris.parquet?{SIGNED}"}, engine={"KIND": "LocalEngine", "workers": 2})
    finally:
        done.set()
        watcher.join()
    assert ran.success
    assert len(ran.table("predictions")) == 150
    assert titles
    assert excerpt("\n".join(titles)) == []
    nothing_kept += [ran.tables, registry.folder]
    observed = [event for event in ran.result.all_events if event.event_type_value == "ASSET_OBSERVATION"]
    assert address in str(observed)


@pytest.mark.parametrize(("content", "status"), [(b"no", 403), (b"", 404), (b"PAR1 broken PAR1", 200), (b"x", 500)])
def test_a_presigned_url_that_fails_is_shown_without_its_signature(
    content, status, run, registry, saved, serve, nothing_kept
):
    registry.add(saved)
    address = serve(content, status)
    done = run({"path": f"{address}/iris.parquet?{SIGNED}"}, job="inference")
    assert not done.success
    assert f"{address}/iris.parquet" in done.error()


def test_an_unreachable_url_is_shown_without_its_signature(run, registry, saved, nothing_kept):
    registry.add(saved)
    done = run({"path": f"https://user:{CANARY}@127.0.0.1:1/iris.parquet?{SIGNED}"}, job="inference")
    assert not done.success
    assert "https://127.0.0.1:1/iris.parquet" in done.error()


def test_written_options_of_a_store_are_kept_nowhere(run, registry, saved, bucket, iris, nothing_kept):
    registry.add(saved)
    endpoint = {"endpoint_url": bucket.endpoint, "region_name": "eu-north-1"}
    options = {"key": "CANARYkey", "secret": CANARY, "client_kwargs": endpoint}
    bucket.deny("s3:GetObject")
    for name in ("absent.parquet", "other/"):
        assert not run({"path": f"{bucket.url}/{name}", "storage_options": options}, job="inference").success
    bucket.client.delete_bucket_policy(Bucket=bucket.name)
    bucket.client.put_object(Bucket=bucket.name, Key="iris.parquet", Body=table_of(iris))
    done = run(
        {"path": f"{bucket.url}/iris.parquet", "storage_options": options},
        outputs={"path": f"{bucket.url}/tables", "storage_options": options},
        job="inference",
    )
    assert done.success
    bucket.deny("s3:PutObject")
    assert not run(iris[0], outputs={"path": f"{bucket.url}/new", "storage_options": options}, job="inference").success


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://user:{CANARY}@127.0.0.1:1/tables",
        f"postgresql://user:{quote(CANARY, '')}@127.0.0.1:1/tables",
        f"postgresql://user@127.0.0.1:1/tables?password={CANARY}",
        f"postgresql://user:{CANARY}@no-such-host.invalid/tables",
        f"postgresql://user:{CANARY}@127.0.0.1:port/tables",
        f"postgresql://user:{CANARY}@127.0.0.1:1/tables?no_such_option={CANARY}",
        f"nosuchdatabase://user:{CANARY}@host/x",
    ],
)
def test_the_url_of_a_database_is_kept_nowhere(url, run, registry, saved, monkeypatch, nothing_kept):
    registry.add(saved)
    monkeypatch.setenv("THEIR_TABLES", url)
    from_variable = {"env": "THEIR_TABLES"}
    assert not run({"database": from_variable, "table": "iris"}, job="inference").success
    done = run({"path": "absent.parquet"}, outputs={"database": from_variable, "format": "sql"}, job="inference")
    assert not done.success


def test_a_password_in_the_yaml_is_refused_whatever_it_holds(run, registry, saved):
    for password in ("a#CANARY", "a/CANARY", "a@CANARY", "12/CANARY", "CANARY?x"):
        with pytest.raises(Exception, match="holds a password") as caught:
            run({"database": f"postgresql://user:{password}@host/tables", "table": "iris"})
        assert excerpt("".join(traceback.format_exception(caught.value))) == []


def test_a_password_reaches_the_database_as_it_was_written():
    """libpq ends a password at a slash, and a URL at a hash."""
    address = SqlAddress.parse(f"postgresql://me:{CANARY}@db:5432/tables?sslmode=require")
    assert address.place == f"postgresql://me:{quote(CANARY, '')}@db:5432/tables?sslmode=require"
    assert address.uri == "postgresql://db:5432/tables"
    assert address.has_password
    assert "CANARY" not in repr(address)
    encoded = SqlAddress.parse("postgresql://me:p%40ss@db/tables")
    assert encoded.place == "postgresql://me:p%40ss@db/tables"


def test_the_registrys_password_is_not_in_the_chain_of_causes(run, registry, iris, nothing_kept, monkeypatch):
    """Of the sign job, whose logged models are looked up beside the registry's own calls, and of the others."""
    # Each step is tried three times, twenty seconds apart.
    monkeypatch.setattr("mlops_assets.resources.retries.SECONDS_TO_WAIT", 0)
    registry.resource = MlflowRegistry(
        tracking_uri=f"http://user:{CANARY}@127.0.0.1:1", state=str(registry.folder / "state"), retries=0, timeout=1
    )
    for target in ("models:/m-0123456789abcdef0123456789abcdef", "runs:/0123456789abcdef/model", "models:/m/1"):
        done = run(iris[0], job="sign", config={"m__sign": {"config": {"target": target}}})
        assert not done.success
        assert "127.0.0.1:1" in done.error()
    assert not run(iris[0], job="validation", config={"m__validate": {"config": {"version": 1}}}).success


class Talkative(Signer):
    """A signer of a user's own, whose service repeats the token that it was called with."""

    variable: str

    def sign(self, inputs, outputs=None, params=None):
        token = os.environ[self.variable]
        try:
            raise KeyError({"Authorization": f"Bearer {token}"})
        except KeyError as error:
            raise ValueError(f"refused with {token}") from error


def test_a_strategys_own_error_is_kept_without_what_the_variable_holds(run, registry, iris, monkeypatch, nothing_kept):
    registry.add_sklearn(LogisticRegression(max_iter=500).fit(*iris), iris[0], signature=None)
    monkeypatch.setenv("SIGNING_TOKEN", "CANARY-in-a-variable")
    signer = {"KIND": f"{__name__}.Talkative", "variable": "SIGNING_TOKEN"}
    done = run(iris[0], job="inference", signer=signer)
    assert not done.success
    assert "refused with ***" in done.error()


class TalkativeLoader(Loader):
    """A loader of a user's own, whose service repeats the ticket that it was called with."""

    ticket: str

    def load(self, folder, reference):
        raise ModelLoadError(f"refused with {self.ticket}")


def test_a_verdict_is_written_without_secrets(run, registry, saved, iris, monkeypatch, nothing_kept):
    """Of a version whose files cannot be fetched, whose address is none, and whose loader repeats a secret, in another
    process.
    """
    registry.add(saved)
    for source in (f"ftp://user:{CANARY}@127.0.0.1:1/models", "http://user:CANARYpassword@127.0.0.1:1/models"):
        registry.client.create_model_version("m", source=source)
    monkeypatch.setenv("LOADER_SETTING", "CANARY-in-a-variable")
    loader = {"KIND": f"{__name__}.TalkativeLoader", "ticket": dg.EnvVar("LOADER_SETTING")}
    reasons = []
    for version in (1, 2, 3):
        done = run(iris[0], job="validation", loader=loader, config={"m__validate": {"config": {"version": version}}})
        assert done.success
        tags = registry.client.get_model_version("m", str(version)).tags
        assert tags["mlops_assets.validation"] == "failed"
        reasons.append(tags["mlops_assets.validation_reasons"])
    assert excerpt("".join(reasons)) == []
    assert "refused with ***" in reasons[0]


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (f"http://user:{CANARY}@127.0.0.1:1", None),
        (f"postgresql+nodriver://user:{CANARY}@127.0.0.1:1/mlflow", None),
        (None, f"ftp://user:{quote(CANARY, '')}@127.0.0.1:1/models"),
        (None, f"wasbs://box@account.blob.core.windows.net/models?sig={CANARY}"),
    ],
)
def test_signing_that_fails_shows_no_secret(address, source, registry, asked, tmp_path, monkeypatch, capfd):
    """In no message, cause or context; at the command line neither."""
    write_key(tmp_path, "key.pem")
    if source:
        registry.client.create_registered_model("m")
        registry.client.create_model_version("m", source=source)
    with pytest.raises(MlopsAssetsError) as caught:
        sign_version(Registry(address, timeout=1, retries=0) if address else asked, "m", 1, tmp_path / "key.pem")
    assert excerpt("".join(traceback.format_exception(caught.value))) == []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address or registry.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.chdir(tmp_path)
    assert main(["sign-model", "m", "1", "--key", "key.pem"]) == 1
    output = capfd.readouterr()
    assert excerpt(output.out + output.err) == []


@pytest.mark.parametrize("password", ["CANARY-of-another-key", None])
def test_a_keys_password_is_not_in_what_signing_raises(password, saved, tmp_path):
    key = write_key(tmp_path, "encrypted.pem", password=b"CANARY-of-this-key")
    with pytest.raises(MlopsAssetsError, match="cannot be used to sign") as caught:
        sign_folder(saved, key, password)
    assert excerpt("".join(traceback.format_exception(caught.value))) == []


class Paging(Notifier):
    """A notifier of a user's own."""

    webhook: str
    code: str = ""

    def notify(self, title: str, message: str) -> None:
        raise MlopsAssetsError(f"Cannot post to {self.webhook} with {self.code}")


@pytest.mark.parametrize("webhook", ["https://hooks.example.com/T0/CANARY0123", f"pager://user:{CANARY}@pager"])
def test_a_notifiers_own_error_is_logged_without_its_address(webhook, caplog):
    caplog.set_level(logging.INFO)
    deliver(Paging(webhook=webhook, code="CANARY-code-0123456"), "title", "text", logging.getLogger("test"))
    assert "Cannot post to ***" in caplog.text
    assert excerpt(caplog.text) == []


def test_repr_shows_no_secret():
    from mlops_assets.settings.tables import InputsSettings
    from mlops_assets.storage.location import Location

    place = Location.parse(f"https://user:{CANARY}@host/x?{SIGNED}", storage_options={"secret": CANARY})
    settings = InputsSettings(path=f"https://host/x?{SIGNED}", storage_options={"secret": CANARY})
    registry = MlflowRegistry(tracking_uri=f"http://user:{CANARY}@host")
    webhook = Paging(webhook=f"https://user:{CANARY}@host")
    for value in (place, settings, registry, webhook, [place], registry.address()):
        assert excerpt(f"{value!r} {value}") == []


def test_a_driver_that_is_asked_directly_shows_none(monkeypatch):
    monkeypatch.setenv("THEIR_TABLES", f"postgresql://user:{CANARY}@127.0.0.1:1/tables")
    url = from_environment({"database": {"env": "THEIR_TABLES"}})["database"]
    with pytest.raises(MlopsAssetsError) as caught, open_session(SqlAddress.parse(url), writing=False):
        pass
    assert excerpt("".join(traceback.format_exception(caught.value))) == []


def test_a_chain_keeps_what_holds_no_secret(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "CANARY-token")
    first = KeyError("nothing to hide")
    second = ValueError("with CANARY-token")
    second.add_note("and CANARY-token")
    second.__cause__, first.__context__ = first, second
    safe = redact_chain(second)
    assert safe.__cause__ is first
    assert str(safe) == "ValueError: with ***"
    assert excerpt("".join(traceback.format_exception(safe))) == []


def test_every_function_that_dagster_calls_redacts_what_it_raises(registry, tmp_path):
    from mlops_assets.component import build_model_definitions

    definitions = build_model_definitions(
        "m", tmp_path, inputs={"path": "x.parquet"}, outputs={"path": "t", "joined": True}, explain={"limit": 5}
    ).get_repository_def()
    functions = {}
    for job in definitions.get_all_jobs():
        for node in job.all_node_defs:
            if isinstance(node, dg.OpDefinition):
                functions[node.name] = node.compute_fn.decorated_fn
    for sensor in definitions.sensor_defs:
        functions[sensor.name] = getattr(sensor, "_raw_fn", None) or getattr(sensor, "_run_status_sensor_fn", None)
    ours = {name: function for name, function in functions.items() if function is not None}
    assert len(ours) > 10
    assert [name for name, function in ours.items() if not redacts(function)] == []


def redacts(function) -> bool:
    """Whether a function is decorated, or is Dagster's own around one that is."""
    inner = [cell.cell_contents for cell in function.__closure__ or ()]
    return any(getattr(each, "redacts_errors", False) for each in (function, *inner))
