"""One Spark cluster for all tests that need one."""

from collections.abc import Iterator

import pytest

from mlops_assets.engines.spark.address import find_java_problem
from mlops_assets.engines.spark.session import SESSIONS
from mlops_assets_tests.engines.spark_cluster import Cluster


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    missing = find_java_problem()
    if missing:
        pytest.skip(f"Spark needs Java: {missing}")
    cluster = Cluster(tmp_path_factory.mktemp("spark"))
    try:
        cluster.start()
        yield cluster
    finally:
        SESSIONS.clear()
        cluster.stop()
