"""The cursor of the tracking sensor: its content, and the shape that earlier versions wrote."""

import json

import pytest

from mlops_assets.sensors.moves import Memory
from mlops_assets.sensors.tracking_cursor import FIRST_LOOK, TrackingCursor

NOW = 1_800_000_000.0


def earlier(after: float, seen: dict[str, float], failures: int = 0, wait: int = 0) -> str:
    """A cursor as versions until 0.1 wrote it."""
    return Memory(True, json.dumps([after, seen]), 0, failures, wait).to_cursor()


def test_a_cursor_is_read_as_it_was_written():
    cursor = TrackingCursor(after=100.5, seen={"r1": 99.0, "r2": 100.5}, failures=2, wait=1)
    assert json.loads(cursor.to_cursor()) == {
        "shape": 2, "after": 100.5, "seen": {"r1": 99.0, "r2": 100.5}, "failures": 2, "wait": 1
    }  # fmt: skip
    assert TrackingCursor.read(cursor.to_cursor(), NOW) == cursor


def test_a_cursor_of_an_earlier_version_is_read():
    assert TrackingCursor.read(earlier(100.5, {"r1": 99.0}), NOW) == TrackingCursor(100.5, {"r1": 99.0})
    assert TrackingCursor.read(earlier(100.5, {}, 3, 2), NOW) == TrackingCursor(100.5, {}, failures=3, wait=2)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nonsense",
        "[]",
        '{"shape": 3}',
        '{"shape": 2, "after": 1.0}',
        '{"shape": 2, "after": "1", "seen": {}, "failures": 0, "wait": 0}',
        '{"shape": 2, "after": 1.0, "seen": ["r1"], "failures": 0, "wait": 0}',
        Memory(True, "v3", 1).to_cursor(),
        Memory(True, "[1]", 1).to_cursor(),
        Memory(True, '["x", {}]', 1).to_cursor(),
    ],
)
def test_a_cursor_that_cannot_be_read_looks_back_a_day(text):
    assert TrackingCursor.read(text, NOW) == TrackingCursor(NOW - FIRST_LOOK)


def test_runs_that_no_tick_meets_again_are_dropped():
    cursor = TrackingCursor(100.0, {"r1": 90.0}).with_run("r2", 98.0).with_run("r3", 102.0)
    assert cursor.after == 102.0
    assert set(json.loads(cursor.to_cursor())["seen"]) == {"r2", "r3"}


def test_failed_attempts_are_repeated_ever_more_rarely():
    cursor, waits = TrackingCursor(0.0), []
    for _ in range(8):
        cursor = cursor.after_failure()
        waits.append(cursor.wait)
    assert waits == [0, 1, 3, 7, 15, 31, 31, 31]
    assert cursor.after_wait().wait == 30
    assert (cursor.succeeded().failures, cursor.succeeded().wait) == (0, 0)
