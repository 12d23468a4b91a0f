"""Tables of several parts are the same with any number of workers, and whole whoever is killed; the next run mends all.

Sixty kills, in each store: `python -m mlops_assets_tests.kills_of_parts --store all`.
"""

import pytest

from mlops_assets_tests.kills_of_parts import check, check_workers, made_world, plan


@pytest.mark.slow
def test_other_numbers_of_workers_and_kills_at_a_task_or_its_end_change_nothing(empty_database):
    with made_world("files", empty_database) as world:
        world.look_at_both_states()
        assert check_workers(world, (7,)) == []
        assert check(world, plan(2)) == []
