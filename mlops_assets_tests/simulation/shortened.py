"""One history for each planted fault that shows it: as the command prints them, and as short.

A history that shows a fault is not shown by luck: without the fault it holds.
"""

from mlops_assets_tests.simulation.events import Event, parse_history

_BEGIN = "register(0)  land(0, 1)  promote(0)  tick()"
_SECOND = f"{_BEGIN}  register(1)  promote(1)  tick()"
_CUT = "  ".join(f"run_broken_at(2, {number}, 2)  land(0, {number})" for number in range(1, 6))
_RENAMED = "  ".join(f"run_broken_at(1, {number}, 2)  land(0, {number})" for number in range(1, 6))
_MADE = "  ".join(f"run_broken_at(13, {number}, 1)  land(0, {number})" for number in range(5))

_TEXTS = {
    "a table's rename is dropped": _BEGIN,
    "the rename of rejected rows is dropped": _BEGIN,
    "nothing is flushed": f"register(0)  land(0, 1)  promote(0)  {_RENAMED}",
    "the file is flushed after the switch": f"register(0)  land(0, 1)  promote(0)  {_CUT}",
    "tables are written in place": f"register(0)  land(0, 1)  promote(0)  {_MADE}",
    "a rejected row is dropped": "register(0)  land(0, 75)  promote(0)  tick()",
    "an accepted row is dropped": _BEGIN,
    "a prediction is published twice": _BEGIN,
    "a number of the journal is given twice": f"{_SECOND}  promote(0)  tick()  promote(1)  tick()",
    "the journal forgets the version before": _SECOND,
    "the journal is not locked": f"{_BEGIN}  register(1)  promote(1)  "
    + "  ".join(f"meanwhile_at(7, {number}, 6, {number}, 5)" for number in range(5)),
    "runs do not take turns": f"{_BEGIN}  meanwhile_at(9, 0, 4, 0, 5)  meanwhile_at(9, 1, 4, 0, 5)",
    "leftovers stay": f"{_BEGIN}  land(0, 2)  run_broken_at(13, 2, 1)  tick()",
    "mixtures are not refused": f"register(1)  switch_executor()  {_BEGIN}  "
    + "  ".join(f"promote({number})  meanwhile_at(9, {number}, 7, {number + 1}, 5)" for number in range(4)),
    "a loaded model is found by its name alone": _SECOND,
    "the alias is read again by each step": f"register(1)  {_BEGIN}  "
    + "  ".join(f"meanwhile_at(6, {number}, 0, {number}, 5)" for number in range(4)),
    "the sensor asks a stale cache": _SECOND,
    "a failed look is taken for an empty registry": f"{_BEGIN}  outage(0, 2)  tick()",
    "files are compared by their names": f"{_BEGIN}  land(0, 2)  tick()",
    "a run key is used again": f"{_SECOND}  promote(0)  tick()  promote(1)  tick()",
    "moves are counted by the cursor alone": f"{_SECOND}  promote(0)  tick()  old_cursor(4)  promote(1)  tick()",
    "what failed is not asked for again": f"{_BEGIN}  land(0, 2)  run_broken_at(9, 0, 1)",
    "one failure backs off for a day": f"{_BEGIN}  outage(0, 1)  register(1)  promote(1)  tick()",
    "an empty folder is an error": f"{_BEGIN}  empty_folder()  tick()  tick()  tick()",
}
HISTORIES: dict[str, list[Event]] = {name: parse_history(text) for name, text in _TEXTS.items()}
"""The name of a planted fault -> a history that fails with it."""
