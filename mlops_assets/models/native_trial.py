"""What our own readers cannot check is tried by its library first, in a process that may die of it."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from mlops_assets.child_process import child_environment, signal_name

_LONGEST_SECONDS = 600
# As `mlops_assets.models.native_probe` ends where the library refuses, which is no death.
_RAISED = 3
# Digests of what a process of its own has survived.
_SURVIVED: set[str] = set()


def try_model(folder: Path, digest: str) -> str | None:
    """How the process ended that loaded the model and predicted once; None where it did neither die nor hang.

    Parameters
    ----------
    folder
        What loaders get.
    digest
        Of the model's files: what has survived is not tried again in this process.
    """
    return None if digest in _SURVIVED else _try(["model", str(folder)], digest)


def try_booster(library: str, content: bytes) -> str | None:
    """As `try_model`, of a ``lightgbm`` or ``xgboost`` model by what the library's Python object holds as its state."""
    digest = hashlib.sha256(library.encode() + b"\n" + content).hexdigest()
    if digest in _SURVIVED:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "state"
        file.write_bytes(content)
        return _try([library, str(file)], digest)


def _try(arguments: list[str], digest: str) -> str | None:
    command = [sys.executable, "-m", "mlops_assets.models.native_probe", *arguments]
    try:
        done = subprocess.run(
            command, env=child_environment(), capture_output=True, timeout=_LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"did not end within {_LONGEST_SECONDS} seconds"
    if done.returncode < 0:
        return f"was killed by {signal_name(done.returncode)}"
    if done.returncode not in (0, _RAISED):
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"ended with exit status {done.returncode} ({last[:200]!r})"
    _SURVIVED.add(digest)
    return None
