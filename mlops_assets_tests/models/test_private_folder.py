"""No other user of the machine can exchange what is in the cache: nobody else owns, or writes to, a folder above it."""

import os
from types import SimpleNamespace

import pytest

from mlops_assets.errors import TrustError
from mlops_assets.models import private_folder
from mlops_assets.models.private_folder import make_private_folder

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no owners and modes of this kind")
STRANGER = 54_321
as_root = pytest.mark.skipif(os.name != "nt" and os.geteuid() != 0, reason="only root can give a folder away")


@pytest.fixture
def above(tmp_path):
    folder = tmp_path / "above"
    folder.mkdir(mode=0o755)
    return folder


def test_it_is_made_for_its_owner_alone_with_all_that_is_above(above):
    make_private_folder(above / "a/b")
    assert [(above / part).stat().st_mode & 0o777 for part in ("a", "a/b")] == [0o700, 0o700]
    make_private_folder(above / "a/b")


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
def test_a_folder_above_that_everybody_writes_to(above, mode):
    make_private_folder(above / "cache")
    above.chmod(mode)
    with pytest.raises(
        TrustError, match=rf"written by somebody else.*because of the folder {above}.*MLOPS_ASSETS_HOME"
    ):
        make_private_folder(above / "cache")


def test_a_folder_like_tmp_in_which_nobody_touches_what_is_others(above):
    above.chmod(0o1777)
    make_private_folder(above / "cache")


@pytest.mark.parametrize("own", [True, False])
def test_a_folder_above_that_a_group_writes_to(above, monkeypatch, own):
    make_private_folder(above / "cache")
    above.chmod(0o775)
    monkeypatch.setattr(private_folder, "is_own_group", lambda _: own)
    if own:
        make_private_folder(above / "cache")
    else:
        with pytest.raises(TrustError, match="because of the folder"):
            make_private_folder(above / "cache")


@pytest.mark.parametrize(
    ("members", "name", "own"), [([], "me", True), (["me"], "me", True), (["you"], "me", False), ([], "staff", False)]
)
def test_a_group_of_ones_own_name_is_ones_own(monkeypatch, members, name, own):
    import grp
    import pwd

    monkeypatch.setattr(pwd, "getpwuid", lambda _: SimpleNamespace(pw_name="me"))
    monkeypatch.setattr(grp, "getgrgid", lambda _: SimpleNamespace(gr_name=name, gr_mem=members))
    assert private_folder.is_own_group(1_000) is own


@as_root
@pytest.mark.parametrize("deep", ["cache", "a/b/cache"])
def test_a_folder_above_that_a_stranger_owns(above, deep):
    make_private_folder(above / deep)
    os.chown(above, STRANGER, STRANGER)
    with pytest.raises(TrustError, match="because of the folder"):
        make_private_folder(above / deep)


@as_root
def test_a_link_above_to_a_folder_of_a_strangers(above, tmp_path):
    os.chown(above, STRANGER, STRANGER)
    (tmp_path / "link").symlink_to(above)
    with pytest.raises(TrustError, match="because of the folder"):
        make_private_folder(tmp_path / "link/cache")


@as_root
def test_a_strangers_link_above(above, tmp_path):
    (tmp_path / "link").symlink_to(above)
    os.lchown(tmp_path / "link", STRANGER, STRANGER)
    with pytest.raises(TrustError, match="because of the folder"):
        make_private_folder(tmp_path / "link/cache")


def test_a_cache_that_is_a_link(above, tmp_path):
    (tmp_path / "cache").symlink_to(above)
    with pytest.raises(TrustError):
        make_private_folder(tmp_path / "cache")
