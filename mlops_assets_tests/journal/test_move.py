"""A move as the registry keeps it."""

import json

import pytest

from mlops_assets.journal.move import Move

MOVE = Move("rollback", "run", 3, 2, "a" * 64, ("Ann",), "worse")


def test_a_move_is_read_as_it_was_written():
    assert Move.from_json(MOVE.to_json()) == MOVE


@pytest.mark.parametrize(
    "changed",
    [
        {"how": "sensor"},
        {"state": "done"},
        {"approved_by": "Ann"},
        {"approved_by": [1]},
        {"to": None},
        {"left": ""},
        {"note": None},
        {"more": 1},
    ],
)
def test_another_tag_is_no_move(changed):
    assert Move.from_json(json.dumps(json.loads(MOVE.to_json()) | changed)) is None


@pytest.mark.parametrize("text", ["", "1", "[]", "{}", "[" * 100_000])
def test_other_text_is_no_move(text):
    assert Move.from_json(text) is None
