"""An HTTP server that plays an MLflow registry, and may do as badly as it likes."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

USER, PASSWORD = "user", "CANARY-pass"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
API = "/api/2.0/mlflow"
Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """One request; `say` answers with JSON, `start` and `send` piece by piece."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        answer = self.server.answer_to(urlsplit(self.path).path)
        with suppress(OSError):  # whoever asked has had enough
            answer(self)

    do_POST = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def say(self, content: Any, status: int = 200) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.start(status, {"Content-Type": "application/json", "Content-Length": str(len(body))})
        self.wfile.write(body)

    def start(self, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def drip(self) -> None:
        """A byte now and then, for as long as anybody listens: each read of the other side ends soon."""
        while not self.server.closing.wait(0.02):
            self.wfile.write(b" ")
            self.wfile.flush()

    def flood(self, block: bytes) -> None:
        """The same again, for as long as anybody listens."""
        while not self.server.closing.is_set():
            self.wfile.write(block)
            self.server.sent += len(block)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    """The answers of a well-behaved registry, of which a test replaces some (`answers`: the path's end -> answer)."""

    daemon_threads = True

    def __init__(self, files: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.sent, self.closing = files, 0, threading.Event()
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.answers: dict[str, Answer] = {}
        self.version: dict[str, Any] = {"name": "m", "version": "1", "source": "mlflow-artifacts:/m", "run_id": ""}
        self.aliases: Any = [{"alias": "Champion", "version": "1"}]
        self.place: Any = "mlflow-artifacts:/m"

    @property
    def uri(self) -> str:
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.server_port}"

    @property
    def plain_uri(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def authorizations(self) -> list[str]:
        """What was sent to log in."""
        return [headers[name] for _, _, headers in self.seen for name in headers if name.lower() == "authorization"]

    def answer_to(self, path: str) -> Answer:
        for end, answer in self.answers.items():
            if path.endswith(end) or (end == FILES and path.startswith(FILES)):
                return answer
        if path.startswith(FILES):
            return self._file
        if path.endswith("get-download-uri"):
            return lambda handler: handler.say({"artifact_uri": self.place})
        if path.endswith(("model-versions/get", "registered-models/alias")):
            return lambda handler: handler.say({"model_version": self.version})
        if path.endswith("registered-models/get"):
            # MLflow's client asks whether it is a prompt.
            return lambda handler: handler.say({"registered_model": {"name": "m", "aliases": self.aliases}})
        return lambda handler: handler.say({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}, 404)

    def _file(self, handler: Handler) -> None:
        assert self.files is not None
        asked = unquote(urlsplit(handler.path).path).removeprefix(FILES).strip("/").removeprefix("m").strip("/")
        if not asked:
            folder = self.files / handler.query("path").removeprefix("m").strip("/")
            entries = [
                {"path": entry.name, "is_dir": entry.is_dir(), "file_size": entry.stat().st_size}
                for entry in sorted(folder.iterdir())
            ]
            handler.say({"files": entries})
        else:
            handler.say((self.files / asked).read_bytes())


@contextmanager
def hostile_registry(files: Path | None = None) -> Iterator[Server]:
    server = Server(files)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
