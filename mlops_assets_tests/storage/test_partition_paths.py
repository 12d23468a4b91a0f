"""From a partition to its path and back, and the names of partitions' files."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_assets.errors import ConfigurationError
from mlops_assets.storage.partition_paths import PathTemplate, file_name, key_of_file_name

DAY, HOUR = "%Y-%m-%d", "%Y-%m-%d-%H:%M"


@pytest.mark.parametrize(
    ("text", "key_format", "key", "path"),
    [
        ("in/{partition}.csv", None, "north", "in/north.csv"),
        ("in/{partition}/{partition}.csv", None, "north", "in/north/north.csv"),
        ("in/{partition}.csv", DAY, "2024-03-09", "in/2024-03-09.csv"),
        ("in/y={partition:%Y}/{partition:%m-%d}.csv", DAY, "2024-03-09", "in/y=2024/03-09.csv"),
        ("in/{partition:%Y%j}", DAY, "2024-12-31", "in/2024366"),
        ("s3://b/{partition:%Y/%m/%d/%H}.json", HOUR, "2024-03-09-05:00", "s3://b/2024/03/09/05.json"),
        ("in/{partition:100%%-%Y-%m-%d}", DAY, "2024-03-09", "in/100%-2024-03-09"),
        ("in/{other}/{partition}", None, "a", "in/{other}/a"),
    ],
)
def test_a_partition_has_a_path_and_the_path_its_partition(text, key_format, key, path):
    template = PathTemplate(text, key_format)
    assert template.path(key) == path
    name = path[len(template.folder) :].lstrip("/")
    assert template.key_of(name) == key
    assert template.key_of(f"{name}/deep/part-0.parquet") == key


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("/data/in/{partition}.csv", "/data/in"),
        ("/data/day={partition}/in.csv", "/data"),
        ("/{partition}.csv", "/"),
        ("memory://{partition}.csv", "memory://"),
        ("s3://bucket/{partition}.csv", "s3://bucket"),
        ("{partition}.csv", ""),
    ],
)
def test_the_folder_of_all_partitions(text, folder):
    assert PathTemplate(text).folder == folder


@pytest.mark.parametrize(
    "name", ["2024-02-30.csv", "24-2-3.csv", "2024-02-03.txt", "x2024-02-03.csv", "2024-02-03csv", "notes"]
)
def test_other_files_belong_to_no_partition(name):
    assert PathTemplate("in/{partition:%Y-%m-%d}.csv", DAY).key_of(name) is None


def test_places_that_contradict_each_other_belong_to_no_partition():
    template = PathTemplate("in/{partition:%Y}/{partition:%Y-%m-%d}.csv", DAY)
    assert template.key_of("2024/2024-01-01.csv") == "2024-01-01"
    assert template.key_of("2023/2024-01-01.csv") is None
    assert PathTemplate("in/{partition}/{partition}.csv").key_of("a/b.csv") is None


def test_an_hour_that_the_clock_shows_twice_has_a_path():
    template = PathTemplate("in/{partition:%Y-%m-%d-%H}.csv", HOUR)
    assert template.path("2024-10-27-02:00+0100") == "in/2024-10-27-02.csv"


@pytest.mark.parametrize("key", ["..", ".", "", "a/b", "/a", "a\\b", "a\0b"])
def test_a_key_that_is_no_part_of_a_path_is_refused(key):
    with pytest.raises(ConfigurationError, match="cannot be put into a path"):
        PathTemplate("in/{partition}").path(key)


def test_a_key_that_is_no_time_is_refused():
    with pytest.raises(ConfigurationError, match="'north' is not a time written as %Y-%m-%d"):
        PathTemplate("in/{partition:%Y}", DAY).path("north")


@pytest.mark.parametrize(
    ("written", "smallest", "good"),
    [
        ("%Y-%m", "m", True),
        ("%y%m", "m", True),
        ("%m", "m", False),
        ("%Y-%m", "d", False),
        ("%Y-%j", "d", True),
        ("%Y-%m-%d", "H", False),
        ("%Y/%m/%d/%H", "H", True),
        ("%d-%H", "H", False),
    ],
)
def test_a_path_must_tell_partitions_apart(written, smallest, good):
    template = PathTemplate(f"in/{{partition:{written}}}", HOUR)
    if good:
        template.check(smallest)
        return
    with pytest.raises(ConfigurationError, match="share this path"):
        template.check(smallest)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
def test_every_day_comes_back(time):
    template = PathTemplate("in/{partition:%Y/%j}/x-{partition:%d}.csv", DAY)
    key = time.strftime(DAY)
    assert template.key_of(template.path(key).removeprefix("in/")) == key
    assert template.path((time + timedelta(days=1)).strftime(DAY)) != template.path(key)


@given(st.text(min_size=1, alphabet=st.characters(exclude_categories=["Cs"])))
def test_every_key_has_a_file_name_of_its_own(key):
    name = file_name(key)
    assert key_of_file_name(name) == key
    assert not set(name) & set('/\\\0*?<>|"#')
    assert name[0] not in "._"


def test_ordinary_keys_are_their_own_file_names():
    for key in ("2024-01-31", "2024-01-31-06:00", "north", "südwest", "a b", "v1.2"):
        assert file_name(key) == key
