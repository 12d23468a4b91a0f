"""The registry is a peer on a network: whatever it answers ends in an error of ours, in time, and leaks nothing."""

import shutil
import threading
import time
import traceback
from pathlib import Path
from typing import Any, cast

import pytest

from mlops_assets.errors import MlopsAssetsError, RegistryError, RegistryUnreachableError, TrustError
from mlops_assets.models import registry_connection
from mlops_assets.models.bounded_client import BoundedClient
from mlops_assets.models.logged_models import pin_logged
from mlops_assets.models.model_uri import LoggedModelUri, RunModelUri
from mlops_assets.models.registry import Registry
from mlops_assets.models.registry_connection import RegistryConnection
from mlops_assets.models.registry_limits import CURRENT, RegistryLimits
from mlops_assets.models.signature_of_version import signature_of_version
from mlops_assets.models.trust import TrustPolicy
from mlops_assets_tests.models.hostile_registry import API, FILES, PASSWORD, hostile_registry
from mlops_assets_tests.waiting import LONGEST_SECONDS, wait_for

# How long each way may take, whatever the server does; a busy machine is slow by itself.
SECONDS, LONGEST = 1, 30
LIMITS = RegistryLimits(
    operation_timeout=2, download_timeout=2, max_answer_mib=1, max_model_gib=4 / 1024, max_model_files=50
)


@pytest.fixture
def server(saved):
    with hostile_registry(saved) as running:
        yield running


@pytest.fixture
def elsewhere(saved):
    with hostile_registry(saved) as running:
        yield running


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    """As people have them in the environment; MLflow sends them to whatever it calls a tracking server."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "user")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


def opened(server, **limits):
    return Registry(server.plain_uri, timeout=SECONDS, retries=0, limits=limits.pop("limits", LIMITS))


WAYS = {
    "pin": lambda registry, cache: registry.pin("m", 1, cache),
    "alias": lambda registry, cache: registry.pin("m", "Champion", cache, TrustPolicy()),
    "compare": lambda registry, cache: signature_of_version(registry, "m", 1),
    "logged": lambda registry, cache: pin_logged(registry, LoggedModelUri("m-" + "0" * 32), cache),
}


def failure(ask, expected=MlopsAssetsError):
    """The error's message; it came in time, and tells no password."""
    began = time.monotonic()
    with pytest.raises(expected) as caught:
        ask()
    assert time.monotonic() - began < LONGEST
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)


@pytest.mark.fast
def test_a_registry_that_behaves_is_used(server, cache):
    pinned = opened(server).pin("m", 1, cache)
    assert (cache.root / pinned.digest / "model.skops").is_file()
    assert len(server.authorizations()) == len(server.seen) > 3


# --- credentials ---


@pytest.mark.parametrize("way", ["pin", "alias", "compare"])
@pytest.mark.parametrize("scheme", ["http", "mlflow-artifacts"])
def test_another_host_is_not_asked_and_gets_no_credentials(server, elsewhere, cache, scheme, way):
    path = f"{FILES}/m" if scheme == "http" else "/m"
    server.place = f"{scheme}://127.0.0.1:{elsewhere.server_port}{path}"
    message = failure(lambda: WAYS[way](opened(server), cache), TrustError)
    assert "on another host" in message
    assert "artifact_hosts" in message
    assert elsewhere.seen == []


