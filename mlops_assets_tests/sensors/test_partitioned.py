"""The sensors of a partitioned family ask for exactly the partitions concerned."""

import json
import os
import time
from types import SimpleNamespace

import dagster as dg
import pytest

from mlops_assets.sensors import watch
from mlops_assets.sensors.partition_moves import (
    MOST_A_TICK,
    Outcome,
    PartitionMemory,
    asked_by_partition,
    decide_partitions,
    reconcile_partitions,
)

INPUTS, CHAMPION = "m_inputs_sensor", "m_champion_sensor"
DAILY = {"type": "daily", "start": "2024-01-01", "end": "2024-02-01"}


NOW = 1_000_000.0


def decided(memory, tokens, scored=(), launched=(), now=NOW):
    return decide_partitions("m/inputs", memory, tokens, scored, lambda: asked_by_partition("m/inputs", launched), now)


def made_up(memory, outcomes, now, most=MOST_A_TICK):
    return reconcile_partitions("m/inputs", memory, outcomes, most, 2, now)


def test_new_and_changed_partitions_are_asked_for_once():
    first = decided(PartitionMemory(), {"a": "1", "b": "1"})
    assert first.runs == {"a": "m/inputs[a]:1:>1", "b": "m/inputs[b]:1:>1"}
    second = decided(PartitionMemory.read(first.memory.to_cursor()), {"a": "1", "b": "2", "c": "1"})
    assert second.runs == {"b": "m/inputs[b]:2:1>2", "c": "m/inputs[c]:1:>1"}
    assert decided(second.memory, {"a": "1", "b": "2", "c": "1"}).runs == {}


def test_going_back_to_earlier_files_is_a_move_of_its_own():
    memory, keys = PartitionMemory(), []
    for token in ("1", "2", "1", "2"):
        decision = decided(memory, {"a": token})
        memory, keys = decision.memory, [*keys, *decision.runs.values()]
    assert len(set(keys)) == 4


def test_what_was_scored_before_the_sensor_looked_is_only_remembered():
    decision = decided(PartitionMemory(), {"a": "1", "b": "1"}, scored={"a"})
    assert list(decision.runs) == ["b"]
    assert list(decided(decision.memory, {"a": "2", "b": "1"}, scored={"a"}).runs) == ["a"]


def test_partitions_that_go_and_come_back_unchanged_ask_for_nothing():
    memory = decided(PartitionMemory(), {"a": "1", "b": "1"}).memory
    memory = decided(memory, {"b": "1"}).memory
    assert decided(memory, {"a": "1", "b": "1"}).runs == {}


def test_no_key_is_used_twice_and_nothing_is_lost_with_a_cursor():
    launched = ["m/inputs[a]:1:>1", "m/inputs[a]:2:1>2", "m/inputs[b]:1:>1", "m/inputs[a]:1:>1"]
    lost = decided(
        PartitionMemory(), {"a": "3", "b": "1", "c": "1", "d": "1"}, scored={"a", "b", "d"}, launched=launched
    )
    # a has changed since it was asked for, b was asked for, c is new, of d nobody knows.
    assert lost.runs == {"a": "m/inputs[a]:3:>3", "c": "m/inputs[c]:1:>1"}
    old = PartitionMemory({"a": (1, "1")})
    assert decided(old, {"a": "1"}, launched=launched).runs == {}
    assert decided(PartitionMemory({"a": (0, "0")}), {"a": "2"}, launched=launched).runs == {}
    assert decided(PartitionMemory({"a": (0, "0")}), {"a": "7"}, launched=launched).runs == {"a": "m/inputs[a]:3:0>7"}


def test_a_partition_whose_run_came_to_nothing_is_asked_for_again_and_then_given_up():
    memory, now, runs, told = decided(PartitionMemory(), {"a": "1", "b": "1"}).memory, NOW, [], []
    failed, well = Outcome(failure="run 1 failed"), Outcome(succeeded=True)
    for _ in range(60):
        now += 60
        outcomes = {"a": failed, "b": well}
        again = made_up(memory, {each: outcomes[each] for each in memory.waiting}, now)
        memory = PartitionMemory.read(again.memory.to_cursor())
        runs += again.runs.values()
        told += again.given_up.items()
    assert runs == ["m/inputs[a]:1:>1:again1", "m/inputs[a]:1:>1:again2"]
    assert told == [("a", "run 1 failed")]
    assert memory.waiting == {}
    assert asked_by_partition("m/inputs", runs)["a"].again == 2


