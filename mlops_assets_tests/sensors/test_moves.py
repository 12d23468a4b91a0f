"""What a sensor decides, without Dagster."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.sensors.moves import LONGEST_WAIT, Memory, decide

SUBJECT = "m@Champion"


class Daemon:
    """Ticks one after the other; a run key is let through once for ever, as Dagster does it."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.launched: list[str] = []

    def tick(self, token: str | None, *, published: str | None = None, keep_cursor: bool = True) -> str | None:
        """One tick; `keep_cursor=False` kills the daemon after it launched the run, before it stored the cursor."""
        last = self.launched[-1] if self.launched else None
        decision = decide(SUBJECT, Memory.read(self.cursor), token, last, published)
        if keep_cursor:
            self.cursor = decision.memory.to_cursor()
        if decision.run_key is not None and decision.run_key not in self.launched:
            self.launched.append(decision.run_key)
            return decision.run_key
        return None


def launched(*tokens: str | None) -> list[str]:
    daemon = Daemon()
    for token in tokens:
        daemon.tick(token)
    return daemon.launched


def test_first_sight_launches_a_run():
    assert launched("v1") == ["m@Champion:1:v1"]


def test_first_sight_of_what_is_published_launches_none():
    daemon = Daemon()
    assert daemon.tick("v3", published="v3") is None
    assert daemon.tick("v4") == "m@Champion:1:v4"


def test_no_move_launches_none():
    assert launched("v1", "v1", "v1") == ["m@Champion:1:v1"]


def test_promotion_and_rollback_launch_a_run_each():
    assert launched("v3", "v2", "v3") == ["m@Champion:1:v3", "m@Champion:2:v2", "m@Champion:3:v3"]


def test_an_alias_deleted_and_set_again_launches_a_run():
    assert launched("v3", None, None, "v3") == ["m@Champion:1:v3", "m@Champion:2:v3"]


def test_nothing_there_at_first_and_then_a_champion():
    assert launched(None, None, "v1") == ["m@Champion:1:v1"]


@given(st.lists(st.tuples(st.sampled_from(["v1", "v2", "v3", None]), st.booleans()), max_size=30))
def test_every_repeated_tick_launches_nothing_twice(history):
    """Ticks whose cursor was lost are repeated with the old one: the runs are those of an undisturbed daemon."""
    calm, disturbed = Daemon(), Daemon()
    for token, killed in history:
        if killed:
            disturbed.tick(token, keep_cursor=False)
        disturbed.tick(token)
        calm.tick(token)
    assert disturbed.launched == calm.launched


@given(st.lists(st.sampled_from(["v1", "v2", "v3"]), min_size=1, max_size=20), st.data())
def test_a_reset_cursor_is_restored_from_the_last_run(tokens, data):
    calm, reset = Daemon(), Daemon()
    for token in tokens:
        calm.tick(token)
        reset.tick(token)
        if data.draw(st.booleans()):
            reset.cursor = data.draw(st.sampled_from([None, "", "{", "3", "[]", '{"version": 3}', "null"]))
    assert reset.launched == calm.launched


@pytest.mark.parametrize(
    "cursor",
    [
        None,
        "",
        "3",
        "null",
        "garbled {",
        "[1, 2]",
        '{"version": "3"}',
        '{"shape": 0, "known": true, "seen": "v1", "moves": 1, "failures": 0, "wait": 0}',
        '{"shape": 1, "known": true, "seen": "v1", "moves": "1", "failures": 0, "wait": 0}',
        '{"shape": 1, "known": true, "seen": "v1"}',
        '{"shape": 1, "known": true, "seen": 1, "moves": 1, "failures": 0, "wait": 0}',
    ],
)
def test_other_cursors_are_an_empty_memory(cursor):
    assert Memory.read(cursor) == Memory()


def test_a_cursor_survives_its_text():
    memory = Memory(True, "v12", 7, 2, 1)
    assert Memory.read(memory.to_cursor()) == memory
    assert len(memory.to_cursor()) < 120


def test_a_move_after_a_restored_cursor_gets_a_key_of_its_own():
    decision = decide(SUBJECT, Memory(), "v4", "m@Champion:17:v3", None)
    assert decision.run_key == "m@Champion:18:v4"


@pytest.mark.parametrize(
    "key", ["other@Champion:17:v4", "m@Champion:x:v4", "m@Champion", "nonsense", "m@Champion:²:v4"]
)
def test_a_key_of_another_kind_restores_nothing(key):
    assert decide(SUBJECT, Memory(), "v4", key, None).run_key == "m@Champion:1:v4"


def test_failures_back_off_by_doubling_and_stop_at_the_longest_wait():
    memory, waits = Memory(True, "v1", 1), []
    for _ in range(9):
        memory = memory.after_failure()
        waits.append(memory.wait)
    assert waits == [0, 1, 3, 7, 15, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    assert Memory(failures=10**9).after_failure().wait == LONGEST_WAIT


def test_after_failures_nothing_is_forgotten_and_recovery_is_said():
    memory = Memory(True, "v1", 1).after_failure().after_failure().after_wait()
    same = decide(SUBJECT, memory, "v1", None, None)
    assert (same.run_key, same.reason) == (None, "It answers again, after 2 failed attempts. m@Champion is still v1")
    assert same.memory == Memory(True, "v1", 1)
    moved = decide(SUBJECT, memory, "v2", None, None)
    assert moved.run_key == "m@Champion:2:v2"
    assert moved.reason.startswith("It answers again, after 2 failed attempts.")


def test_the_cursor_is_plain_json():
    assert json.loads(Memory(True, None, 2).to_cursor()) == {
        "shape": 1,
        "known": True,
        "seen": None,
        "moves": 2,
        "failures": 0,
        "wait": 0,
    }


@pytest.mark.slow
def test_decisions_do_not_import_dagster():
    code = "import sys, mlops_assets.sensors.moves, mlops_assets.sensors.listing; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
