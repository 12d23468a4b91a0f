"""What a sensor decides, without Dagster."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.sensors.moves import LONGEST_WAIT, Asked, Decision, Memory, decide, has_moved, is_same
from mlops_assets.sensors.reconcile import FAILURES_TO_TELL, Situation, reconcile, report_silence

SUBJECT = "m@Champion"
NOW = 1_000_000.0
UNKNOWN = Situation(None)


def decided(memory, token, launched=(), published=None, *, situation=UNKNOWN, now=NOW, retries=3) -> Decision:
    """What a tick decides, with all that was ever launched and how the tables stand."""
    asked = Asked.of_keys(SUBJECT, launched)
    if has_moved(memory, token):
        return decide(SUBJECT, memory, token, asked, published, defer="", now=now)
    return reconcile(SUBJECT, memory, token, situation, lambda: asked, retries=retries, slack=0, now=now)


class Daemon:
    """Ticks one after the other; a run key is let through once for ever, as Dagster does it."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.launched: list[str] = []

    def tick(self, token: str | None, *, published: str | None = None, keep_cursor: bool = True) -> str | None:
        """One tick; `keep_cursor=False` kills the daemon after it launched the run, before it stored the cursor."""
        decision = decided(Memory.read(self.cursor), token, self.launched, published)
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
    memory = Memory(True, "v12", 7, 2, 1, 3, 1e9, True)
    assert Memory.read(memory.to_cursor()) == memory
    assert len(memory.to_cursor()) < 160


def test_a_cursor_of_an_earlier_release_is_understood():
    cursor = '{"shape": 1, "known": true, "seen": "v1", "moves": 2, "failures": 0, "wait": 0}'
    assert Memory.read(cursor) == Memory(True, "v1", 2, asked=1)
    same = decided(Memory.read(cursor), "v1#1700000000000", situation=Situation(True))
    assert (same.run_key, same.memory.seen) == (None, "v1#1700000000000")


def test_a_move_after_a_restored_cursor_gets_a_key_of_its_own():
    decision = decided(Memory(), "v4", ["m@Champion:17:v3"])
    assert decision.run_key == "m@Champion:18:v4"


@pytest.mark.parametrize(
    "key", ["other@Champion:17:v4", "m@Champion:x:v4", "m@Champion", "nonsense", "m@Champion:²:v4"]
)
def test_a_key_of_another_kind_restores_nothing(key):
    assert decided(Memory(), "v4", [key]).run_key == "m@Champion:1:v4"


