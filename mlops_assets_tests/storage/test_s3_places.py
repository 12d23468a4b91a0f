"""Places on a real S3 server: any name, never stale, whole or absent, and errors in plain words."""

import os
import signal
import subprocess
import sys
import textwrap
import time
import traceback
from datetime import timedelta

import pytest

from mlops_assets.errors import ConcurrentRunError, ConfigurationError, TableError
from mlops_assets.storage.location import Location
from mlops_assets.storage.object_stores import sweep_uploads
from mlops_assets.storage.small_files import read_all
from mlops_assets.tables.leftovers import sweep_folder
from mlops_assets_tests.object_store import KEY, SECRET

MIB = 1 << 20
NAMES = ["a b", "x[1]*", "ü", "p#q", "q?r", "a+b", "50%", "%41", "a&b=c", "~;:'\""]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_is_just_a_name(bucket, name):
    place = bucket.place(f"{name}/{name}.txt")
    place.write_text_atomically("ü")
    assert bucket.objects() == [f"{name}/{name}.txt"]
    assert (place.read_text(), place.size(), place.exists()) == ("ü", 2, True)
    assert bucket.root.files() == (f"{name}/{name}.txt",)
    assert read_all([place]) == ["ü".encode()]
    place.remove()
    assert (place.exists(), bucket.objects()) == (False, [])


def test_another_process_writes_and_nothing_stale_is_seen(bucket):
    place = bucket.place("folder/a.txt")
    place.write_text_atomically("old")
    assert (bucket.root.files(), place.size(), place.read_text()) == (("folder/a.txt",), 3, "old")
    bucket.client.put_object(Bucket=bucket.name, Key="folder/a.txt", Body=b"newer")
    bucket.client.put_object(Bucket=bucket.name, Key="folder/b.txt", Body=b"")
    assert (place.size(), place.read_text()) == (5, "newer")
    assert bucket.place("folder").files() == ("a.txt", "b.txt")
    bucket.client.delete_object(Bucket=bucket.name, Key="folder/a.txt")
    assert not place.exists()


def test_the_marker_of_a_folder_is_no_file(bucket):
    bucket.client.put_object(Bucket=bucket.name, Key="folder/", Body=b"")
    bucket.place("folder/a.txt").write_text_atomically("1")
    assert bucket.place("folder").files() == ("a.txt",)


