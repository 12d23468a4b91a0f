"""What comparing many partitions takes: ``python -m mlops_assets_tests.benchmarks.drift``.

A profile of 20 columns and as many attributions for each of 365 partitions, stored as the asset `profile` is. Prints
the processor seconds to read them all, to compare each with the first, and to merge them into one.
"""

import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.explain.drift.compare import DriftRules, compare_profiles
from mlops_assets.explain.drift.profile import (
    ALL_ROWS,
    Origin,
    Profile,
    Profiler,
    RowsProfile,
    ledger_columns,
    merge_segments,
)
from mlops_assets.explain.drift.profile_table import THIS, origins_to_extra, profile_table, read_profiles
from mlops_assets.storage.location import Location
from mlops_assets.tables.parquet_writer import ParquetWriter
from mlops_assets_tests.benchmarks.score import verdict

PARTITIONS, ROWS, COLUMNS = 365, 100_000, 20
FEATURES = tuple(f"f{number}" for number in range(COLUMNS))
SECONDS = 1.0


def profile_of(partition: int) -> Profile:
    """Normal numbers: every column has as many buckets as there may be."""
    rng = np.random.default_rng(partition)
    inputs, ledger = Profiler(FEATURES), Profiler(FEATURES, is_ledger=True)
    rows = rng.standard_normal((COLUMNS, ROWS))
    inputs.add(pa.RecordBatch.from_arrays(list(map(pa.array, rows)), FEATURES))
    few = [pa.array(["y"] * 100), *(pa.array(rng.normal(size=100)) for _ in range(COLUMNS + 3))]
    ledger.add(pa.RecordBatch.from_arrays(few, ledger_columns(FEATURES)))
    segments = {ALL_ROWS: RowsProfile(inputs.columns(), {}, ledger.outputs())}
    return Profile(Origin(str(partition), "models:/m/1", "d", "identity", "TreesExplainer"), segments)


def main() -> None:
    """Measure, and print what was reached."""
    writer = ParquetWriter()
    with tempfile.TemporaryDirectory() as folder:
        places = [Location.parse(str(Path(folder) / f"{number}")) for number in range(PARTITIONS)]
        size = 0
        for number, place in enumerate(places):
            profiles = {THIS: profile_of(number)}
            rows = profile_table(profiles).to_reader()
            size += writer.write(with_provenance(rows, Provenance(extra=origins_to_extra(profiles))), place).bytes or 0
        began = time.process_time()
        stored = [read_profiles(writer.read_whole(place))[THIS] for place in places]
        read = time.process_time()
        for profile in stored:
            compare_profiles(profile, stored[0], DriftRules())
        compared = time.process_time()
        merge_segments([profile.segments for profile in stored])
        merged = time.process_time()
    print(f"{PARTITIONS} partitions, {COLUMNS} columns, {size / PARTITIONS / 1024:.0f} KiB each:")
    print(f"  read {read - began:.2f} s, compare {compared - read:.2f} s, merge {merged - compared:.2f} s")
    print(f"  together {verdict(merged - began, SECONDS, at_least=False)}")


if __name__ == "__main__":
    main()
