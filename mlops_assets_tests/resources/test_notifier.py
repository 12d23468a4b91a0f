"""Notifiers, against a real HTTP receiver."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import dagster as dg
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster._serdes import serialize_value

from mlops_assets.errors import MissingExtraError, NotificationError
from mlops_assets.resources.notifier import AppriseNotifier, LogNotifier

CANARY = "canary-7f3e"


class Receiver(ThreadingHTTPServer):
    """Keeps the JSON bodies that are posted to it."""

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Post)
        self.status, self.bodies = status, []

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.server_address[1]}/{CANARY}"


class Post(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    server = Receiver(getattr(request, "param", 200))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_message_arrives(receiver):
    AppriseNotifier(urls=[receiver.url]).notify("m: failed", "Run 1\nStep a: <b>x</b> & y")
    path, body = receiver.bodies[0]
    assert path == f"/{CANARY}"
    assert body["title"] == "m: failed"
    assert body["message"] == "Run 1\nStep a: <b>x</b> & y"


@pytest.mark.parametrize("receiver", [500], indirect=True)
def test_a_refused_message_is_an_error_that_shows_no_url(receiver):
    with pytest.raises(NotificationError) as caught:
        AppriseNotifier(urls=[receiver.url]).notify("title", "message")
    assert len(receiver.bodies) == 1
    assert "could not deliver" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_an_unknown_service_is_an_error_that_shows_no_url():
    with pytest.raises(NotificationError) as caught:
        AppriseNotifier(urls=[f"nosuchservice://{CANARY}"]).notify("title", "message")
    assert "1 of 1 URLs" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_without_apprise_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingExtraError, match=r'pip install "mlops-assets\[apprise\]"'):
        AppriseNotifier(urls=["json://127.0.0.1"]).notify("title", "message")


def test_urls_from_the_environment_stay_out_of_the_repository_snapshot(receiver, monkeypatch):
    """The variable's name is shown, its value never; at run time the value is used."""
    monkeypatch.setenv("TEAM_CHAT_URL", receiver.url)

    @dg.op
    def send(notifier: AppriseNotifier) -> None:
        notifier.notify("title", "message")

    @dg.job
    def sending() -> None:
        send()

    definitions = dg.Definitions(
        jobs=[sending], resources={"notifier": AppriseNotifier(urls=[dg.EnvVar("TEAM_CHAT_URL")])}
    )
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("sending").execute_in_process(instance=instance)
        records = instance.get_records_for_run(result.run_id).records
        events = serialize_value([record.event_log_entry for record in records])
    snapshot = serialize_value(RepositorySnap.from_def(definitions.get_repository_def()))
    assert result.success
    assert len(receiver.bodies) == 1
    assert "TEAM_CHAT_URL" in snapshot
    assert "STEP_SUCCESS" in events
    assert CANARY not in snapshot
    assert CANARY not in events


def test_the_log_is_the_default_notifier(caplog):
    with caplog.at_level(logging.INFO, "mlops_assets.notifier"):
        LogNotifier().notify("m: done", "Run 1")
    assert caplog.messages == ["m: done\nRun 1"]


def test_each_notifier_has_a_kind_that_is_no_setting():
    assert (LogNotifier.KIND, AppriseNotifier.KIND) == ("LogNotifier", "AppriseNotifier")
    assert set(AppriseNotifier.model_fields) == {"urls"}


@pytest.mark.slow
def test_importing_the_notifier_does_not_import_apprise():
    code = "import sys, mlops_assets.resources.notifier; print('apprise' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
