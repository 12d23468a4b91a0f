"""Every HTTP request of MLflow's that this package asks for, bounded: host, redirects, seconds and bytes.

MLflow's own client follows redirects with its credentials, reads an answer of any size, and its timeout is that of one
read, which a server that sends one byte now and then never exceeds. MLflow 3.17 has no public way to give it another
transport, so the one function that makes its requests asks here first; requests of others are not touched.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from mlops_assets.errors import MlopsAssetsError, RegistryError
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.models.registry_errors import CHECK_SERVER
from mlops_assets.models.registry_limits import CURRENT, Operation, origin_of

_NAME = "_get_http_response_with_retries"
_BLOCK = 2**16
# What an error's text may have: it is shown, and searched for secrets.
_LARGEST_ERROR = 2**16
_LONGEST_WAIT = 30.0
_SESSIONS: "ProcessCache[str, requests.Session]" = ProcessCache()
_install_lock = threading.Lock()


class _Call:
    """One request and its answer, whose connections are shut down when its time is over, whoever waits for them."""

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._end = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connected: socket.socket | None) -> None:
        """Know another connection of this call: a second handle of it, which TLS and pools do not take away."""
        if connected is None:
            return
        with self._lock:
            handle = socket.socket(fileno=os.dup(connected.fileno()))
            self._sockets.append(handle)
            if self.is_over:
                _shut(handle)

    def _shut_down(self) -> None:
        with self._lock:
            self.is_over = True
            for handle in self._sockets:
                _shut(handle)

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            for handle in self._sockets:
                handle.close()
            self._sockets.clear()


def _shut(handle: socket.socket) -> None:
    with suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)


_CALL: ContextVar[_Call | None] = ContextVar("request to a registry", default=None)


def _watch(connection: HTTPConnection) -> None:
    call = _CALL.get()
    if call is not None:
        call.watch(connection.sock)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _watch_new(super()._new_conn())

    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self)
        super().request(*arguments, **options)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _watch_new(super()._new_conn())

    def request(self, *arguments: Any, **options: Any) -> None:
        _watch(self)
        super().request(*arguments, **options)


def _watch_new(connected: socket.socket) -> socket.socket:
    call = _CALL.get()
    if call is not None:
        call.watch(connected)
    return connected


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


class _Adapter(HTTPAdapter):
    """requests' own, whose connections can be shut down."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if type(manager) is ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager


def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


def install() -> None:
    """Let MLflow's requests that belong to an `Operation` go through `send`. Once is enough; again does nothing.

    Raises
    ------
    RegistryError
        This version of MLflow makes its requests in another way.
    """
    from mlflow.utils import rest_utils

    with _install_lock:
        original = getattr(rest_utils, _NAME, None)
        if getattr(original, "is_bounded", False):
            return
        if original is None:
            raise RegistryError(
                "The installed MLflow makes its requests in a way that this package cannot bound",
                fix='Install another version: pip install "mlflow>=3.17,<3.18"',
            )

        def bounded(method: str, url: str, *arguments: Any, **options: Any) -> requests.Response:
            operation = CURRENT.get()
            if operation is None:
                answer: requests.Response = original(method, url, *arguments, **options)
                return answer
            return _with_retries(operation, method, url, *arguments, **options)

        bounded.is_bounded = True  # type: ignore[attr-defined]
        setattr(rest_utils, _NAME, bounded)


def _with_retries(
    operation: Operation,
    method: str,
    url: str,
    max_retries: int,
    backoff_factor: float,
    _backoff_jitter: float,
    retry_codes: frozenset[int],
    raise_on_status: bool = True,
    **options: Any,
) -> requests.Response:
    """As MLflow's own, with the time of the operation as the limit of everything."""
    for name in ("respect_retry_after_header", "allow_redirects"):
        options.pop(name, None)
    body = options.get("data")
    for attempt in range(max_retries + 1):
        is_last = attempt == max_retries
        try:
            answer = send(operation, method, url, **options)
            if answer.status_code not in retry_codes or (is_last and not raise_on_status):
                return answer
            answer.close()
            if is_last:
                raise requests.exceptions.RetryError(f"{answer.status_code} Server Error, again and again")
        except requests.exceptions.RequestException:
            operation.deadline.check(operation.doing)
            if is_last:
                raise
        if attempt:
            time.sleep(min(backoff_factor * 2**attempt, _LONGEST_WAIT, operation.deadline.remaining))
        operation.deadline.check(operation.doing)
        if body is not None and hasattr(body, "seek"):
            body.seek(0)
    raise AssertionError("unreachable: the last attempt returns or raises")


