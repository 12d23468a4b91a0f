import secrets

import pytest

from mlops_assets.storage.location import Location


@pytest.fixture
def memory_root():
    """A fresh folder in fsspec's memory filesystem."""
    import fsspec

    name = f"/{secrets.token_hex(4)}"
    yield Location.parse(f"memory:/{name}")
    filesystem = fsspec.filesystem("memory")
    if filesystem.exists(name):
        filesystem.rm(name, recursive=True)
