import contextlib
import os
import subprocess
import sys

import pytest

from mlops_assets.errors import DigestMismatchError, TrustError
from mlops_assets.models.digest import compute_digest


def fill(folder, content=b"weights"):
    (folder / "MLmodel").write_text("flavors: {}")
    (folder / "model.bin").write_bytes(content)


def added(cache, content=b"weights"):
    with cache.open_download_folder() as folder:
        fill(folder, content)
        return cache.add_folder(folder)


def entries(cache):
    return sorted(path.name for path in cache.root.iterdir() if path.name != "incoming")


def test_an_entry_is_named_by_its_digest(cache):
    digest = added(cache)
    assert cache.find_verified(digest) == cache.root / digest
    assert compute_digest(cache.root / digest) == digest
    assert (cache.root / digest / "model.bin").read_bytes() == b"weights"


def test_equal_files_are_one_entry(cache):
    assert added(cache) == added(cache)
    assert len(entries(cache)) == 1
    assert len({added(cache, b"other"), *entries(cache)}) == 2


def test_what_is_not_there_is_none(cache):
    assert cache.find_verified("0" * 64) is None


def test_a_download_leaves_nothing_behind(cache):
    added(cache)
    added(cache)
    with contextlib.suppress(ZeroDivisionError), cache.open_download_folder() as folder:
        fill(folder)
        raise ZeroDivisionError
    assert list((cache.root / "incoming").iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_download(cache):
    code = f"""
import os, signal, pathlib
from mlops_assets.models.cache import ModelCache
with ModelCache(pathlib.Path({str(cache.root)!r})).open_download_folder() as folder:
    (folder / "half").write_bytes(b"x" * 1000)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list((cache.root / "incoming").rglob("half"))) == 1
    added(cache)
    assert list((cache.root / "incoming").iterdir()) == []


def test_what_mlflow_writes_after_a_download_is_not_kept(cache):
    with cache.open_download_folder() as folder:
        fill(folder)
        (folder / "registered_model_meta").write_text("name: m")
        digest = cache.add_folder(folder)
    assert sorted(path.name for path in (cache.root / digest).iterdir()) == ["MLmodel", "model.bin"]


def change(entry):
    (entry / "model.bin").write_bytes(b"hostile")


def add(entry):
    (entry / "sitecustomize.py").write_text("")


def add_what_has_no_digest(entry):
    (entry / "registered_model_meta").write_text("")


def remove(entry):
    (entry / "model.bin").unlink()


def link(entry):
    (entry / "model.bin").unlink()
    (entry / "model.bin").symlink_to("MLmodel")


@pytest.mark.parametrize("tamper", [change, add, add_what_has_no_digest, remove, link])
def test_a_changed_entry_is_noticed(cache, tamper):
    digest = added(cache)
    tamper(cache.root / digest)
    with pytest.raises(DigestMismatchError, match=r"cached model's files have changed.*Delete this folder") as caught:
        cache.find_verified(digest)
    assert digest in str(caught.value)


def test_an_entry_that_is_a_link_to_another_folder_is_noticed(cache, tmp_path):
    digest = added(cache)
    (cache.root / digest).rename(tmp_path / "elsewhere")
    (cache.root / digest).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DigestMismatchError):
        cache.find_verified(digest)


def test_nobody_else_may_write_to_the_cache(cache):
    digest = added(cache)
    assert cache.root.stat().st_mode & 0o777 == 0o700
    for mode in (0o777, 0o770, 0o702):
        cache.root.chmod(mode)
        with pytest.raises(TrustError, match=r"written by somebody else.*chmod 700"):
            cache.find_verified(digest)
        with pytest.raises(TrustError), cache.open_download_folder():
            pass
    cache.root.chmod(0o755)
    assert cache.find_verified(digest)


def test_a_cache_of_another_user_is_refused(cache, monkeypatch):
    digest = added(cache)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(TrustError, match=r"written by somebody else"):
        cache.find_verified(digest)