def test_a_partition_at_work_is_waited_for_and_a_canceled_one_given_up():
    memory = decided(PartitionMemory(), {"a": "1", "b": "1"}).memory
    hour = made_up(memory, {"a": Outcome(running=True), "b": Outcome(canceled=True)}, NOW + 3600)
    assert (hour.runs, list(hour.given_up)) == ({}, ["b"])
    assert made_up(hour.memory, {"a": Outcome()}, NOW + 3630).runs == {}
    assert list(made_up(hour.memory, {"a": Outcome()}, NOW + 3661).runs) == ["a"]


def test_a_partition_without_files_is_not_asked_for_again_until_they_are_back():
    memory = decided(PartitionMemory(), {"a": "1"}).memory
    gone = made_up(memory, {"a": Outcome(has_files=False)}, NOW + 90_000)
    assert (gone.runs, gone.given_up) == ({}, {})
    assert list(made_up(gone.memory, {"a": Outcome()}, NOW + 90_000).runs) == ["a"]


def test_a_large_folder_is_taken_in_portions():
    tokens = {f"p{number:03d}": "1" for number in range(MOST_A_TICK * 2 + 5)}
    memory, asked = PartitionMemory(), []
    for expected in (MOST_A_TICK, MOST_A_TICK, 5, 0):
        decision = decided(memory, tokens)
        assert len(decision.runs) == expected
        memory, asked = decision.memory, [*asked, *decision.runs]
    assert sorted(asked) == sorted(tokens)


@pytest.mark.parametrize("cursor", [None, "", "nonsense", "[]", '{"shape": 1}', '{"shape": "partitions-1", "seen": 3}'])
def test_a_cursor_of_another_shape_is_an_empty_memory(cursor):
    assert PartitionMemory.read(cursor) == PartitionMemory()


@pytest.fixture
def days(versions, tmp_path):
    """`write(day, rows)` puts a day's file in place; it returns the file."""

    def write(day: str, rows: int = 10):
        place = tmp_path / "in" / day[:4] / day[5:7] / f"{day[8:]}.parquet"
        place.parent.mkdir(parents=True, exist_ok=True)
        versions.head(rows).to_parquet(place)
        return place

    return write


@pytest.fixture
def daily(model):
    return lambda **more: model(**{"inputs": {"path": "in/{partition:%Y/%m/%d}.parquet"}, "partitions": DAILY, **more})


def asked(done) -> list[str]:
    return [request.partition_key for request in done.run_requests or []]


def test_files_of_a_day_ask_for_that_day(daily, days):
    family = daily()
    days("2024-01-05")
    days("2024-01-09")
    (days("2024-01-05").parent / "notes.txt").write_text("not a day")
    days("2024-03-01")  # after the end
    assert asked(family.tick(INPUTS)) == ["2024-01-05", "2024-01-09"]
    assert asked(family.tick(INPUTS)) == []
    days("2024-01-09", rows=11)
    os.utime(days("2024-01-07"), ns=(0, 1))
    assert asked(family.tick(INPUTS)) == ["2024-01-07", "2024-01-09"]


def test_a_repeated_tick_asks_under_the_same_keys(daily, days):
    family = daily()
    days("2024-01-05")
    first = family.tick(INPUTS, keep_cursor=False)
    assert [request.run_key for request in family.tick(INPUTS).run_requests] == [
        request.run_key for request in first.run_requests
    ]


def test_nothing_to_list_is_skipped_and_what_was_seen_is_kept(daily, days, tmp_path):
    family = daily()
    days("2024-01-05")
    family.tick(INPUTS)
    (tmp_path / "in").rename(tmp_path / "away")
    done = family.tick(INPUTS)
    assert "There is no folder of input files" in done.skip_message
    (tmp_path / "away").rename(tmp_path / "in")
    assert asked(family.tick(INPUTS)) == []


def test_new_dynamic_partitions_are_added(model, versions, tmp_path, instance):
    family = model(inputs={"path": "in/{partition}/rows.parquet"}, partitions="dynamic")
    for batch in ("first", "second"):
        (tmp_path / "in" / batch).mkdir(parents=True)
        versions.to_parquet(tmp_path / "in" / batch / "rows.parquet")
    instance.add_dynamic_partitions("m_partitions", ["first"])
    sensor = family.definitions.resolve_sensor_def(INPUTS)
    # Called directly: evaluate_tick looks for dynamic partitions in a stored instance only.
    with dg.build_sensor_context(instance=instance, definitions=family.definitions) as context:
        done = sensor(context)
    assert asked(done) == ["first", "second"]
    assert [list(request.partition_keys) for request in done.dynamic_partitions_requests] == [["second"]]


