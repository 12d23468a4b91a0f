"""The stage that the histories of one process share."""

import pytest

from mlops_assets_tests.simulation.history import make_stage
from mlops_assets_tests.simulation.world import Stage, silence


@pytest.fixture(scope="module")
def stage() -> Stage:
    silence()
    return make_stage()