@pytest.mark.fast
def test_another_host_that_is_allowed_gets_no_credentials(server, elsewhere, cache, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text(f"default login user password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server.place = f"{elsewhere.plain_uri}{FILES}/m"
    limits = RegistryLimits(artifact_hosts=(f"127.0.0.1:{elsewhere.server_port}",))
    opened(server, limits=limits).pin("m", 1, cache)
    assert len(elsewhere.seen) > 3
    assert elsewhere.authorizations() == []
    assert PASSWORD not in repr(elsewhere.seen)


def test_a_place_that_the_policy_names_is_allowed(server, elsewhere, cache):
    server.place = f"{elsewhere.plain_uri}{FILES}/m"
    policy = TrustPolicy(allowed_sources=(f"{elsewhere.plain_uri}{FILES}/",))
    pinned = opened(server).pin("m", 1, cache, policy)
    assert elsewhere.authorizations() == []
    # A process that has not the files yet fetches them from where they were pinned.
    (cache.root / pinned.digest).rename(cache.root / "gone")
    assert opened(server).fetch(pinned, cache).name == pinned.digest


def test_the_servers_own_address_written_out_is_its_own(server, cache):
    server.place = f"{server.plain_uri}{FILES}/m"
    opened(server).pin("m", 1, cache)
    assert len(server.authorizations()) == len(server.seen)


def test_another_service_on_the_same_host_and_port_is_not_the_registry(server, cache):
    server.place = f"{server.plain_uri}/other{FILES}/m"
    assert "on another host" in failure(lambda: opened(server).pin("m", 1, cache), TrustError)


@pytest.mark.parametrize("endpoint", ["model-versions/get", "get-download-uri", FILES])
def test_a_redirect_is_not_followed(server, elsewhere, cache, endpoint):
    target = f"{elsewhere.plain_uri}/anything"
    server.answers[endpoint] = lambda handler: handler.start(302, {"Location": target, "Content-Length": "0"})
    message = failure(lambda: opened(server).pin("m", 1, cache), RegistryError)
    assert "redirects to '127.0.0.1'" in message
    assert elsewhere.seen == []


@pytest.mark.fast
def test_no_file_is_written_to_another_host(server, elsewhere, tmp_path):
    server.place = f"{elsewhere.plain_uri}{FILES}/m"
    (tmp_path / "model.sig").write_text("x")
    registry = opened(server)
    place = registry.place_of(registry.version("m", 1))
    assert "on another host" in failure(lambda: registry.add_files(place, tmp_path / "model.sig", "signing"))
    assert elsewhere.seen == []


@pytest.mark.parametrize(("place", "allowed"), [("models/7/m", True), ("other/7/m", False), ("models-2/7/m", False)])
def test_the_servers_artifact_root_is_allowed(server, cache, saved, monkeypatch, place, allowed):
    """A server that does not serve files itself: its clients read them where it was started with."""
    store = "abfss://box@account.dfs.core.windows.net"
    server.answers[f"{API}/experiments/get"] = lambda handler: handler.say(
        {"experiment": {"experiment_id": "0", "name": "Default", "artifact_location": f"{store}/models/0"}}
    )
    server.place = f"{store}/{place}"
    monkeypatch.setattr(
        registry_connection, "fetch_files", lambda _, target, *__, **___: Path(shutil.copytree(saved, target))
    )
    if allowed:
        assert opened(server).pin("m", 1, cache).location == server.place
    else:
        assert "on another host" in failure(lambda: opened(server).pin("m", 1, cache), TrustError)


# --- time ---


def in_the_head(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    handler.drip()


def in_the_body(handler):
    handler.start(200, {"Content-Type": "application/json"})
    handler.drip()


def in_a_body_of_a_length(handler):
    handler.start(200, {"Content-Type": "application/json", "Content-Length": "1000000"})
    handler.drip()


@pytest.mark.parametrize("drip", [in_the_head, in_the_body, in_a_body_of_a_length])
@pytest.mark.parametrize("endpoint", ["model-versions/get", "get-download-uri", FILES, f"{FILES}/m/MLmodel"])
def test_a_drip_ends_when_the_time_is_over(server, cache, drip, endpoint):
    server.answers[endpoint] = drip
    message = failure(lambda: opened(server).pin("m", 1, cache), RegistryUnreachableError)
    assert "does not answer" in message or "took more than" in message


def test_a_server_that_is_slow_each_time_ends_with_the_operation(server):
    """Every page is there at once, and there is always another one."""

    def page(handler):
        number = int(handler.query("page_token") or 0) + 1
        time.sleep(0.05)
        handler.say({"registered_models": [{"name": f"m{number}"}], "next_page_token": str(number)})

    server.answers["registered-models/search"] = page
    message = failure(opened(server).models, RegistryUnreachableError)
    assert "took more than 2 seconds" in message
    assert "operation_timeout" in message


def test_a_server_that_fails_is_not_asked_for_longer_than_the_operation(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    server.answers["model-versions/get"] = lambda handler: handler.say({}, 503)
    failure(lambda: opened(server).version("m", 1), RegistryUnreachableError)


# --- size ---


def endless(first, block):
    def answer(handler):
        handler.start(200, {"Content-Type": "application/json"})
        handler.wfile.write(first)
        handler.flood(block)

    return answer


@pytest.mark.parametrize("endpoint", ["model-versions/get", "get-download-uri", FILES])
def test_an_endless_answer_is_cut_off(server, cache, endpoint):
    server.answers[endpoint] = endless(b'{"x": "', b"x" * 65536)
    message = failure(lambda: opened(server).pin("m", 1, cache), RegistryError)
    assert "more than 1 MiB" in message
    assert "max_answer_mib" in message
    assert server.sent < 100 * 2**20


def test_pages_that_are_too_large_together(server):
    names = [{"name": f"{number}-{'x' * 400}"} for number in range(500)]
    server.answers["registered-models/search"] = lambda handler: handler.say(
        {"registered_models": names, "next_page_token": str(len(server.seen))}
    )
    assert "max_answer_mib" in failure(opened(server).models, RegistryError)


@pytest.mark.fast
def test_an_endless_file_is_cut_off(server, cache):
    server.answers["/m/model.skops"] = endless(b"PK", b"x" * 2**16)
    message = failure(lambda: opened(server).pin("m", 1, cache), TrustError)
    assert "more than 0.00390625 GiB" in message
    assert "max_model_gib" in message
    assert server.sent < 100 * 2**20
    assert list((cache.root / "incoming").iterdir()) == []


def test_a_compressed_answer_is_refused(server):
    server.answers["model-versions/get"] = lambda handler: handler.start(
        200, {"Content-Encoding": "gzip", "Content-Length": "0"}
    )
    assert "encoding that was not asked for" in failure(lambda: opened(server).version("m", 1), RegistryError)


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("charset", ["utf-8", "punycode", "no-such-charset"])
def test_a_page_of_something_else(server, status, charset):
    def answer(handler):
        body = b"<p>?key" * 100_000
        handler.start(status, {"Content-Type": f"text/html; charset={charset}", "Content-Length": str(len(body))})
        handler.wfile.write(body)

    server.answers["model-versions/get"] = answer
    assert len(failure(lambda: opened(server).version("m", 1), RegistryError)) < 1_000


# --- listings ---


def listing(*files):
    return lambda handler: handler.say({"files": list(files)})


@pytest.mark.fast
def test_endless_folders(server, cache):
    server.answers[FILES] = listing({"path": "a", "is_dir": True})
    assert "nested more than 32 deep" in failure(lambda: opened(server).pin("m", 1, cache), TrustError)


def test_too_many_files(server, cache):
    files = [{"path": f"f{n}", "is_dir": False} for n in range(60)]
    server.answers[FILES] = lambda handler: handler.say({"files": files} if handler.query("path") else b"x")
    assert "max_model_files" in failure(lambda: opened(server).pin("m", 1, cache), TrustError)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/x",
        "a/../../x",
        "..",
        ".",
        "",
        "a\\b",
        "C:x",
        "a\nb",
        "x" * 300,
        "x/" * 600,
        "a//b",
        "a\0b",
        "\u202e",
    ],
)
@pytest.mark.parametrize("is_dir", [True, False])
def test_names_that_lead_out_or_are_none(server, cache, path, is_dir):
    server.answers[FILES] = listing({"path": path, "is_dir": is_dir})
    assert "not accepted" in failure(lambda: opened(server).pin("m", 1, cache), TrustError)


@pytest.mark.parametrize(
    "content", [[], {"files": 3}, {"files": [3]}, {"files": [{}]}, {"files": None}, b"[" * 100_000, b"no JSON"]
)
def test_listings_that_are_none(server, cache, content):
    server.answers[FILES] = lambda handler: handler.say(content)
    failure(lambda: opened(server).pin("m", 1, cache))


# --- fields ---


@pytest.mark.parametrize(
    "number", ["", "x", "-1", "0", "1.0", "1e3", "٣", " 1", "9" * 5_000, "99999999999", None, 3.5, [], {"a": 1}, True]
)
def test_numbers_of_versions_that_are_none(server, cache, number):
    server.version |= {"version": number}
    failure(lambda: opened(server).pin("m", "Champion", cache), RegistryError)


@pytest.mark.parametrize(
    "fields",
    [
        {"source": "x" * 500_000},
        {"run_id": "x" * 500_000},
        {"tags": [{"key": "x" * 500_000, "value": "y"}]},
        {"tags": [{"key": "k", "value": "x" * 500_000}]},
        {"description": "x" * 500_000},
        {"name": "another"},
        {"name": ""},
        {"name": None},
    ],
)
def test_fields_that_are_empty_or_huge(server, cache, fields):
    server.version |= fields
    assert len(failure(lambda: opened(server).pin("m", 1, cache), RegistryError)) < 1_000


@pytest.mark.parametrize("answer", [{}, {"model_version": None}, {"model_version": 3}, {"model_version": []}, []])
def test_answers_without_a_version(server, cache, answer):
    server.answers["model-versions/get"] = lambda handler: handler.say(answer)
    failure(lambda: opened(server).pin("m", 1, cache), RegistryError)


@pytest.mark.parametrize(
    "place",
    [
        "",
        " ",
        None,
        3,
        "x" * 100_000,
        "http://",
        "http:///m",
        "s3://",
        "s3:/m/x",
        "mlflow-artifacts:m",
        "http://127.0.0.1:99999999/m",
        "http://[::1/m",
        "http://127.0.0.1/m?x#y",
        "mlflow-artifacts:/m?x",
        "mlflow-artifacts:/m/../n",
        "mlflow-artifacts:/m/%2e%2e/n",
        "mlflow-artifacts:/m/%252e%252e/n",
        "mlflow-artifacts:/m\\n",
        "mlflow-artifacts:/m%00",
        "mlflow-artifacts:/%ff",
        "file://elsewhere/m",
        "file:///m?x",
        "file:///m#x",
        "file:///%2e%2e/m",
        "unknown://host/m",
        "models:/m",
        "models:/m/x",
        "runs:/",
        "nowhere/at/all",
        "/dev",
        "/dev/zero",
        "/proc/self",
    ],
)
def test_places_that_are_none(server, cache, place):
    server.place = place
    assert len(failure(lambda: opened(server).pin("m", 1, cache))) < 1_000


# --- models that name models ---

OTHERS = ["models:/m-" + digit * 32 for digit in "0123456789"]


@pytest.mark.fast
def test_a_version_that_names_itself(server, cache):
    server.place = "models:/m/1"
    assert "back to itself" in failure(lambda: opened(server).pin("m", 1, cache), RegistryError)


@pytest.mark.parametrize(
    ("chain", "reason"), [(OTHERS[:1], "back to itself"), (OTHERS[:3], "back to itself"), (OTHERS, "ever on")]
)
def test_logged_models_that_name_each_other(server, cache, chain, reason):
    for one, other in zip(chain, [*chain[1:], chain[0]], strict=True):
        info = {"model_id": one.removeprefix("models:/"), "experiment_id": "0", "name": "m", "artifact_uri": other}
        server.answers[f"/{info['model_id']}"] = lambda handler, info=info: handler.say(
            {"model": {"info": info | {"creation_timestamp_ms": 1, "last_updated_timestamp_ms": 1}, "data": {}}}
        )
    server.place = chain[0]
    assert reason in failure(lambda: opened(server).pin("m", 1, cache), RegistryError)


def test_an_alias_that_names_itself(server, cache):
    server.place = "models:/m@Champion"
    assert "back to itself" in failure(lambda: opened(server).pin("m", "Champion", cache), RegistryError)


@pytest.mark.parametrize(
    "answer", [{}, {"model": {}}, {"model": {"info": 3}}, {"model": {"info": {"artifact_uri": "http://x/m"}}}]
)
def test_logged_models_that_are_none(server, cache, answer):
    server.answers["/m-" + "0" * 32] = lambda handler: handler.say(answer)
    failure(lambda: WAYS["logged"](opened(server), cache))


def test_a_run_that_is_none(server, cache):
    server.answers[f"{API}/runs/get"] = lambda handler: handler.say({"run": {"info": {}}})
    failure(lambda: pin_logged(opened(server), RunModelUri("r", "m"), cache))


@pytest.mark.slow
@pytest.mark.parametrize("registry_uri", ["databricks", "databricks-uc"])
def test_the_client_of_databricks_is_given_no_more_time(registry_uri, monkeypatch):
    """It has a way of its own to the network, which knows no deadline."""
    with hostile_registry() as server:
        monkeypatch.setenv("DATABRICKS_HOST", server.plain_uri)
        monkeypatch.setenv("DATABRICKS_TOKEN", "a-token-of-the-test")
        monkeypatch.setattr(server, "answer_to", lambda _path: lambda handler: handler.drip())
        limits = RegistryLimits(operation_timeout=1)
        registry = Registry("databricks", registry_uri, timeout=1, retries=0, limits=limits)
        with pytest.raises(RegistryUnreachableError, match=r"took more than 1 seconds .*raise operation_timeout"):
            registry.model("catalog.schema.m")
        # Whatever it was doing meanwhile: it is this server that it asks. Its thread ends with an answer.
        wait_for(lambda: server.seen, "a request")
        monkeypatch.undo()
        server.closing.set()
        for thread in threading.enumerate():
            if thread.name.startswith("registry: "):
                thread.join(LONGEST_SECONDS)
                assert not thread.is_alive()


def test_what_a_client_without_an_end_answers_or_raises_is_passed_on():
    registry = RegistryConnection("databricks", timeout=1)

    class Client:
        def answer(self, value: int) -> tuple[int, bool]:
            # The operation that it belongs to is known where it runs.
            return value, CURRENT.get() is not None

        def fail(self) -> None:
            raise KeyError("asked")

    client = BoundedClient(cast(Any, Client()), registry)
    assert client.answer(3) == (3, True)
    with pytest.raises(KeyError, match="asked"):
        client.fail()
