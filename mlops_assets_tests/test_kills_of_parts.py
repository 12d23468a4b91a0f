"""A run on tables of several parts is killed, or who works for it: tables are whole, and the next run mends all.

Sixty kills, in each store: `python -m mlops_assets_tests.kills_of_parts --store all`.
"""

import pytest

from mlops_assets_tests.kills_of_parts import check, made_world, plan


@pytest.mark.slow
def test_killed_at_a_task_or_an_end_of_one_tables_are_whole_and_the_next_run_mends_all(empty_database):
    with made_world("files", empty_database) as world:
        world.look_at_both_states()
        assert check(world, plan(3)) == []
