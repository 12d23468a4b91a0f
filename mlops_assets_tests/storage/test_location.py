"""Where things lie: what a person writes, what is opened, what is shown, and how a file is replaced."""

import importlib
import os
import re
import stat
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from pyarrow import fs as arrow_fs

from mlops_assets.errors import ConfigurationError, MissingExtraError, TableError
from mlops_assets.storage.location import Location


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data/in.csv", "/base/data/in.csv"),
        ("./data/../in.csv", "/base/in.csv"),
        ("/abs/in.csv", "/abs/in.csv"),
        ("/abs/folder/", "/abs/folder"),
        ("file:///abs/with%20space", "/abs/with space"),
        (Path("in.csv"), "/base/in.csv"),
        ("s3://bucket/folder/", "s3://bucket/folder"),
        ("memory://x", "memory://x"),
        ("simplecache::s3://bucket/x", "simplecache::s3://bucket/x"),
    ],
)
def test_what_is_written_becomes_an_address(text, expected):
    assert Location.parse(text, base=Path("/base")).address == expected


def test_relative_paths_are_taken_from_the_working_folder_without_a_base(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Location.parse("x").address == str(tmp_path / "x")


def test_home_is_known(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Location.parse("~/x", base=Path("/base")).address == "/home/somebody/x"


def test_an_empty_path_is_refused():
    with pytest.raises(ConfigurationError, match="A path is empty"):
        Location.parse("  ")


def test_a_local_uri_comes_back_as_the_same_place(tmp_path):
    place = Location.parse(str(tmp_path / "with space ü.csv"))
    assert Location.parse(place.uri) == place
    assert place.uri.startswith("file:///")


def test_credentials_are_nowhere_to_be_seen():
    place = Location.parse("s3://key:canary@bucket/x", storage_options={"secret": "canary"})
    shown = place.uri + repr(Location.parse("s3://bucket/x", storage_options={"secret": "canary"}))
    assert place.uri == "s3://bucket/x"
    assert "canary" not in shown


def test_local_and_remote_filesystems(memory_root, tmp_path):
    assert isinstance(Location.parse(str(tmp_path)).filesystem, arrow_fs.LocalFileSystem)
    assert isinstance(memory_root.filesystem, arrow_fs.PyFileSystem)
    assert memory_root.child("a").path == "/" + memory_root.address.removeprefix("memory://").strip("/") + "/a"


@pytest.mark.parametrize(
    ("protocol", "client", "package"),
    [
        ("s3", "s3fs", '"mlops-assets[s3]"'),
        ("gs", "gcsfs", '"mlops-assets[gcs]"'),
        ("abfs", "adlfs", '"mlops-assets[azure]"'),
        ("sftp", "paramiko", "paramiko"),
    ],
)
def test_a_missing_package_is_named_with_its_pip_line(protocol, client, package, monkeypatch):
    registry = importlib.import_module("fsspec.registry")  # the name in the package is a mapping
    monkeypatch.setitem(sys.modules, client, None)
    # The public `fsspec.registry` is a read-only view of it, and nothing else forgets an implementation.
    monkeypatch.delitem(registry._registry, protocol, raising=False)  # noqa: SLF001
    with pytest.raises(MissingExtraError, match=rf"Run: pip install {re.escape(package)}\."):
        _ = Location.parse(f"{protocol}://b/x").filesystem


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ConfigurationError, match="nonsense:// is not a protocol"):
        _ = Location.parse("nonsense://x").filesystem


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/a/b", "/a/b/c/d"),
        ("/", "/c/d"),
        ("s3://bucket", "s3://bucket/c/d"),
        ("memory://", "memory://c/d"),
        ("simplecache::s3://bucket/x", "simplecache::s3://bucket/x/c/d"),
        ("zip://in::s3://bucket/x.zip", "zip://in/c/d::s3://bucket/x.zip"),
    ],
)
def test_children(address, expected):
    assert Location(address).child("c/d").address == expected


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/passwd", "", "a\\b", "a\0b"])
def test_a_child_never_leaves_its_folder(name):
    with pytest.raises(ConfigurationError, match="is not a name inside a folder"):
        Location("/a").child(name)


@pytest.fixture(params=["local", "remote"])
def folder(request, tmp_path, memory_root):
    return Location.parse(str(tmp_path)) if request.param == "local" else memory_root


class TestSmallFiles:
    def test_text_comes_back(self, folder):
        place = folder.child("deep/er/x.json")
        place.write_text_atomically("ü\n")
        assert (place.read_text(), place.size(), place.exists()) == ("ü\n", 3, True)
        place.write_text_atomically("new")
        assert (place.read_text(), folder.files()) == ("new", ("deep/er/x.json",))

    def test_bytes_are_not_unpacked_by_their_extension(self, folder):
        folder.child("x.json.gz").write_bytes_atomically(b"plain")
        assert folder.child("x.json.gz").read_bytes() == b"plain"

    def test_a_missing_file_is_named(self, folder):
        with pytest.raises(TableError, match=r"No such file \(.*x\.json\)"):
            folder.child("x.json").read_text()

    def test_removing_twice_is_fine(self, folder):
        folder.child("x").write_text_atomically("1")
        folder.child("x").remove()
        folder.child("x").remove()
        assert not folder.child("x").exists()

    def test_files_are_listed_sorted_and_whole(self, folder):
        for name in ("b", "a/c", ".hidden"):
            folder.child(name).write_text_atomically("1")
        assert folder.files() == (".hidden", "a/c", "b")
        assert folder.files(recursive=False) == (".hidden", "b")
        assert folder.child("none").files() == ()
        assert folder.child("b").files() == ()

    def test_a_failure_leaves_what_was_there(self, folder):
        place = folder.child("x")
        place.write_text_atomically("old")

        def fail():
            with place.replace_atomically() as temporary:
                temporary.write_text_atomically("half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fail()
        assert (place.read_text(), folder.files()) == ("old", ("x",))

    def test_a_name_with_a_pattern_in_it_is_just_a_name(self, folder):
        place = folder.child("x[1]*?.json")
        place.write_text_atomically("1")
        assert place.read_text() == "1"

    def test_leftovers_are_swept_by_age(self, folder):
        leftover = folder.child(f".x.json.{'0' * 16}.tmp")
        leftover.write_text_atomically("half")
        assert folder.child("x.json").sweep(timedelta(hours=1)) == ()
        assert folder.child("x.json").sweep(timedelta(0)) == (leftover.name,)
        assert folder.files() == ()


def test_leftovers_at_the_root_of_a_filesystem_are_swept():
    place = Location.parse("memory://at-root.json")
    leftover = place.sibling(f".at-root.json.{'0' * 16}.tmp")
    leftover.write_text_atomically("half")
    assert place.sweep(timedelta(0)) == (leftover.name,)


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    previous = os.umask(0o027)
    try:
        Location.parse(str(tmp_path / "x")).write_text_atomically("1")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o640


def test_locations_are_values():
    assert len({Location("/a", {"k": "v"}), Location("/a", {"k": "v"})}) == 1
    assert Location("/a") != Location("/b")
