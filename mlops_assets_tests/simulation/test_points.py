"""Each touch of the world fails, is the last, or loses its power; planted faults; the other half of the histories."""

import pytest

from mlops_assets_tests.simulation.history import make_history, play
from mlops_assets_tests.simulation.life import sweep, sweep_ticks, tables_in_parts
from mlops_assets_tests.simulation.planted import FAULTS, find
from mlops_assets_tests.simulation.shortened import HISTORIES
from mlops_assets_tests.simulation.test_histories import check_histories

# All of a run's points take half an hour: `python -m mlops_assets_tests.simulation.life`.
STRIDE = 31
# Found by random histories, without a hint; all: `python -m mlops_assets_tests.simulation.planted`.
QUICKLY_FOUND = ("a rejected row is dropped",)


@pytest.mark.slow
@pytest.mark.parametrize("first", [151, 201, 251])
def test_whatever_happens_tables_become_the_champions_or_people_are_told(stage, first):
    check_histories(stage, first)


@pytest.mark.slow
def test_a_run_disturbed_at_any_point_leaves_whole_tables_and_the_next_one_mends_all(stage):
    disturbed = dict(sweep(stage, STRIDE))
    assert len(disturbed) > 200 / STRIDE
    assert {what: violations for what, violations in disturbed.items() if violations} == {}


@pytest.mark.slow
def test_tables_in_parts_are_whole_as_well_and_what_is_left_of_parts_is_swept(stage):
    with tables_in_parts():
        disturbed = dict(sweep(stage, 3 * STRIDE))
    assert len(disturbed) > 200 / (3 * STRIDE)
    assert {what: violations for what, violations in disturbed.items() if violations} == {}


@pytest.mark.slow
def test_a_tick_disturbed_at_any_point_asks_for_one_run(stage):
    disturbed = dict(sweep_ticks(stage, ("kill",)))
    assert len(disturbed) > 25
    assert {what: violations for what, violations in disturbed.items() if violations} == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICKLY_FOUND)
def test_a_planted_fault_is_found(stage, name):
    (fault,) = [fault for fault in FAULTS if fault.name == name]
    seeds, outcome = find(fault, stage, most=25)
    assert outcome is not None, f"not found in {seeds} histories"


@pytest.mark.slow
def test_each_planted_fault_fails_the_history_that_shows_it(stage):
    missed = []
    for fault in FAULTS:
        with fault.planted():
            if play(HISTORIES[fault.name], stage).holds:
                missed.append(fault.name)
    assert missed == []


@pytest.mark.slow
def test_histories_that_show_planted_faults_hold_without_them(stage):
    histories = {tuple(history): name for name, history in HISTORIES.items()}
    assert {name: found for history, name in histories.items() if (found := play(history, stage).violations)} == {}


@pytest.mark.slow
def test_a_history_is_the_same_each_time(stage):
    first, second = (play(make_history(3), stage) for _ in range(2))
    assert first == second