def test_failures_back_off_by_doubling_and_stop_at_the_longest_wait():
    memory, waits = Memory(True, "v1", 1), []
    for _ in range(9):
        memory = memory.after_failure()
        waits.append(memory.wait)
    assert waits == [0, 1, 3, 7, 15, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    assert Memory(failures=10**9).after_failure().wait == LONGEST_WAIT


def test_after_failures_nothing_is_forgotten_and_recovery_is_said():
    memory = Memory(True, "v1", 1).after_failure().after_failure().after_wait()
    same = decided(memory, "v1")
    assert (same.run_key, same.reason) == (None, "It answers again, after 2 failed attempts. m@Champion is still v1")
    assert same.memory == Memory(True, "v1", 1)
    moved = decided(memory, "v2")
    assert moved.run_key == "m@Champion:2:v2"
    assert moved.reason.startswith("It answers again, after 2 failed attempts.")


def test_the_cursor_is_plain_json():
    assert json.loads(Memory(True, None, 2).to_cursor()) == {
        "shape": 3,
        "known": True,
        "seen": None,
        "moves": 2,
        "failures": 0,
        "wait": 0,
        "asked": 0,
        "since": 0.0,
        "told": False,
    }


@pytest.mark.parametrize(
    ("launched", "key"),
    [
        # A re-executed old run is the newest: the highest count counts.
        (["m@Champion:1:v1", "m@Champion:3:v3", "m@Champion:2:v2", "m@Champion:2:v2"], "m@Champion:4:v2"),
        # The alias setting was changed and changed back: other subjects' runs lie between.
        (["m@Champion:5:v1", "m@Other:6:v9"], "m@Champion:6:v2"),
        # A run of one partition, and one that was asked for again.
        (["m@Champion:5:v1[2026-01-01]", "m@Champion:4:v2:again2"], "m@Champion:6:v2"),
    ],
)
def test_no_key_is_used_twice_after_a_lost_cursor(launched, key):
    assert decided(Memory(), "v2", launched).run_key == key


def test_no_key_is_used_twice_after_an_old_cursor_has_come_back():
    launched = [f"m@Champion:{count}:v{count % 3}" for count in range(1, 10)]
    old = Memory(True, "v2", 5)
    # Count 6 belongs to v0 and has run; it is not what is asked for now.
    assert decided(old, "v1", launched).run_key == "m@Champion:10:v1"
    # For v0 the last run was asked for: nothing is, unless that run has come to nothing.
    adopted = decided(old, "v0", launched)
    assert (adopted.run_key, adopted.memory.moves) == (None, 9)
    later = decided(adopted.memory, "v0", launched, situation=Situation(False), now=NOW + 61)
    assert later.run_key == "m@Champion:9:v0:again1"


def test_a_model_registered_anew_under_the_same_number_is_a_move():
    first = decided(Memory(), "v1#1000")
    assert first.run_key == "m@Champion:1:v1"
    assert decided(first.memory, "v1#2000", [first.run_key]).run_key == "m@Champion:2:v1"


def test_tokens_are_the_same_as_far_as_both_say_something():
    assert is_same("v1", "v1#5")
    assert not is_same("v1#4", "v1#5")
    assert not is_same("v1", "v11#5")
    assert not is_same("v1", None)
    assert is_same(None, None)


def test_a_run_that_came_to_nothing_is_asked_for_again_with_growing_pauses_and_then_a_person_is_told_once():
    stale = Situation(False, failure="run 12345678 failed")
    decision, now, asked, told = decided(Memory(), "v1"), NOW, [], []
    keys = [decision.run_key]
    for _ in range(200):
        now += 60
        decision = decided(decision.memory, "v1", keys, situation=stale, now=now)
        if decision.run_key:
            keys.append(decision.run_key)
            asked.append((now - NOW) / 60)
        if decision.tell:
            told.append((decision.tell, decision.reason))
    assert keys == ["m@Champion:1:v1", *(f"m@Champion:1:v1:again{number}" for number in (1, 2, 3))]
    assert asked == [1, 5, 21]
    ((kind, reason),) = told
    assert kind == "stale"
    assert "4 runs asked for, run 12345678 failed" in reason
    # Told, until it moves; and what moves is asked for as ever.
    assert decided(decision.memory, "v2", keys, situation=stale, now=now).run_key == "m@Champion:2:v2"


def test_a_run_under_way_is_waited_for_and_the_pause_counts_from_its_end():
    asked = decided(Memory(), "v1")
    running = Situation(False, running=True)
    hour = decided(asked.memory, "v1", situation=running, now=NOW + 3600)
    assert hour.run_key is None
    assert decided(hour.memory, "v1", situation=Situation(False), now=NOW + 3630).run_key is None
    again = decided(hour.memory, "v1", ["m@Champion:1:v1"], situation=Situation(False), now=NOW + 3661)
    assert again.run_key == "m@Champion:1:v1:again1"


def test_what_a_person_canceled_is_not_asked_for_again_and_is_told_once():
    asked = decided(Memory(), "v1")
    canceled = decided(asked.memory, "v1", situation=Situation(False, canceled=True), now=NOW + 600)
    assert (canceled.run_key, canceled.tell) == (None, "stale")
    assert "canceled" in canceled.reason
    after = decided(canceled.memory, "v1", situation=Situation(False, canceled=True), now=NOW + 6000)
    assert (after.run_key, after.tell) == (None, None)


def test_tables_that_somebody_replaced_are_a_request_of_their_own():
    asked = decided(Memory(), "v1")
    settled = decided(asked.memory, "v1", situation=Situation(True), now=NOW + 60)
    replaced = decided(settled.memory, "v1", [asked.run_key], situation=Situation(False, published="v2"), now=NOW + 600)
    assert replaced.run_key == "m@Champion:2:v1"


def test_an_old_cursor_goes_on_behind_what_was_asked_for_again():
    old = decided(Memory(), "v1").memory
    launched = ["m@Champion:1:v1", "m@Champion:2:v2", "m@Champion:2:v2:again1"]
    repeated = decided(old, "v2", launched)
    assert repeated.run_key == "m@Champion:2:v2"
    later = decided(repeated.memory, "v2", launched, situation=Situation(False), now=NOW + 300)
    assert later.run_key == "m@Champion:2:v2:again2"


def test_a_repeated_tick_asks_again_under_the_same_key():
    asked = decided(Memory(), "v1")
    late = {"situation": Situation(False), "now": NOW + 61}
    first = decided(asked.memory, "v1", ["m@Champion:1:v1"], **late)
    repeated = decided(asked.memory, "v1", ["m@Champion:1:v1", first.run_key], **late)
    assert repeated.run_key == first.run_key == "m@Champion:1:v1:again1"


def test_a_clock_that_was_set_back_puts_nothing_off_for_long():
    asked = decided(Memory(), "v1", now=NOW + 1e6)
    back = decided(asked.memory, "v1", situation=Situation(False), now=NOW)
    assert back.run_key is None
    assert decided(back.memory, "v1", situation=Situation(False), now=NOW + 61).run_key is not None


def test_a_person_is_told_once_that_nothing_answers():
    memory, told = Memory(True, "v1", 1), []
    for _ in range(20):
        memory = memory.after_failure()
        report = report_silence(SUBJECT, memory, "RegistryUnreachableError: away")
        if report:
            told.append((memory.failures, report))
            memory = replace(memory, told=True)
    ((failures, report),) = told
    assert failures == FAILURES_TO_TELL
    assert "RegistryUnreachableError: away" in report
    assert not decided(memory, "v1").memory.told


@pytest.mark.slow
def test_decisions_do_not_import_dagster():
    pure = "mlops_assets.sensors.moves, mlops_assets.sensors.reconcile, mlops_assets.sensors.partition_moves"
    code = f"import sys, {pure}, mlops_assets.sensors.versions; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
