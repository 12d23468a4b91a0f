"""A model's own failure, in words: which model, what it was given, what it expects, and what to do."""

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_assets.errors import MlopsAssetsError, PredictionError

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

_COLUMNS_NAMED = 20
Answer = TypeVar("Answer")


def call_model(call: Callable[[], Answer], describe: Callable[[BaseException], MlopsAssetsError]) -> Answer:
    """What `call` returns, a call of a model's own code; whatever it raises becomes `describe(error)`, with its cause.

    A model is anybody's code. It may end the process (`sys.exit`), or raise what is no `Exception`: a panic of a
    library in Rust, a cancelled task. None of these may end a run as if it had succeeded. An interrupt from outside
    passes: a person's, or Dagster's, whose class is no `Exception` either.

    Raises
    ------
    MlopsAssetsError
        This package's own errors pass as they are.
    """
    try:
        return call()
    except (MlopsAssetsError, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__module__.partition(".")[0] == "dagster":
            raise
        raise describe(error) from error


def describe_failure(
    error: BaseException, given: Any, where: str, signature: "ModelSignature | None", estimator: object = None
) -> PredictionError:
    """The error of a model that failed on `given`; `error` is not quoted, because its message may hold values of rows.

    Parameters
    ----------
    where
        The model.
    signature
        What it was recorded with; None: nothing.
    estimator
        What remembers the columns it was fitted on.
    """
    columns = [str(name) for name in getattr(given, "columns", ())]
    rows = f" {count_rows(given)} rows" if count_rows(given) is not None else ""
    named = f" of the columns {_some(columns)}" if columns else ""
    lacking = _columns_with_nulls(given)
    without = f"; values are missing in {_some(lacking)}" if lacking else ""
    fill = "Fill the missing values if the model takes none. " if lacking else ""
    return PredictionError(
        f"The model failed to predict{rows}{named} {name_failure(error)}; "
        f"{_types(given, signature, estimator)}{without}",
        where=where,
        fix=advise(error) or fill + _advise_on_columns(signature),
    )


def _columns_with_nulls(given: Any) -> list[str]:
    """The columns of a DataFrame that lack values; none of what is no DataFrame."""
    if not hasattr(given, "isna") or not hasattr(given, "columns"):
        return []
    return [str(name) for name, lacks in given.isna().any().items() if lacks]


def count_rows(given: Any) -> int | None:
    """How many rows a model was given: a frame, an array, a sparse matrix, a list, or a dict of such."""
    if isinstance(given, dict):
        return next((count_rows(value) for value in given.values()), 0)
    shape = getattr(given, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(given) if hasattr(given, "__len__") else None


def name_failure(error: BaseException) -> str:
    """How a model's own code failed, for a sentence: the name of its error, and what it means where that is known."""
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return "by ending the process (SystemExit)"
    if isinstance(error, Warning):
        return f"with {name}, a warning that this process turns into an error"
    return f"with {name}"


def describe_place(error: BaseException) -> str:
    """The function in which an error was raised, as ``in transform() of sklearn``."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return "nowhere"
    frame = frames[-1][0]
    return f"in {frame.f_code.co_name}() of {str(frame.f_globals.get('__name__', '?')).partition('.')[0]}"


def advise(error: BaseException) -> str | None:
    """What to do about an error whose kind says it; None where the kind says nothing."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"It imports {error.name!r} when it is called: install the package that has it (pip install {package})"
    if isinstance(error, MemoryError):
        return (
            "Memory ran out: give the model fewer rows at once, `predict: {batch_rows: 1000}` or "
            "`explain: {batch_rows: 100}`"
        )
    if isinstance(error, RecursionError):
        return (
            "Its calls are nested more deeply than Python allows: it calls itself without end, or needs a higher limit "
            "(sys.setrecursionlimit where it is loaded)"
        )
    if isinstance(error, SystemExit):
        return "Raise an exception in the model instead of calling sys.exit() or exit()"
    if isinstance(error, Warning):
        return (
            "Correct what it warns of (the cause), or leave warnings what they are: PYTHONWARNINGS, python -W, or "
            "warnings.simplefilter('error') in the model made it an error"
        )
    if isinstance(error, NotImplementedError):
        return "The model does not support what was asked of it: read its own message, the cause in the event log"
    return None


def _advise_on_columns(signature: "ModelSignature | None") -> str:
    if signature is not None:
        return (
            "Read the model's own message, the cause in the event log, and compare these columns and their types with "
            "those it was trained on"
        )
    return (
        "It has no signature: name the columns it was trained on in its YAML, `inputs: {columns: [...]}`, "
        "or log it with an input_example"
    )


def _types(given: Any, signature: "ModelSignature | None", estimator: object) -> str:
    dtypes = getattr(given, "dtypes", None)
    if dtypes is not None and hasattr(dtypes, "items"):
        took = _some([f"{name}: {dtype}" for name, dtype in dtypes.items()])
    elif isinstance(given, dict):
        took = _some([f"{name}: {_array_type(value)}" for name, value in given.items()])
    else:
        took = _array_type(given)
    expected = _expected(signature, estimator)
    return f"it was given {took}" + (f", and expects {expected}" if expected else "")


def _array_type(value: Any) -> str:
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    return f"{type(value).__name__} of {dtype} {shape}" if dtype is not None else type(value).__name__


def _expected(signature: "ModelSignature | None", estimator: object) -> str:
    parts = []
    if signature is not None and signature.inputs is not None:
        specs = [
            f"{spec.name}: {getattr(spec.type, 'name', spec.type)}" if spec.name is not None else str(spec.type)
            for spec in signature.inputs.inputs
        ]
        parts.append(f"{_some(specs)} (its signature)")
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and len(names):
        parts.append(f"{_some([str(name) for name in names])} (the columns it was fitted on)")
    return ", and ".join(parts)


def _some(texts: list[str]) -> str:
    return ", ".join(texts[:_COLUMNS_NAMED]) + ", ..." * (len(texts) > _COLUMNS_NAMED)
