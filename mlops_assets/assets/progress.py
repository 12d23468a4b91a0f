"""Progress of long work, logged every half minute."""

import logging
import time
from collections.abc import Iterable, Iterator

import pyarrow as pa

EVERY_SECONDS = 30.0


def with_progress(
    batches: Iterable[pa.RecordBatch], log: logging.Logger, verb: str, total: int, every: float = EVERY_SECONDS
) -> Iterator[pa.RecordBatch]:
    """The same batches; logs rows done, rate and time left every half minute, and nothing for shorter work."""
    start = reported = time.monotonic()
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        now = time.monotonic()
        if now - reported >= every:
            reported = now
            rate = done / (now - start)
            left = max(total - done, 0) / rate
            log.info(f"{done:,} of at most {total:,} rows {verb}, {rate:,.0f} rows/s, about {left:,.0f} s left")
