"""Marks that keep what living runs use, beside others that come and go."""

from pathlib import Path

import pytest

from mlops_assets.errors import TableError
from mlops_assets.storage import in_use
from mlops_assets.storage.in_use import IN_USE, mark_in_use
from mlops_assets.storage.locks import is_held


@pytest.mark.parametrize("removals", [0, 1, 5])
def test_a_folder_that_another_run_removes_as_it_leaves_is_made_again(tmp_path, monkeypatch, removals):
    hold, left = in_use.hold, [removals]

    def hold_late(marker: Path) -> object:
        if left[0]:
            left[0] -= 1
            marker.parent.rmdir()
            marker.parent.parent.rmdir()
        return hold(marker)

    monkeypatch.setattr(in_use, "hold", hold_late)
    with mark_in_use(tmp_path / "kept"):
        [marker] = (tmp_path / "kept" / IN_USE).iterdir()
        assert is_held(marker)
    assert list((tmp_path / "kept" / IN_USE).iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said_with_its_path(tmp_path):
    (tmp_path / "kept").write_text("a file")
    with pytest.raises(TableError, match="kept"), mark_in_use(tmp_path / "kept"):
        pass
