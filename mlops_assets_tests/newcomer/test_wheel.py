"""What people install: the package alone."""

import tomllib
import zipfile

import pytest

from mlops_assets_tests.newcomer.environment import CHECKOUT


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_neither_examples_nor_tests(wheel):
    with zipfile.ZipFile(wheel) as archive:
        roots = {name.partition("/")[0] for name in archive.namelist()}
    assert {root for root in roots if not root.endswith(".dist-info")} == {"mlops_assets"}


def test_the_source_distribution_is_limited_to_the_package():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["sdist"]["only-include"]
    assert not [name for name in included if name.startswith(("examples", "mlops_assets_tests"))]
