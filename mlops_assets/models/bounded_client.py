"""MLflow's client, each of whose calls is one bounded operation on the registry."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from mlops_assets.errors import MlopsAssetsError

if TYPE_CHECKING:
    from mlflow import MlflowClient


class OpensOperations(Protocol):
    """A registry that bounds what is asked of it."""

    def open_operation(self, doing: str) -> AbstractContextManager[object]: ...


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
            with self.registry.open_operation(f"calling {name}"), raise_own_errors():
                return attribute(*arguments, **options)

        return call


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
