"""Files that an MLflow server serves (``mlflow-artifacts:``), asked for in its REST API."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mlops_assets.errors import RegistryError
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.artifact_budget import Budget, write_blocks
from mlops_assets.models.artifact_place import API, ENDPOINT, is_own, split_service
from mlops_assets.models.registry_http import read_blocks, send_without_credentials
from mlops_assets.models.registry_limits import Operation

if TYPE_CHECKING:
    import requests

_SECONDS = 60.0


class ArtifactServer:
    """A folder that a server serves. The tracking server is asked as MLflow asks it; any other without credentials."""

    def __init__(self, address: ArtifactAddress, tracking_uri: str, operation: Operation) -> None:
        self._service, self._path = split_service(address, tracking_uri)
        self._own = tracking_uri.rstrip("/") if is_own(address, tracking_uri, operation) else None
        self._operation = operation

    def download(self, target: Path, budget: Budget, part: str = "") -> None:
        """Fetch the folder, or one file of it, into `target`."""
        if part:
            self._fetch(budget.add_entry(part), target, budget)
            return
        self._fetch_folder("", target, budget)
        if not budget.entries:
            raise FileNotFoundError("No such artifact: the server lists no files there")

    def upload(self, file: Path, part: str) -> None:
        """Write a file into the folder."""
        from mlflow.utils.request_utils import augmented_raise_for_status
        from mlflow.utils.rest_utils import http_request

        path = quote("/".join(filter(None, (self._path, part, file.name))))
        if self._own is None:
            raise RegistryError(
                "Nothing is written to a host that is not the tracking server",
                where=self._service,
                fix="Register the model through the tracking server",
            )
        with file.open("rb") as content:
            augmented_raise_for_status(
                http_request(self._credentials(), f"{API}{ENDPOINT}/{path}", "PUT", data=content)
            )

    def _fetch_folder(self, folder: str, target: Path, budget: Budget) -> None:
        for name, is_folder in self._list(folder):
            relative = budget.add_entry(f"{folder}/{name}" if folder else name)
            if is_folder:
                (target / relative).mkdir()
                self._fetch_folder(relative, target, budget)
            else:
                self._fetch(relative, target, budget)

    def _list(self, folder: str) -> list[tuple[str, bool]]:
        path = "/".join(filter(None, (self._path, folder)))
        answer = self._get("", {"path": path}, stream=False)
        try:
            files = answer.json().get("files", [])
            return [(str(each["path"]), each.get("is_dir") is True) for each in files]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise RegistryError(
                f"The server's list of files is none ({type(error).__name__}) while {self._operation.doing}",
                where=self._service,
                fix="Check that the address is an MLflow server's",
            ) from error

    def _fetch(self, relative: str, target: Path, budget: Budget) -> None:
        path = "/".join(filter(None, (self._path, relative)))
        answer = self._get(f"/{quote(path)}", {}, stream=True)
        write_blocks(read_blocks(self._operation, answer), target / relative, budget)

    def _get(self, endpoint: str, params: dict[str, str], *, stream: bool) -> "requests.Response":
        from mlflow.utils.request_utils import augmented_raise_for_status
        from mlflow.utils.rest_utils import http_request

        if self._own is not None:
            answer: requests.Response = http_request(
                self._credentials(), f"{API}{ENDPOINT}{endpoint}", "GET", params=params, stream=stream
            )
        else:
            query = f"?path={quote(params['path'], safe='')}" if params else ""
            url = f"{self._service}{ENDPOINT}{endpoint}{query}"
            answer = send_without_credentials(self._operation, url, _SECONDS, stream)
        augmented_raise_for_status(answer)
        return answer

    def _credentials(self) -> Any:
        from mlflow.utils.credentials import get_default_host_creds

        return get_default_host_creds(self._own)
