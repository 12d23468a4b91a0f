"""Damaged input files: a bit, a byte or a block is changed, and what reaches a person is an error of this package."""

import contextlib

import pytest

from mlops_assets.errors import TableError
from mlops_assets_tests.fuzz.inputs import SOURCES, failures, failures_elsewhere, read_wholly


@pytest.mark.parametrize("name", SOURCES)
def test_undamaged_files_are_read(name, tmp_path):
    (tmp_path / name).write_bytes(SOURCES[name]())
    assert read_wholly(tmp_path / name) == 50


def test_damaged_files_are_read_or_refused(tmp_path):
    assert failures(seed=0, count=150, folder=tmp_path) == []


@pytest.mark.slow
def test_more_damaged_files_in_a_process_that_lives_on():
    assert failures_elsewhere(seed=1_000, count=3_000, timeout=600) == []


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_that_was_cut_off_anywhere_is_read_or_refused(name, tmp_path):
    whole = SOURCES[name]()
    for end in range(1, len(whole), max(1, len(whole) // 40)):
        (tmp_path / name).write_bytes(whole[:end])
        with contextlib.suppress(TableError):
            assert read_wholly(tmp_path / name) <= 50
