"""Random histories, the first half of 300; as many as one likes: `python -m mlops_assets_tests.simulation`."""

import pytest

from mlops_assets_tests.simulation.__main__ import describe_failure
from mlops_assets_tests.simulation.history import make_history, play, shorten

AT_ONCE, LENGTH = 50, 8


def check_histories(stage, first: int) -> None:
    for seed in range(first, first + AT_ONCE):
        events = make_history(seed, LENGTH)
        outcome = play(events, stage)
        assert outcome.holds, describe_failure(seed, events, outcome, stage)


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 51, 101])
def test_whatever_happens_tables_become_the_champions_or_people_are_told(stage, first):
    check_histories(stage, first)


def test_a_history_that_fails_is_shortened_to_what_makes_it_fail():
    history = make_history(7, 30)
    wanted = {history[4], history[20]}
    assert set(shorten(history, lambda events: wanted <= set(events))) == wanted


def test_one_seed_is_one_history():
    assert make_history(7) == make_history(7)
    assert make_history(7) != make_history(8)
