"""Who hears of long work, when, and in which words."""

import logging
import threading
from contextlib import suppress
from itertools import pairwise

import pytest

from mlops_assets.arrow.read_ahead import read_ahead
from mlops_assets.progress.report import FIRST_SECONDS, Reporter, counted_items, log_pause, report_to, say, track
from mlops_assets.progress.stage import Stage
from mlops_assets_tests.progress.clock import Clock
from mlops_assets_tests.waiting import LONGEST_SECONDS

HOUR = 3_600


class Lines:
    """A listener that keeps what it hears, with the time."""

    def __init__(self, clock):
        self.clock = clock
        self.shown, self.ended = [], []

    def pause(self, reports, progress):
        return log_pause(reports, progress)

    def show(self, progress, report):
        self.shown.append((self.clock(), str(progress)))

    def note(self, line):
        self.shown.append((self.clock(), line))

    def end(self, progress, reports):
        if reports:
            self.ended.append(str(progress))


def follow(rows, seconds, total=None, share=None):
    """What is reported of `rows` that are done evenly in `seconds`."""
    clock = Clock()
    lines = Lines(clock)
    reporter = Reporter(lines, clock, background=False)
    steps = 20_000
    with report_to(reporter), track("predicting", total, share=share and (lambda: share(clock()))) as stage:
        for step in range(1, steps + 1):
            clock.now = seconds * step / steps
            stage.reach(rows * step // steps)
            reporter.tick()
    return lines


def test_work_of_less_than_ten_seconds_is_not_heard_of():
    lines = follow(1_000_000, FIRST_SECONDS - 0.1, 1_000_000)
    assert lines.shown == lines.ended == []


@pytest.mark.parametrize("seconds", [60, 600, HOUR, 12_000, 24 * HOUR])
@pytest.mark.parametrize("total", [5_000_000, None])
def test_a_stage_of_any_length_has_about_thirty_lines_and_the_first_after_ten_seconds(seconds, total):
    lines = follow(5_000_000, seconds, total)
    times = [time for time, _ in lines.shown]
    assert times[0] == pytest.approx(FIRST_SECONDS, abs=seconds / 10_000)
    assert 4 <= len(times) <= 34
    if total:
        # Where the end is known, nobody waits for longer than a twentieth of the whole.
        assert max(after - before for before, after in pairwise(times)) <= seconds / 19 + 11
    assert len(lines.ended) == 1


def test_a_stage_that_never_comes_nearer_to_its_end_is_bounded_as_well():
    clock = Clock()
    lines = Lines(clock)
    reporter = Reporter(lines, clock, background=False)
    with report_to(reporter), track("predicting", 10**9) as stage:
        while clock.now < 365 * 24 * HOUR:
            stage.advance(0 if len(lines.shown) % 2 else 1)
            clock.now += reporter.tick()
    assert len(lines.shown) < 50


def test_the_lines_say_how_much_how_fast_and_when_it_ends():
    lines = follow(5_000_000, 60, 5_000_000)
    assert lines.shown[0][1] == "predicting: 833,500 of 5.0 M rows (17 %), 83,333 rows/s, about 50 s left"
    assert lines.ended == ["predicting: 5.0 M of 5.0 M rows in 1 min, 83,333 rows/s"]


def test_an_unknown_total_is_said_to_be():
    lines = follow(5_000_000, 60)
    assert lines.shown[0][1] == "predicting: 833,500 rows so far, the total is not known, 83,333 rows/s"


def test_where_only_the_part_that_was_read_is_known_the_end_follows_from_it():
    lines = follow(5_000_000, 60, share=lambda seconds: seconds / 60)
    assert lines.shown[0][1] == "predicting: 833,500 rows (17 % of the input), 83,333 rows/s, about 50 s left"


def test_work_that_finishes_nothing_says_so():
    clock = Clock()
    lines = Lines(clock)
    reporter = Reporter(lines, clock, background=False)
    with suppress(KeyboardInterrupt), report_to(reporter), track("explaining", 50):
        clock.now = 10
        reporter.tick()
        raise KeyboardInterrupt
    assert lines.shown == [(10, "explaining: 0 of 50 rows (0 %), none done after 10 s")]
    assert lines.ended == []


def test_the_rate_is_that_of_late_and_not_of_rows_that_were_only_looked_up():
    clock = Clock()
    stage = Stage("explaining", 2_000, "rows", None, clock)
    stage.advance(1_000)
    for _ in range(600):
        clock.now += 1
        stage.advance()
    progress = stage.progress()
    assert progress.rate == pytest.approx(1.0, rel=0.05)
    assert progress.seconds_left == pytest.approx(400, rel=0.05)


def test_a_total_is_asked_for_once_and_only_when_there_is_a_report():
    clock, asked = Clock(), []
    reporter = Reporter(Lines(clock), clock, background=False)
    with report_to(reporter), track("reading rows", lambda: asked.append(1) or 100):
        reporter.tick()
        assert asked == []
        for clock.now in (10, 20, 30):
            reporter.tick()
    assert asked == [1]


def test_of_stages_within_each_other_the_innermost_is_heard_of_and_the_outer_one_after_a_pause():
    clock = Clock()
    lines = Lines(clock)
    reporter = Reporter(lines, clock, background=False)
    with report_to(reporter), track("writing", unit=""):
        with track("predicting", unit=""), track("reading rows", unit="", behind=True):
            clock.now = 15
            reporter.tick()
        clock.now = 20
        reporter.tick()
        clock.now = 25
        reporter.tick()
    assert [text.partition(":")[0] for _, text in lines.shown] == ["predicting", "writing"]


def test_items_are_counted():
    clock = Clock()
    lines = Lines(clock)
    reporter = Reporter(lines, clock, background=False)
    with report_to(reporter):
        for clock.now in counted_items(range(10, 30, 10), "looking at files", "files"):
            reporter.tick()
    assert lines.shown[0][1] == "looking at files: 0 of 2 files (0 %), none done after 10 s"


def test_a_thread_reports_by_itself_also_of_what_other_threads_do():
    heard = threading.Event()

    class Quick:
        def pause(self, reports, progress):
            return 0.0 if progress is None else LONGEST_SECONDS

        def show(self, progress, report):
            heard.set()

        def end(self, progress, reports):
            pass

    def stage():
        with track("reading rows", unit=""):
            assert heard.wait(LONGEST_SECONDS)
            yield 1

    before = threading.active_count()
    with report_to(Quick()):
        assert list(read_ahead(stage())) == [1]
    assert threading.active_count() == before


def test_a_report_that_fails_fails_nothing_and_is_warned_of(caplog):
    class Broken:
        def pause(self, reports, progress):
            return 0.0

        def show(self, progress, report):
            raise OSError("the log is full")

        def end(self, progress, reports):
            pass

    reporter = Reporter(Broken(), Clock(), background=False)
    with caplog.at_level(logging.WARNING), report_to(reporter), track("predicting", 10) as stage:
        reporter.tick()
        stage.advance(10)
    assert "Progress could not be reported" in caplog.text


def test_a_stream_that_is_begun_in_one_place_is_heard_of_where_it_is_read():
    clock = Clock()
    first, second, other = Lines(clock), Lines(clock), Lines(clock)

    def stream():
        with track("predicting", 100) as stage:
            for _ in range(100):
                clock.now += 1
                stage.advance()
                yield 1

    def follow(lines, rows, **options):
        reporter = Reporter(lines, clock, background=False)
        with report_to(reporter, **options):
            for _ in rows:
                reporter.tick()

    rows = stream()
    follow(first, (next(rows) for _ in range(5)))
    follow(second, rows, take_over=True)
    follow(other, range(100), take_over=True)
    assert first.shown == other.shown == other.ended == []
    assert second.shown[0][1] == "predicting: 15 of 100 rows (15 %), 1.0 rows/s, about 1 min 25 s left"
    assert second.ended == ["predicting: 100 of 100 rows in 1 min 40 s, 1.0 rows/s"]


def test_the_rate_does_not_fall_while_a_piece_is_worked_on_and_the_rest_counts_down():
    clock = Clock()
    stage = Stage("predicting", 1_000, "rows", None, clock)
    for _ in range(5):
        clock.now += 10
        stage.advance(100)
    clock.now += 8
    progress = stage.progress()
    assert progress.rate == pytest.approx(10.0)
    assert progress.seconds_left == pytest.approx(42.0)
    clock.now += 1_000
    assert stage.progress().rate < 1.0


def test_a_line_is_said_to_whoever_listens():
    lines = Lines(Clock())
    say("nobody hears it")
    with report_to(lines):
        say("it takes 3 h")
    assert lines.shown == [(0, "it takes 3 h")]


def test_nobody_listens():
    with track("predicting", 10) as stage:
        stage.advance(10)
    assert stage.progress().done == 10
