"""Mutated files of each format: no crash, no hang, no other answer than that of the checked arrays."""

import pytest

from mlops_assets.trees.files.check import NativeFileError, check_native_bytes
from mlops_assets_tests.fuzz.native import fuzz, make_file
from mlops_assets_tests.fuzz.native_seeds import SEEDS


@pytest.mark.parametrize("form", ["lightgbm"])
def test_a_reader_raises_nothing_but_its_own_error(form):
    refused = 0
    for number in range(200):
        try:
            check_native_bytes(form, make_file(form, 7, number))
        except NativeFileError:
            refused += 1
    assert 50 < refused < 190


def test_a_seed_makes_the_same_files():
    assert [make_file("lightgbm", 3, number) for number in range(20)] == [
        make_file("lightgbm", 3, number) for number in range(20)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted(SEEDS))
def test_what_is_accepted_does_no_harm(form):
    """As many as CI has the time for; `python -m mlops_assets_tests.fuzz.native --files 20000` makes more."""
    outcome = fuzz(form, 5_000, seed=0)
    assert outcome.faults == []
    # Not all is refused, which would be easy.
    assert outcome.counts["accepted"] > 300
