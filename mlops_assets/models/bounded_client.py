"""MLflow's client, each of whose calls is one bounded operation on the registry."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from mlops_assets.errors import MlopsAssetsError
from mlops_assets.models.registry_limits import Operation

if TYPE_CHECKING:
    from mlflow import MlflowClient


Answer = TypeVar("Answer")


class OpensOperations(Protocol):
    """A registry that bounds what is asked of it.

    Attributes
    ----------
    waits_for_ever
        Whether what MLflow asks it with knows no end of its own: Databricks' client, and drivers of databases.
    """

    @property
    def waits_for_ever(self) -> bool: ...

    def open_operation(self, doing: str) -> AbstractContextManager[Operation]: ...


class BoundedClient:
    """An `MlflowClient` of a `Registry`: the same methods and errors, within the registry's limits.

    Uploads and downloads are the registry's own (`Registry.download_files`, `Registry.add_files`).
    """

    def __init__(self, client: "MlflowClient", registry: OpensOperations) -> None:
        self._client, self.registry = client, registry

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if not callable(attribute):
            return attribute
        if name.startswith(("download_", "list_artifacts", "log_artifact", "log_model_artifact", "load_")):
            raise AttributeError(f"{name} would pass by the registry's limits")

        def call(*arguments: Any, **options: Any) -> Any:
            with self.registry.open_operation(f"calling {name}") as operation, raise_own_errors():
                if self.registry.waits_for_ever:
                    return call_until(operation, lambda: attribute(*arguments, **options))
                return attribute(*arguments, **options)

        return call


def call_until(operation: Operation, function: Callable[[], Answer]) -> Answer:
    """`function()` in a thread, which is left alone at the operation's deadline: it ends when its peer does.

    Raises
    ------
    RegistryUnreachableError
        The time is up.
    """
    operation.deadline.check(operation.doing)
    context, answers, errors = copy_context(), list[Answer](), list[BaseException]()

    def work() -> None:
        try:
            answers.append(context.run(function))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            errors.append(error)

    thread = Thread(target=work, daemon=True, name=f"registry: {operation.doing}")
    thread.start()
    thread.join(operation.deadline.remaining)
    for error in errors:
        raise error
    for answer in answers:
        return answer
    raise operation.deadline.error(operation.doing)


@contextmanager
def raise_own_errors() -> Iterator[None]:
    """Raise the error of this package's that is behind one of MLflow's, without what is around it."""
    own: MlopsAssetsError | None = None
    try:
        yield
    except MlopsAssetsError:
        raise
    except Exception as error:
        own = find_own_error(error)
        if own is None:
            raise
    if own is not None:
        # Outside of the block: MLflow's error, which repeats addresses, is not its context.
        raise own


def find_own_error(error: BaseException) -> MlopsAssetsError | None:
    """The error of this package's in the chain of causes and contexts of `error`."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if isinstance(current, MlopsAssetsError):
            current.__cause__ = current.__context__ = None
            return current
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return None