class TestDraft:
    def test_a_small_object_is_one_request_and_a_large_one_an_upload(self, bucket):
        for size in (10, 11 * MIB):
            place = bucket.place(f"{size}", default_block_size=5 * MIB)
            with place.open_draft() as sink:
                for _ in range(10):
                    sink.write(b"x" * (size // 10))
                assert sink.tell() == size // 10 * 10
                assert not place.exists()
                assert bucket.uploads() == ([f"{size}"] if size > MIB else [])
            assert place.size() == size // 10 * 10
        assert bucket.uploads() == []

    @pytest.mark.parametrize("size", [10, 11 * MIB])
    def test_a_failure_leaves_what_was_there(self, bucket, size):
        place = bucket.place("x", default_block_size=5 * MIB)
        place.write_text_atomically("old")

        def fail():
            with place.open_draft() as sink:
                sink.write(b"x" * size)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert (place.read_text(), bucket.objects(), bucket.uploads()) == ("old", ["x"], [])

    def test_no_bytes_make_an_empty_object(self, bucket):
        with bucket.place("x").open_draft():
            pass
        assert bucket.place("x").size() == 0

    def test_a_failure_that_cannot_be_cleared_away_says_so(self, bucket):
        place = bucket.place("x", default_block_size=5 * MIB)

        def fail():
            with place.open_draft() as sink:
                sink.write(b"x" * 6 * MIB)
                bucket.deny("s3:AbortMultipartUpload", "s3:*")
                raise RuntimeError

        with pytest.raises(RuntimeError) as caught:
            fail()
        assert "could not be cancelled either" in caught.value.__notes__[0]


def test_a_killed_writer_leaves_what_was_there_and_its_upload_is_swept(bucket):
    place = bucket.place("tables/x.bin", default_block_size=5 * MIB)
    place.write_text_atomically("old")
    program = f"""
        from mlops_assets.storage.location import Location
        place = Location({place.address!r}, {dict(place.storage_options)!r})
        with place.open_draft() as sink:
            sink.write(b"x" * {6 * MIB})
            print("half", flush=True)
            input()
    """
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout.readline() == "half\n"
    os.kill(writer.pid, signal.SIGKILL)
    writer.communicate()
    assert (place.read_text(), bucket.objects()) == ("old", ["tables/x.bin"])
    assert bucket.uploads() == ["tables/x.bin"]

    bucket.client.create_multipart_upload(Bucket=bucket.name, Key="foreign/y.bin")
    folder = bucket.place("tables")
    assert folder.sweep_uploads(timedelta(hours=1)) == ()
    assert sweep_folder(folder, below=["x"]) == ()
    time.sleep(1.1)  # the store tells times in seconds
    assert folder.sweep_uploads(timedelta(seconds=1)) == ("x.bin",)
    assert bucket.uploads() == ["foreign/y.bin"]


def test_uploads_that_may_not_be_listed_are_left_to_the_buckets_own_rule(bucket):
    bucket.deny("s3:ListBucketMultipartUploads")

    class Refused:
        split_path = staticmethod(bucket.root.remote()[0].split_path)
        list_multipart_uploads = None

        def call_s3(self, *_, **__):
            raise PermissionError

    assert sweep_uploads(Refused(), f"{bucket.name}/tables", timedelta(0)) == ()


class TestCreate:
    def test_only_the_first_one_is_made(self, bucket):
        place = bucket.place("entry.json")
        assert [place.create(b"first"), place.create(b"second")] == [True, False]
        assert place.read_bytes() == b"first"

    def test_other_errors_are_told(self, bucket):
        bucket.deny("s3:PutObject")
        with pytest.raises(TableError, match="refuses access"):
            bucket.place("entry.json").create(b"1")


def failure(action, expected=TableError):
    with pytest.raises(expected) as caught:
        action()
    assert type(caught.value) is expected
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told
    assert SECRET not in told
    return str(caught.value)


ACTIONS = {
    "kind": Location.kind,
    "files": Location.files,
    "read_bytes": Location.read_bytes,
    "read_all": lambda place: read_all([place, place]),
    "write": lambda place: place.write_text_atomically("1"),
    "create": lambda place: place.create(b"1"),
    "size": Location.size,
}


class TestErrors:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_no_such_bucket(self, bucket, action):
        options = bucket.root.storage_options
        place = Location.parse("s3://nobodys-bucket/in.parquet", storage_options=options)
        message = failure(lambda: ACTIONS[action](place))
        assert message.startswith("There is no bucket 'nobodys-bucket' (s3://nobodys-bucket/in.parquet).")
        assert "nobodys-bucket" not in [each["Name"] for each in bucket.client.list_buckets()["Buckets"]]

    @pytest.mark.parametrize("action", ACTIONS)
    def test_access_denied(self, bucket, action):
        place = bucket.place("x.txt")
        place.write_text_atomically("1")
        bucket.deny("s3:*")
        assert failure(lambda: ACTIONS[action](place)).startswith(f"The store refuses access to {bucket.name!r}")

    @pytest.mark.parametrize("action", ["kind", "write"])
    def test_endpoint_unreachable(self, bucket, action):
        quickly = {"retries": {"max_attempts": 0}}
        place = bucket.place("x.txt", client_kwargs={"endpoint_url": "http://127.0.0.1:9"}, config_kwargs=quickly)
        message = failure(lambda: ACTIONS[action](place))
        assert message.startswith(f"The store does not answer ({bucket.url}/x.txt).")
        assert "endpoint_url" in message

    def test_no_credentials(self, bucket):
        place = bucket.place("x.txt", key=None, secret=None)
        message = failure(place.read_bytes)
        assert message.startswith("There are no credentials for the store")
        assert "AWS_ACCESS_KEY_ID" in message

    def test_an_option_that_the_client_does_not_know(self, bucket):
        message = failure(bucket.place("x.txt", endpont=SECRET).kind, ConfigurationError)
        assert message.startswith("storage_options has 'endpont', which the client for s3:// does not know")

    def test_a_name_that_no_bucket_can_have(self, bucket):
        place = Location.parse("s3://No_Bucket!/x", storage_options=bucket.root.storage_options)
        assert failure(place.read_bytes).startswith("'No_Bucket!' is not a name that a bucket can have")

    def test_a_missing_object_in_a_bucket_that_is_there(self, bucket):
        assert failure(bucket.place("x.txt").read_bytes).startswith("No such file (")

    def test_an_object_that_is_replaced_while_it_is_read(self, bucket):
        place = bucket.place("x.bin")
        place.write_bytes_atomically(b"a" * 10 * MIB)
        with place.filesystem.open_input_file(place.path) as stream:
            assert stream.read(2) == b"aa"
            place.write_bytes_atomically(b"b" * 10 * MIB)
            stream.seek(9 * MIB)
            message = failure(stream.read, ConcurrentRunError)
        assert message.startswith("The object was replaced while it was in use")

    @pytest.mark.parametrize(
        ("status", "code", "expected"),
        [
            (301, "PermanentRedirect", "Bucket 'bkt' is in another region"),
            (400, "AuthorizationHeaderMalformed", "Bucket 'bkt' is in another region"),
            (403, "InvalidAccessKeyId", "The store does not accept the credentials: InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch", "The store does not accept the credentials: SignatureDoesNotMatch"),
            (400, "ExpiredToken", "The store does not accept the credentials: ExpiredToken"),
            (403, "AccessDenied", "The store refuses access to 'bkt'"),
            (418, "Teapot", "The store refuses the request: Teapot"),
        ],
    )
    def test_what_only_a_real_store_says(self, bucket, answering, status, code, expected):
        place = bucket.place("x.txt", client_kwargs={"endpoint_url": answering(status, code)})
        message = failure(lambda: place.write_text_atomically("1"))
        assert message.startswith(expected.replace("bkt", bucket.name))

    @pytest.mark.parametrize(
        ("status", "expected"),
        [(403, "The store refuses access to"), (400, "The store finds the request bad"), (301, "Bucket ")],
    )
    def test_answers_to_a_question_for_the_head_have_no_words(self, bucket, answering, status, expected):
        place = bucket.place("x.txt", client_kwargs={"endpoint_url": answering(status, "")})
        assert failure(place.kind).startswith(expected)

    def test_a_name_taken_in_the_same_moment_is_taken(self, bucket, answering):
        endpoint = answering(409, "ConditionalRequestConflict")
        place = bucket.place("x", client_kwargs={"endpoint_url": endpoint})
        assert place.create(b"1") is False


@pytest.fixture
def answering():
    """`answering(status, code)`: the endpoint of a store that says so to every request."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    running = []

    def start(status, code):
        body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>words</Message></Error>".encode()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                # The client asks the bucket itself where it lies, and takes a 301 for a reason to ask again.
                self.send_response(403 if self.command == "HEAD" and self.path.count("/") == 1 else status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_GET, do_PUT, do_HEAD = answer, answer, answer  # noqa: N815 - the server's names

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
