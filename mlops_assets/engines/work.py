"""What is done with rows, as a value that travels: the same code here, in another process, on another machine."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from threading import Lock
from typing import ClassVar

import pyarrow as pa

from mlops_assets.arrow.content_hash import hash_of
from mlops_assets.models.reference import ModelReference

PerChunk = Callable[[pa.RecordBatch], pa.RecordBatch]

_MOST_OPENED = 4
_opened: dict[str, PerChunk] = {}
_lock = Lock()

_DISTRIBUTIONS = {
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "python_function": ("numpy", "pandas", "scipy", "pyarrow"),
}


class Work(ABC):
    """What is done with each chunk of rows. Can be pickled.

    A result follows from the chunk's rows and `identity` alone: results are kept and found again under these two.
    """

    noun: ClassVar[str]
    """What is made, for messages: predictions."""

    @property
    def takes_turns(self) -> bool:
        """Whether chunks are worked on one after the other within a process, as models of unknown make need it.

        False: the function may be called from several threads at once, and gains from it.
        """
        return True

    @property
    @abstractmethod
    def identity(self) -> str:
        """A hash of everything besides the rows that a result depends on."""

    @abstractmethod
    def open(self) -> PerChunk:
        """Load what is needed and return the function; see `opened`."""

    def prepare(self) -> None:
        """Called before each use of the function, which other work of the same identity may have opened."""
        return


def opened(work: Work) -> PerChunk:
    """`work.open()`, or what it returned earlier in this process for work of the same identity."""
    with _lock:
        work.prepare()
        found = _opened.pop(work.identity, None) or work.open()
        while len(_opened) >= _MOST_OPENED:
            _opened.pop(next(iter(_opened)))
        _opened[work.identity] = found
        return found


def identity_of(kind: str, reference: ModelReference, parts: Iterable[str], strategies: Iterable[object] = ()) -> str:
    """`Work.identity` of work with a pinned version: its digest, the code that runs, and `parts`.

    Parameters
    ----------
    strategies
        Objects whose classes may be the user's own: the text of their modules counts, so that a change of it is not
        answered with yesterday's results.
    """
    own = [f"{type(each).__module__}.{type(each).__qualname__} {_module_digest(each.__class__)}" for each in strategies]
    model = (reference.name, str(reference.version), reference.digest)
    return hash_of(kind, *model, package_digest(), _versions(reference.flavors), *own, *parts)


@cache
def package_digest() -> str:
    """SHA-256 over this package's own modules: results of one version of the code are not those of another."""
    root = Path(__file__).parent.parent
    sha = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        sha.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return sha.hexdigest()


@cache
def _versions(flavors: tuple[str, ...]) -> str:
    """The installed versions of the libraries that a model of these flavors computes with."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in sorted({name for flavor in flavors for name in _DISTRIBUTIONS.get(flavor, (flavor,))}):
        try:
            found.append(f"{name}={version(name)}")
        except PackageNotFoundError:
            continue
    return " ".join(found)


def _module_digest(kind: type[object]) -> str:
    if kind.__module__.split(".")[0] == __name__.split(".")[0]:
        return ""
    import inspect

    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        # Typed into a notebook: there is no file, and its text is all there is to know.
        return ""
