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
from mlops_assets.models.process_cache import ProcessCache
from mlops_assets.models.reference import ModelReference
from mlops_assets.strategies import settings_of

ChunkFunction = Callable[[pa.RecordBatch], pa.RecordBatch]

_MOST_OPEN = 4
OPEN_WORK: ProcessCache[str, ChunkFunction] = ProcessCache(_MOST_OPEN)
_preparing = Lock()

# The kernels' sums may differ in the last bit from one release to the next.
_KERNEL_LIBRARIES = ("numba", "numpy")
# Flavors whose library is not installed under the flavor's own name.
DISTRIBUTIONS = {
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "pytorch": ("torch",),
    "tensorflow": ("tensorflow", "tensorflow-cpu"),
    "keras": ("keras", "tensorflow", "torch", "jax"),
    "onnx": ("onnx", "onnxruntime", "onnxruntime-gpu"),
    "sentence_transformers": ("sentence-transformers", "torch"),
    "transformers": ("transformers", "torch", "tensorflow"),
    "spark": ("pyspark", "pyspark-client"),
    "python_function": ("numpy", "pandas", "scipy", "pyarrow"),
}
# What a custom Python model, or a pipeline of scikit-learn, may hold.
_IN_OTHER_MODELS = ("sklearn", "xgboost", "lightgbm", "catboost", "pytorch", "tensorflow", "statsmodels")


class Work(ABC):
    """What is done with each chunk of rows. Can be pickled.

    A result follows from the chunk's rows and `identity` alone: results are kept and found again under these two.
    """

    noun: ClassVar[str] = "results"
    """What is made, for messages: predictions."""
    RESULT_VERSION: ClassVar[int]
    """Part of the identity. Raise it with a change of this package's code that changes results, so that those kept by
    earlier code are not found again; `mlops_assets_tests.engines.result_versions` reports when that may be forgotten.
    """

    @property
    def doing(self) -> str:
        """What is done, for messages: predicting."""
        return f"making {self.noun}"

    @property
    def grain(self) -> int | None:
        """Into how few rows, counted from a chunk's first, the work may be cut: their results have the same bits as
        those of the whole chunk. None: a chunk is not cut, whatever it costs.
        """
        return None

    @property
    def cost_of_row(self) -> str:
        """What one row costs, for a message: 800 predictions of the model; empty: not known."""
        return ""

    @property
    def most_seconds(self) -> float | None:
        """The most that all rows may take: work that would take longer is refused once that is known. None: no limit.

        Only work that says its `grain` is measured.
        """
        return None

    @property
    def is_sequential(self) -> bool:
        """Whether chunks are worked on one after the other within a process, as models of unknown make need it.

        False: the function may be called from several threads at once, and gains from it.
        """
        return True

    @property
    @abstractmethod
    def identity(self) -> str:
        """A hash of everything besides the rows that a result depends on."""

    @abstractmethod
    def open(self) -> ChunkFunction:
        """Load what is needed and return the function; see `open_work`."""

    def prepare(self) -> None:
        """Called before each use of the function, which other work of the same identity may have opened."""
        return


def open_work(work: Work) -> ChunkFunction:
    """`work.open()`, or what it returned earlier in this process for work of the same identity."""
    with _preparing:
        work.prepare()
    return OPEN_WORK.get(work.identity, work.open)


def identity_of(work: Work, reference: ModelReference, parts: Iterable[str], strategies: Iterable[object] = ()) -> str:
    """`Work.identity` of work with a pinned version: its digest, the code that runs, and `parts`.

    The code is `RESULT_VERSION` for this package's own, and the text of the module for a user's class.

    Parameters
    ----------
    strategies
        Objects whose classes may be the user's own: a change of their modules or settings makes another identity.
    """
    classes = [
        f"{type(each).__module__}.{type(each).__qualname__} {_module_digest(each.__class__)}{settings_of(each) or ''}"
        for each in strategies
    ]
    model = (reference.name, str(reference.version), reference.digest)
    version = str(work.RESULT_VERSION)
    return hash_of(work.noun, version, *model, installed_versions(reference.flavors), *classes, *parts)


@cache
def installed_versions(flavors: tuple[str, ...]) -> str:
    """The installed versions of the libraries that a model of these flavors, and our own kernels, compute with."""
    from importlib.metadata import PackageNotFoundError, version

    versions = []
    libraries = [*flavors, *(_IN_OTHER_MODELS if set(flavors) <= {"python_function", "sklearn"} else ())]
    for name in sorted(
        {*_KERNEL_LIBRARIES, *(name for library in libraries for name in DISTRIBUTIONS.get(library, (library,)))}
    ):
        try:
            versions.append(f"{name}={version(name)}")
        except PackageNotFoundError:
            continue
    return " ".join(versions)


def _module_digest(kind: type[object]) -> str:
    if kind.__module__.split(".")[0] == __name__.split(".")[0]:
        return ""
    import inspect

    try:
        return hashlib.sha256(Path(inspect.getfile(kind)).read_bytes()).hexdigest()
    except (OSError, TypeError):
        # Typed into a notebook: there is no file, and its text is all there is to know.
        return ""
