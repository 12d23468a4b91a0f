import hashlib
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.errors import TrustError
from mlops_assets.models.digest import compute_digest


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


FILES = {"MLmodel": b"flavors: {}", "model.skops": b"PK", "data/a.bin": b"1"}


def test_it_is_the_sha256_of_paths_and_contents(tmp_path):
    total = hashlib.sha256()
    for name in ("MLmodel", "data/a.bin", "model.skops"):
        total.update(len(name).to_bytes(8, "big") + name.encode() + hashlib.sha256(FILES[name]).digest())
    assert compute_digest(write(tmp_path, FILES)) == total.hexdigest()


def test_it_never_changes_because_people_pin_it(tmp_path):
    assert compute_digest(write(tmp_path, FILES)) == "99a328e6f4e467a5ae8277af9570958888f6ec02e1598bc3247a68d4e02d4846"


def test_it_depends_neither_on_the_place_nor_on_times_nor_on_permissions(tmp_path):
    first, second = write(tmp_path / "a", FILES), write(tmp_path / "b/c", dict(reversed(FILES.items())))
    os.utime(second / "MLmodel", (0, 0))
    (second / "MLmodel").chmod(0o600)
    assert compute_digest(first) == compute_digest(second)


@pytest.mark.parametrize(
    "change",
    [
        {"model.skops": b"PK "},
        {"extra.txt": b""},
        {"data/b.bin": b"1"},
    ],
    ids=["content", "another file, empty", "another file, equal content"],
)
def test_every_change_shows(tmp_path, change):
    before = compute_digest(write(tmp_path, FILES))
    assert compute_digest(write(tmp_path, change)) != before


def test_a_renamed_file_shows(tmp_path):
    before = compute_digest(write(tmp_path, FILES))
    (tmp_path / "data/a.bin").rename(tmp_path / "data/b.bin")
    assert compute_digest(tmp_path) != before


def test_what_mlflow_adds_after_a_download_does_not_count(tmp_path):
    before = compute_digest(write(tmp_path, FILES))
    assert compute_digest(write(tmp_path, {"registered_model_meta": b"name: m"})) == before
    # Only at the top, where MLflow writes it.
    assert compute_digest(write(tmp_path, {"data/registered_model_meta": b"name: m"})) != before


def test_names_that_are_no_text_have_a_digest(tmp_path):
    write(tmp_path, FILES)
    (tmp_path / os.fsdecode(b"caf\xe9")).write_bytes(b"")
    assert len(compute_digest(tmp_path)) == 64


names = st.text(st.sampled_from("ab"), min_size=1, max_size=3)
folders = st.dictionaries(names, st.binary(max_size=4), max_size=4)


@settings(max_examples=60, deadline=None)
@given(one=folders, other=folders)
def test_two_folders_share_a_digest_only_if_they_are_equal(tmp_path_factory, one, other):
    digests = [compute_digest(write(tmp_path_factory.mktemp("folder"), files)) for files in (one, other)]
    assert (digests[0] == digests[1]) == (one == other)


@pytest.mark.parametrize("target", ["model.skops", "/etc/hostname", "data", "nowhere"])
def test_a_link_has_no_digest(tmp_path, target):
    write(tmp_path, FILES)
    (tmp_path / "linked").symlink_to(target)
    with pytest.raises(TrustError, match=r"'linked' is a link .*plain files"):
        compute_digest(tmp_path)


def test_a_pipe_has_no_digest_and_is_not_waited_for(tmp_path):
    os.mkfifo(write(tmp_path, FILES) / "pipe")
    with pytest.raises(TrustError, match=r"'pipe' is not a plain file"):
        compute_digest(tmp_path)