def test_a_folder_per_partition_counts_all_its_files(model, versions, tmp_path):
    family = model(
        inputs={"path": "in/{partition}", "format": "parquet"},
        partitions={"type": "static", "keys": ["north", "south"]},
    )
    for name in ("north/a.parquet", "north/deep/b.parquet", "south/_SUCCESS", "west/a.parquet"):
        place = tmp_path / "in" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    assert asked(family.tick(INPUTS)) == ["north"]
    (tmp_path / "in" / "north" / "deep" / "b.parquet").write_bytes(b"xy")
    assert asked(family.tick(INPUTS)) == ["north"]


def test_a_new_champion_scores_the_last_day_again(daily, days, registry, instance):
    family = daily()
    for day in ("2024-01-05", "2024-01-09"):
        days(day)
        assert family.definitions.resolve_job_def("m_inference_job").execute_in_process(
            instance=instance, partition_key=day
        )
    assert asked(family.tick(CHAMPION)) == []
    registry.client.set_registered_model_alias("m", "Champion", "2")
    done = family.tick(CHAMPION, keep_cursor=False)
    assert asked(done) == ["2024-01-09"]
    assert json.loads(done.cursor)["seen"].startswith("v2#")


def test_nothing_scored_yet_is_nothing_to_score_again(daily, days):
    done = daily().tick(CHAMPION)
    assert asked(done) == []
    assert "no partition was ever scored" in done.skip_message


def test_without_a_champion_no_day_is_asked_for_and_then_each_once(daily, days, registry):
    registry.client.delete_registered_model_alias("m", "Champion")
    family = daily()
    for day in ("2024-01-05", "2024-01-09"):
        days(day)
        done = family.tick(INPUTS)
        assert asked(done) == []
        assert "no run is asked for: m has no champion" in done.skip_message
    registry.client.set_registered_model_alias("m", "Champion", "1")
    assert asked(family.tick(CHAMPION)) == []
    assert asked(family.tick(INPUTS)) == ["2024-01-05", "2024-01-09"]
    assert asked(family.tick(INPUTS)) == []


def test_a_partition_that_was_taken_from_the_list_while_its_run_failed_holds_up_no_other(
    model, versions, tmp_path, monkeypatch
):
    """Dagster would refuse to make a run of it, and with it the whole tick."""
    for place in ("north", "south"):
        (tmp_path / "in").mkdir(exist_ok=True)
        versions.to_parquet(tmp_path / "in" / f"{place}.parquet")

    def family(*keys):
        return model(inputs={"path": "in/{partition}.parquet"}, partitions={"type": "static", "keys": list(keys)})

    before = family("north", "south")
    assert asked(before.tick(INPUTS)) == ["north", "south"]
    after = family("south", "west")
    after.cursors = before.cursors
    later = time.time() + 300
    monkeypatch.setattr(watch, "time", SimpleNamespace(time=lambda: later))
    versions.to_parquet(tmp_path / "in" / "west.parquet")
    assert asked(after.tick(INPUTS)) == ["west", "south"]


def test_a_day_at_work_when_the_champion_moves_is_scored_again(daily, days, registry, instance):
    """Its run may have pinned the champion before."""
    family, job = daily(), daily().definitions.resolve_job_def("m_inference_job")
    days("2024-01-05")
    assert job.execute_in_process(instance=instance, partition_key="2024-01-05")
    family.tick(CHAMPION)
    tags = {"mlops_assets/model": "m", "dagster/partition": "2024-01-09"}
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
    registry.client.set_registered_model_alias("m", "Champion", "2")
    assert asked(family.tick(CHAMPION)) == ["2024-01-09"]


def test_a_first_look_beside_a_run_at_work_scores_the_last_day_after_all(daily, days, registry, instance, monkeypatch):
    """The run under way may be of another day, or of the champion before."""
    family, job = daily(), daily().definitions.resolve_job_def("m_inference_job")
    days("2024-01-05")
    assert job.execute_in_process(instance=instance, partition_key="2024-01-05")
    registry.client.set_registered_model_alias("m", "Champion", "2")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={"mlops_assets/model": "m"})
    assert asked(family.tick(CHAMPION)) == []
    instance.report_run_failed(run)
    began = time.time()
    monkeypatch.setattr(watch, "time", SimpleNamespace(time=lambda: began + 300))
    assert asked(family.tick(CHAMPION)) == ["2024-01-05"]
