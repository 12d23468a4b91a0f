"""Input files that were damaged: each is read, or refused by an error of this package, in a process that lives on.

``python -m mlops_assets_tests.fuzz.inputs [--count 20000] [--seed 0]`` tries more of them than the tests do.
"""

import argparse
import datetime
import decimal
import gzip
import io
import json
import random
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.storage.location import Location
from mlops_assets.tables.source import TableSource

ODD_BYTES = (
    *(b"\0", b"\xff", b"\n", b"\r", b'"', b"'", b",", b"{", b"[", b"}", b"]", b"\\", b"\\u0000", b"\\ud800", b":"),
    *(b"1e999", b"-", b"NaN", b"null", b'{"a":', b"[" * 200, b'"' * 3, b"\xef\xbb\xbf", b"sep=;\n", b"9" * 5_000),
)


def table() -> pa.Table:
    """A little of every type."""
    return pa.table(
        {
            "id": pa.array(range(50), pa.int64()),
            "number": pa.array([at / 7 if at % 5 else None for at in range(50)]),
            "text": pa.array([f"text {at}" * (at % 4) for at in range(50)]),
            "flag": pa.array([at % 3 == 0 for at in range(50)]),
            "when": pa.array([datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=at) for at in range(50)]),
            "money": pa.array([decimal.Decimal(at) / 4 for at in range(50)], pa.decimal128(10, 2)),
            "list": pa.array([[at] * (at % 3) for at in range(50)]),
            "struct": pa.array([{"a": at, "b": str(at)} for at in range(50)]),
            "word": pa.array(["a", "b"] * 25).dictionary_encode(),
        }
    )


def _parquet(**options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table(), sink, row_group_size=20, **options)
    return sink.getvalue()


def _csv() -> bytes:
    sink = io.BytesIO()
    arrow_csv.write_csv(table().select(["id", "number", "text", "flag", "when"]), sink)
    return sink.getvalue()


def _json_lines() -> bytes:
    rows = table().to_pylist()
    return "".join(json.dumps(row, default=str) + "\n" for row in rows).encode()


def _sqlite() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.db"
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE t (id INTEGER, number REAL, text TEXT, flag BOOLEAN)")
        rows = table().select(["id", "number", "text", "flag"]).to_pylist()
        database.executemany("INSERT INTO t VALUES (:id, :number, :text, :flag)", rows)
        database.commit()
        database.close()
        return path.read_bytes()


SOURCES: Mapping[str, Callable[[], bytes]] = {
    "x.parquet": _parquet,
    "zstd.parquet": lambda: _parquet(compression="zstd", use_dictionary=False, data_page_version="2.0"),
    "x.csv": _csv,
    "x.csv.gz": lambda: gzip.compress(_csv(), mtime=0),
    "x.jsonl": _json_lines,
    "x.jsonl.gz": lambda: gzip.compress(_json_lines(), mtime=0),
    "x.db": _sqlite,
}


def damage(chance: random.Random, data: bytes) -> bytes:
    """The bytes with some changed, cut out, doubled, put in, or cut off."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(changed) + 1)
        match chance.randrange(6):
            case 0 if changed:
                changed[at - 1] ^= 1 << chance.randrange(8)
            case 1:
                changed[at:at] = chance.choice(ODD_BYTES)
            case 2:
                del changed[at : at + chance.choice((1, 4, 50, 1_000))]
            case 3:
                changed[at:at] = changed[at : at + chance.choice((4, 50, 1_000))]
            case 4 if chance.random() < 0.3:
                del changed[at:]
            case _:
                changed[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
    return bytes(changed)


def read_wholly(path: Path, **settings: Any) -> int:
    """Rows of a table, all of them looked at."""
    if path.suffix == ".db":
        from mlops_assets.tables.sql.address import SqlAddress
        from mlops_assets.tables.sql.names import TableName
        from mlops_assets.tables.sql.source import SqlSource

        reader = SqlSource(address=SqlAddress.parse(f"sqlite:///{path}"), table=TableName("t")).open().reader()
    else:
        reader = TableSource(Location.parse(path), **settings).open().reader()
    rows = 0
    for batch in reader:
        batch.validate(full=True)
        rows += batch.num_rows
    return rows


def failures(seed: int, count: int, folder: Path) -> list[str]:
    """What was wrong with `count` damaged files, each with the seed that makes it again."""
    originals = {name: make() for name, make in SOURCES.items()}
    found = []
    for number in range(seed, seed + count):
        chance = random.Random(number)
        name = chance.choice(list(SOURCES))
        path = folder / name
        path.write_bytes(damage(chance, originals[name]))
        print(number, name, file=sys.stderr, flush=True)
        settings: dict[str, Any] = {"types": {"number": "string", "id": "int64"}} if chance.random() < 0.2 else {}
        try:
            read_wholly(path, **settings)
        except MlopsAssetsError:
            continue
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            text = "".join(traceback.format_exception_only(error)) + traceback.format_tb(error.__traceback__)[-1]
            found.append(f"seed {number}, {name}: {text}")
    return found


def failures_elsewhere(seed: int, count: int, timeout: float) -> list[str]:
    """The same in a process of its own: one that dies or does not end is a failure as well."""
    command = [sys.executable, "-m", "mlops_assets_tests.fuzz.inputs", "--here", f"--seed={seed}", f"--count={count}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        return [f"not ended after {timeout} s: {(error.stderr or b'')[-100:]!r}"]
    if done.returncode not in (0, 1):
        return [f"the process died with {done.returncode}, reading {done.stderr[-300:]}"]
    return [] if done.returncode == 0 else [done.stdout]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--here", action="store_true", help="in this process")
    chosen = parser.parse_args()
    found: list[str] = []
    if chosen.here:
        with tempfile.TemporaryDirectory() as folder:
            found = failures(chosen.seed, chosen.count, Path(folder))
    else:
        for first in range(chosen.seed, chosen.seed + chosen.count, 500):
            found += failures_elsewhere(first, min(500, chosen.seed + chosen.count - first), 600)
    print("\n".join(found))
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