def send(
    operation: Operation, method: str, url: str, *, timeout: float | None = None, stream: bool = False, **options: Any
) -> requests.Response:
    """One request. Its answer is read here, unless it is a stream, which `read_blocks` reads.

    Raises
    ------
    RegistryError
        The host is another one, the answer is a redirect, too large, or in an encoding that was not asked for.
    requests.exceptions.RequestException
        There is no answer, or none in time.
    """
    if origin_of(url) not in operation.origins:
        raise RegistryError(
            f"A request to {urlsplit(url).hostname!r} was not made while {operation.doing}: it is not the registry's "
            "host, and would carry the registry's credentials",
            fix="Find out who set this address in the registry; or name the host that the registry has in "
            "MLFLOW_TRACKING_URI",
        )
    return _send(operation, method, url, timeout, stream, options)


def send_without_credentials(operation: Operation, url: str, timeout: float, stream: bool) -> requests.Response:
    """A GET to a host that is none of the registry's: no credentials, not those of ``.netrc`` either."""
    return _send(operation, "GET", url, timeout, stream, {"auth": _no_credentials})


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    request.headers.pop("Authorization", None)
    return request


def _send(
    operation: Operation, method: str, url: str, timeout: float | None, stream: bool, options: dict[str, Any]
) -> requests.Response:
    # A file that is sent takes the time that it takes.
    is_upload = options.get("data") is not None
    seconds = operation.deadline.remaining
    if timeout is not None and not stream and not is_upload:
        seconds = min(seconds, timeout)
    call = _Call(seconds)
    token = _CALL.set(call)
    try:
        headers = {**(options.pop("headers", None) or {}), "Accept-Encoding": "identity"}
        answer = _SESSIONS.get("session", _session).request(
            method,
            url,
            headers=headers,
            timeout=min(seconds, timeout or seconds) or 0.001,
            stream=True,
            allow_redirects=False,
            **options,
        )
        answer.call = call  # type: ignore[attr-defined]  # kept with what it watches
        _check(operation, answer)
        if not stream or answer.status_code >= 400:
            _read(operation, answer, call)
    except BaseException as error:
        call.close()
        if call.is_over and not isinstance(error, MlopsAssetsError):
            raise requests.exceptions.ReadTimeout(f"no complete answer within {seconds:g} seconds") from None
        raise
    finally:
        _CALL.reset(token)
    return answer


def _check(operation: Operation, answer: requests.Response) -> None:
    if 300 <= answer.status_code < 400:
        target = urlsplit(answer.headers.get("Location", "")).hostname
        answer.close()
        raise RegistryError(
            f"The registry redirects to {target!r:.200} while {operation.doing}; credentials are not carried there",
            fix="If that is your registry, set MLFLOW_TRACKING_URI (and MLFLOW_REGISTRY_URI) to its address",
        )
    if answer.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        answer.close()
        raise RegistryError(
            f"The registry answers in an encoding that was not asked for, while {operation.doing}",
            fix="Have the server, or the proxy before it, heed Accept-Encoding",
        )


def _read(operation: Operation, answer: requests.Response, call: _Call) -> None:
    largest = operation.limits.max_answer_mib * 2**20 if answer.status_code < 400 else _LARGEST_ERROR
    content = bytearray()
    for block in _blocks(answer, call):
        content += block
        if answer.status_code < 400:
            operation.take_answer(len(block))
        elif len(content) > largest:
            del content[largest:]
            break
    answer.close()
    call.close()
    answer._content = bytes(content)  # noqa: SLF001 - requests has no public way to give an answer its content
    # What JSON is in. Otherwise it is guessed, which takes minutes, or is what the server chooses: punycode, say.
    answer.encoding = "utf-8"
    if len(content) > _LARGEST_ERROR and not _is_object(content):
        # MLflow would repeat all of it in its message.
        raise RegistryError(
            f"Something answers, and it is not an MLflow registry, while {operation.doing}", fix=CHECK_SERVER
        )


def _is_object(content: bytearray) -> bool:
    try:
        return isinstance(json.loads(content), dict)
    except (ValueError, RecursionError):
        return False


def read_blocks(operation: Operation, answer: requests.Response) -> Iterator[bytes]:
    """The content of a stream, as it comes; the time of the operation is its limit."""
    call: _Call = answer.call  # type: ignore[attr-defined]
    with _closing(answer, call):
        try:
            yield from _blocks(answer, call)
        except requests.exceptions.RequestException:
            operation.deadline.check(operation.doing)
            raise


@contextmanager
def _closing(answer: requests.Response, call: _Call) -> Iterator[None]:
    try:
        yield
    finally:
        answer.close()
        call.close()


def _blocks(answer: requests.Response, call: _Call) -> Iterator[bytes]:
    yield from answer.iter_content(_BLOCK)
    if call.is_over:
        # A connection that is shut down looks like one whose answer has ended.
        raise requests.exceptions.ReadTimeout("no complete answer in time")
