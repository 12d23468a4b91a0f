"""The journal on its own: what it appends, what it refuses, and that nothing is lost when many write."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlops_assets.errors import DigestMismatchError, TableError
from mlops_assets.journal.entry import JournalEntry
from mlops_assets.journal.journal import Journal, champion_versions, earlier_version
from mlops_assets.journal.text import format_entries
from mlops_assets.storage.location import Location
from mlops_assets_tests.waiting import LONGEST_SECONDS, wait_for

A, B, C = "a" * 64, "b" * 64, "c" * 64
NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


@pytest.fixture(params=["local", "memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "local":
        yield Journal(Location.parse(tmp_path / "journal"), "m")
        return
    import fsspec

    folder = f"/journal-{tmp_path.name}"
    yield Journal(Location.parse(f"memory:/{folder}"), "m")
    if fsspec.filesystem("memory").exists(folder):
        fsspec.filesystem("memory").rm(folder, recursive=True)


def moves(journal: Journal) -> list[tuple[int | None, int | None]]:
    return [(entry.previous_version, entry.version) for entry in journal.entries()]


def test_the_first_sight_is_an_entry_without_a_previous_version(journal):
    entry = journal.note("Champion", 3, A, "run", now=NOON)
    assert entry == JournalEntry(NOON, "m", "Champion", 3, A, None, "run")
    assert journal.entries() == (entry,)


def test_nothing_new_appends_nothing(journal):
    journal.note("Champion", 3, A, "run")
    assert journal.note("Champion", 3, A, "run") is None
    assert journal.note("Champion", 3, None, "sensor") is None
    assert len(journal.entries()) == 1


def test_promotion_rollback_and_deletion_are_entries(journal):
    for version, digest in [(3, A), (2, B), (3, A), (None, None), (3, A)]:
        journal.note("Champion", version, digest, "run")
    assert moves(journal) == [(None, 3), (3, 2), (2, 3), (3, None), (None, 3)]


def test_an_alias_that_was_never_there_is_no_entry(journal):
    assert journal.note("Champion", None, None, "sensor") is None


def test_the_run_adds_the_digest_to_what_the_sensor_saw(journal):
    journal.note("Champion", 3, A, "run")
    journal.note("Champion", 4, None, "sensor")
    journal.note("Champion", 4, B, "run")
    assert [(entry.version, entry.digest, entry.previous_version, entry.noticed_by) for entry in journal.entries()] == [
        (3, A, None, "run"),
        (4, None, 3, "sensor"),
        (4, B, 3, "run"),
    ]


def test_aliases_do_not_mix(journal):
    journal.note("Champion", 3, A, "run")
    assert journal.note("Challenger", 3, A, "run").previous_version is None
    assert journal.note(None, 3, A, "run").alias is None
    assert journal.note("Champion", 3, A, "run") is None


def test_another_models_entries_in_the_same_folder_are_not_seen(journal):
    Journal(journal.folder, "other").note("Champion", 3, B, "run")
    assert journal.entries() == ()
    assert journal.note("Champion", 3, A, "run").previous_version is None


def test_another_digest_under_the_same_version_stops_and_appends_nothing(journal):
    journal.note("Champion", 3, A, "run", now=NOON)
    with pytest.raises(DigestMismatchError) as caught:
        journal.note("Champion", 3, B, "run")
    message = str(caught.value)
    assert "'m' version 3" in message
    assert "2026-01-02 12:00 UTC" in message
    assert f"digest {B[:12]} instead of {A[:12]}" in message
    assert f"accept_digest: {B}" in message
    assert len(journal.entries()) == 1


def test_tampering_is_seen_under_another_alias_and_after_a_move(journal):
    journal.note("Champion", 3, A, "run")
    journal.note("Champion", 4, C, "run")
    with pytest.raises(DigestMismatchError):
        journal.note("Champion", 3, B, "run")
    with pytest.raises(DigestMismatchError):
        journal.note("Challenger", 3, B, "run")


def test_a_person_can_accept_another_digest_and_this_is_on_record(journal):
    journal.note("Champion", 3, A, "run")
    assert journal.note("Champion", 3, B, "run", accept=B).accepted is True
    assert journal.note("Champion", 3, B, "run") is None
    with pytest.raises(DigestMismatchError):
        journal.note("Champion", 3, A, "run")


def test_accepting_is_for_the_digest_that_was_named_only(journal):
    journal.note("Champion", 3, A, "run")
    with pytest.raises(DigestMismatchError):
        journal.note("Champion", 3, B, "run", accept=C)


def test_versions_ever_champion_are_ordered_by_their_last_time(journal):
    for version, digest in [(1, A), (2, B), (None, None), (1, A), (3, C)]:
        journal.note("Champion", version, digest, "run")
    journal.note("Challenger", 9, C, "run")
    journal.note(None, 8, C, "run")
    assert champion_versions(journal, "m", "Champion") == [2, 1, 3]
    assert champion_versions(journal, "m", "Nobody") == []


def test_files_are_json_lines(journal):
    journal.note("Champion", 3, A, "run", now=NOON)
    journal.note("Champion", 4, B, "run")
    lines = "".join(journal.folder.child(name).read_text() for name in journal.folder.files()).splitlines()
    assert [json.loads(line)["version"] for line in lines] == [3, 4]
    assert json.loads(lines[0])["observed_at"] == "2026-01-02T12:00:00+00:00"


def test_a_damaged_entry_is_an_error_that_names_the_file(journal):
    journal.note("Champion", 3, A, "run")
    journal.folder.child("00000001.json").write_text_atomically('{"version": 3')
    with pytest.raises(TableError, match=r"not an entry \(.*00000001\.json\)"):
        journal.entries()


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TableError, match="journal's folder cannot be made"):
        Journal(Location.parse(tmp_path / "file" / "journal"), "m").note("Champion", 3, A, "run")


@pytest.mark.parametrize("journal", ["local"], indirect=True)
def test_many_threads_append_each_alias_once(journal):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: journal.note(f"alias{number % 20}", 1, A, "run"), range(60)))
    assert sorted(entry.alias for entry in journal.entries()) == sorted(f"alias{number}" for number in range(20))


WRITER = """
import sys
from mlops_assets.journal.journal import Journal
from mlops_assets.storage.location import Location
journal = Journal(Location.parse(sys.argv[1]), "m")
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    journal.note(sys.argv[2] + str(number), 1, "a" * 64, "run")
"""


def start_writer(folder: Path, name: str, count: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), name, str(count)], stdout=subprocess.PIPE)


@pytest.mark.slow
def test_two_processes_lose_and_mix_nothing(tmp_path):
    writers = [start_writer(tmp_path / "j", name, 40) for name in ("x", "y")]
    assert [writer.wait(LONGEST_SECONDS) for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    aliases = [entry.alias for entry in Journal(Location.parse(tmp_path / "j"), "m").entries()]
    assert sorted(aliases) == sorted(f"{name}{number}" for name in "xy" for number in range(40))
    for name in "xy":
        assert [alias for alias in aliases if alias[0] == name] == [f"{name}{number}" for number in range(40)]


def test_a_killed_writer_leaves_whole_entries_and_the_next_cleans_up(tmp_path):
    folder = tmp_path / "j"
    writer = start_writer(folder, "x", 100_000)
    writer.stdout.readline()
    journal = Journal(Location.parse(folder), "m")
    wait_for(journal.entries, "an entry of the writer")
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    seen = len(journal.entries())
    assert seen > 0
    assert journal.note("after", 1, A, "run") is not None
    assert len(journal.entries()) == seen + 1
    assert [path.name for path in folder.iterdir() if path.suffix == ".tmp"] == []


def test_who_approved_of_a_move_is_recorded_also_when_a_sensor_saw_it_first(journal):
    journal.note("Champion", 3, A, "run", now=NOON)
    journal.note("Champion", 4, None, "sensor")
    for _ in range(2):
        journal.note("Champion", 4, B, "promotion", approved_by=["ann", "bob"], note="better")
    assert [
        (entry.noticed_by, entry.approved_by, entry.note, entry.previous_version) for entry in journal.entries()
    ] == [
        ("run", (), "", None),
        ("sensor", (), "", 3),
        ("promotion", ("ann", "bob"), "better", 3),
    ]
    assert format_entries(journal.entries()).splitlines()[-1].endswith("promotion   ann, bob     better")


@pytest.mark.parametrize(
    ("moves_made", "current", "earlier"),
    [
        ([], 3, None),
        ([(3, "run")], 3, None),
        ([(1, "run"), (2, "sensor"), (3, "promotion")], 3, 2),
        ([(1, "run"), (2, "sensor"), (3, "run"), (2, "rollback")], 2, 1),
        ([(1, "run"), (2, "sensor"), (3, "run"), (2, "sensor"), (2, "rollback")], 2, 1),
        ([(1, "run"), (2, "run"), (1, "sensor")], 1, 2),
        ([(1, "run"), (2, "run")], 5, 2),
    ],
)
def test_what_was_in_force_before_is_gone_back_to_and_never_what_was_rolled_back_from(
    journal, moves_made, current, earlier
):
    for version, noticed_by in moves_made:
        approved_by = ["ann"] if noticed_by in ("promotion", "rollback") else []
        journal.note("Champion", version, None, noticed_by, approved_by=approved_by)
    assert earlier_version(journal, "Champion", current) == earlier


@pytest.mark.parametrize(
    ("moves_made", "current", "earlier"),
    [
        # version, by what, the version that was left
        ([(2, "promotion", 1)], 2, 1),
        ([(2, "sensor", None), (2, "promotion", 1)], 2, 1),
        ([(2, "run", None), (3, "promotion", 5)], 3, 5),
        ([(1, "run", None), (2, "run", None), (2, "rollback", 3)], 2, 1),
        ([(1, "run", None), (2, "run", None), (1, "sensor", None), (1, "rollback", 3)], 1, None),
    ],
)
def test_a_job_knows_what_it_left_also_where_nobody_had_seen_it(journal, moves_made, current, earlier):
    for number, (version, noticed_by, left) in enumerate(moves_made):
        run = f"run {number}" if noticed_by in ("promotion", "rollback") else ""
        for _ in range(2):
            journal.note("Champion", version, None, noticed_by, run=run, left=left)
    assert len(journal.entries()) == len(moves_made)
    assert earlier_version(journal, "Champion", current) == earlier
    assert moves_made[-1][2] is None or moves_made[-1][2] in champion_versions(journal, "m", "Champion")


def test_as_text_is_a_table_for_a_terminal(journal):
    journal.note("Champion", 3, A, "run", now=NOON)
    journal.note("Champion", None, None, "sensor", now=NOON)
    assert format_entries(journal.entries()).splitlines() == [
        "observed (UTC)       alias     version  digest        previous version  noticed by",
        "2026-01-02 12:00:00  Champion  3        aaaaaaaaaaaa  -                 run",
        "2026-01-02 12:00:00  Champion  -        -             3                 sensor",
    ]


def test_as_text_shows_no_control_characters(journal):
    journal.note("Cham\x1b[31mpion", 3, A, "run")
    assert "\x1b" not in format_entries(journal.entries())


def test_an_empty_journal_says_so():
    assert format_entries([]) == "The journal is empty: nothing has been seen yet."


def test_the_journal_does_not_import_dagster():
    code = "import sys, mlops_assets.journal.journal, mlops_assets.journal.text; print('dagster' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
