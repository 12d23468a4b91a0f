"""A registry that does not answer, or answers nonsense: told within seconds, apart from each other, without secrets."""

import socket
import threading
import traceback
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mlops_assets.errors import RegistryError, RegistryUnreachableError
from mlops_assets.models.registry import Registry
from mlops_assets_tests.waiting import LONGEST_SECONDS, watch_patience

CANARY = "CANARY-pass"


@contextmanager
def server(status=200, body=b"{}", headers=(), content="application/json"):
    """A real HTTP server that gives the same answer to everything."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.path)
            self.send_response(status)
            for name, value in (*headers, ("Content-Type", content), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"127.0.0.1:{running.server_port}", seen
    finally:
        running.shutdown()
        running.server_close()


@contextmanager
def listener(*, accepts=True):
    """A socket that accepts connections and never says a word."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        if accepts:
            opened.listen()
        yield f"127.0.0.1:{opened.getsockname()[1]}"


def asked(host, **settings):
    return Registry(f"http://user:{CANARY}@{host}", **{"timeout": 1, "retries": 1} | settings)


@pytest.fixture
def patience(monkeypatch):
    return watch_patience(monkeypatch)


def failure(registry, expected, patience, seconds=8.0):
    """The message of the error; `seconds` are the longest that it may take to raise it."""
    with pytest.raises(expected) as caught:
        registry.version("m", "Champion")
    assert patience.seconds < seconds
    assert type(caught.value) is expected
    # Nor in a cause, which an event log keeps for ever.
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


def test_a_dead_port(patience):
    with listener(accepts=False) as host:
        message = failure(asked(host), RegistryUnreachableError, patience, seconds=5)
    assert f"does not answer while looking for 'm' alias 'Champion' (http://{host})" in message
    assert "MLFLOW_TRACKING_URI" in message


@pytest.mark.slow
def test_a_server_that_never_answers(patience):
    with listener() as host:
        failure(asked(host), RegistryUnreachableError, patience)


def test_a_name_that_nobody_knows(patience):
    failure(asked("no-such-host.invalid"), RegistryUnreachableError, patience)


@pytest.mark.slow
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_in_trouble(status, patience):
    with server(status, b"sorry") as (host, seen):
        failure(asked(host), RegistryUnreachableError, patience)
        assert len(seen) == 2  # once, and one retry


def test_a_server_that_asks_to_be_left_alone_for_an_hour(patience):
    with server(503, b"sorry", [("Retry-After", "3600")]) as (host, _):
        failure(asked(host), RegistryUnreachableError, patience, seconds=5)


def test_how_often_it_is_asked_is_a_setting(patience):
    with server(503) as (host, seen):
        failure(asked(host, retries=0), RegistryUnreachableError, patience, seconds=3)
        assert len(seen) == 1


def test_what_the_user_has_set_takes_precedence(monkeypatch, patience):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with server(503) as (host, seen):
        failure(asked(host, retries=1), RegistryUnreachableError, patience)
        assert len(seen) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_server_that_refuses_access(status, patience):
    with server(status, b"who are you") as (host, _):
        assert "MLFLOW_TRACKING_USERNAME" in failure(asked(host), RegistryError, patience)


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html>not here</html>"), (200, b"<html>hello</html>"), (200, b"[1, 2]")]
)
def test_something_else_that_answers(status, body, patience):
    with server(status, body, content="text/html") as (host, _):
        assert "it is not an MLflow registry" in failure(asked(host), RegistryError, patience)


def test_a_registry_error_of_another_kind_names_its_code(patience):
    with server(400, b'{"error_code": "BAD_REQUEST", "message": "no"}') as (host, _):
        assert "refused: BAD_REQUEST" in failure(asked(host), RegistryError, patience)


def test_many_wait_for_a_dead_server_together_not_one_after_the_other():
    """Sensors share a process: one silent server must not hold up the ticks of the others.

    It hangs up when all are connected at once: nobody's timeout passes, unless somebody waits for another one.
    """
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        silent.settimeout(LONGEST_SECONDS)
        host = f"127.0.0.1:{silent.getsockname()[1]}"
        registry, failures = asked(host, timeout=2 * int(LONGEST_SECONDS), retries=0), []

        def ask():
            try:
                registry.version("m", 1)
            except RegistryUnreachableError as error:
                failures.append(error)

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        connections = [silent.accept()[0] for _ in threads]
        for connection in connections:
            connection.close()
        for thread in threads:
            thread.join()
        assert len(failures) == 6
