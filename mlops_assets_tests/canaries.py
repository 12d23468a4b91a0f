"""Canaries: secrets that a test plants, and the search for them in all that is kept and shown.

What is kept: Dagster's event log, run storage with its snapshots, and captured logs; MLflow's database; tables and
reports. What is shown: output and Python's log.
"""

import logging
import re
import sqlite3
import zlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

# With what ends a password in a URL, where a parser takes it at its word.
CANARY = "CANARY/7f3a#9c@CANARY1"


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    """Dagster's databases on disk, to be searched."""
    folder = tmp_path / "dagster"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder)) as on_disk:
        yield on_disk


def kept(folder: Path) -> str:
    """All that a folder's files hold, Dagster's compressed snapshots unpacked."""
    texts = []
    for path in folder.rglob("*"):
        if path.is_file():
            texts.append(path.read_bytes().decode("latin-1"))
            if path.name == "runs.db":
                with sqlite3.connect(path) as database:
                    bodies = database.execute("SELECT snapshot_body FROM snapshots").fetchall()
                    (runs,) = database.execute("SELECT count(*) FROM runs WHERE snapshot_id IS NOT NULL").fetchone()
                assert bodies or not runs
                texts += [zlib.decompress(body).decode() for (body,) in bodies]
    return "\n".join(texts)


def excerpt(text: str) -> list[str]:
    """What is around each canary; empty where there is none."""
    return [text[max(0, found.start() - 150) : found.end() + 40] for found in re.finditer("CANARY", text)][:5]


@pytest.fixture
def nothing_kept(tmp_path, capfd, caplog) -> Iterator:
    """At the end, the canary is in no file, no line of output and no log."""
    caplog.set_level(logging.INFO)
    made: list[Path] = []
    yield made
    output = capfd.readouterr()
    for text in (output.out, output.err, caplog.text, kept(tmp_path / "dagster"), *map(kept, made)):
        assert excerpt(text) == []
