"""This package's errors for those of MLflow and its database, without secrets."""

import re
from collections.abc import Iterable

from mlops_assets.errors import (
    ArtifactsMissingError,
    MissingExtraError,
    MlopsAssetsError,
    RegistryError,
    RegistryUnreachableError,
)
from mlops_assets.redaction.text import redact

CHECK_SERVER = "Check that the server runs and that MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI are right"
RESTORE = "Restore the artifacts, or register the model again and move the alias"

_MISSING_ARTIFACT = re.compile(
    r"No such artifact|No such file|does not exist|NoSuchKey|\b404\b|not found", re.IGNORECASE
)
_NO_ANSWER = re.compile(
    r"API request to \S+ failed with (exception|timeout)|ConnectionError|Connection refused|Connection reset"
    r"|Connection aborted|Max retries exceeded|timed out|RemoteDisconnected|IncompleteRead|OperationalError"
    r"|Temporary failure in name resolution"
)
# Artifacts that this process fetches itself; the codes are in MLflow's message, which repeats the client's.
_STORE = re.compile(r"(s3|gs|wasbs?|abfss?|hdfs)://")
_NO_BUCKET = re.compile(r"NoSuchBucket|ContainerNotFound|specified bucket does not exist")
_NO_ACCESS = re.compile(
    r"AccessDenied|Access Denied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken|\b403\b|Forbidden"
    r"|Unable to locate credentials|Partial credentials|DefaultCredentialsError|AuthenticationFailed"
)
_NO_STORE = re.compile(r"Could not connect to the endpoint|(Connect|Read) timeout on endpoint|ServiceRequestError")
_ABSENT_MODULE = re.compile(r"No module named '([\w.]+)'")
_STATUS = re.compile(r"failed with error code (\d{3})|\b(\d{3}) (?:Client|Server) Error")
_TRANSIENT = {408, 429, 500, 502, 503, 504}
_TRANSIENT_CODES = {"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"}
_LONGEST_MESSAGE = 2_000
# What is left of it is far behind the end of what is shown.
_MOST_SEARCHED = 20_000


class MlflowError(Exception):
    """MLflow's own words, without secrets: the cause that is shown under one of this package's errors."""


def redact_error(error: BaseException, secrets: Iterable[str]) -> MlflowError:
    """`error` as a cause that can be kept in an event log for ever; the original may hold a password."""
    text = redact(str(error)[:_MOST_SEARCHED], secrets)[:_LONGEST_MESSAGE]
    return MlflowError(f"{type(error).__name__}: {text}").with_traceback(error.__traceback__)


def is_missing_resource(error: BaseException) -> bool:
    """Whether the registry says that a model, alias or version is not there."""
    code = getattr(error, "error_code", None)
    text = str(error)
    # MLflow reports a missing alias as an invalid parameter.
    return code == "RESOURCE_DOES_NOT_EXIST" or (
        code == "INVALID_PARAMETER_VALUE" and "alias" in text and "not found" in text
    )


def is_unreachable(error: BaseException) -> bool:
    """Whether a retry may help: the network, a server that is starting or overloaded, a database that is away."""
    status = _status(error)
    if status is not None:
        return status in _TRANSIENT
    return getattr(error, "error_code", None) in _TRANSIENT_CODES or bool(_NO_ANSWER.search(str(error)))


def registry_error(error: BaseException, doing: str, where: str) -> MlopsAssetsError:
    """This package's error for one of MLflow's, of its database's or of a missing driver."""
    status = _status(error)
    text = str(error)
    absent = _absent_module(error)
    if absent:
        return MissingExtraError(
            f"The Python package {absent!r} is needed and not installed, while {doing}",
            where=where,
            fix=f"Run: pip install {driver_package(absent)}",
        )
    if is_unreachable(error):
        return RegistryUnreachableError(
            f"The MLflow registry does not answer while {doing}", where=where, fix=CHECK_SERVER
        )
    if status in (401, 403) or getattr(error, "error_code", None) in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return RegistryError(
            f"The MLflow registry refuses access while {doing}",
            where=where,
            fix="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
        )
    if (
        status == 404
        or "not in a valid JSON format" in text
        or getattr(error, "error_code", None) == "ENDPOINT_NOT_FOUND"
    ):
        return RegistryError(
            f"Something answers, and it is not an MLflow registry, while {doing}", where=where, fix=CHECK_SERVER
        )
    if "unsupported URI" in text or type(error).__name__ == "InvalidUrlException":
        return RegistryError(
            "This is not an address of a registry",
            where=where,
            fix="Use http(s)://, or a database such as postgresql:// or sqlite:///",
        )
    if "out-of-date database schema" in text:
        return RegistryError(
            "The registry's database belongs to another version of MLflow",
            where=where,
            fix="Install that version, or run: mlflow db upgrade <address>, after a backup",
        )
    code = getattr(error, "error_code", None) or type(error).__name__
    return RegistryError(
        f"The MLflow registry refused: {code}, while {doing}", where=where, fix="See the cause for MLflow's own words"
    )


def download_error(error: BaseException, doing: str, where: str) -> MlopsAssetsError:
    """Like `registry_error` for a download, where something that is not found is a missing artifact."""
    if _STORE.match(where) and not _absent_module(error):
        text = str(error)
        if _NO_BUCKET.search(text):
            return ArtifactsMissingError(
                f"The bucket with the artifacts does not exist while {doing}", where=where, fix=RESTORE
            )
        if _NO_ACCESS.search(text):
            return RegistryError(
                f"The artifact store refuses access while {doing}",
                where=where,
                fix="Set the store's credentials where the run starts (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for "
                "S3), with the rights to list and read there",
            )
        if _NO_STORE.search(text):
            return RegistryUnreachableError(
                f"The artifact store does not answer while {doing}",
                where=where,
                fix="Check the network and the store's address (MLFLOW_S3_ENDPOINT_URL for S3)",
            )
    is_known = _absent_module(error) or is_unreachable(error)
    if not is_known and (is_missing_resource(error) or _MISSING_ARTIFACT.search(str(error))):
        return ArtifactsMissingError(f"Artifacts are missing while {doing}", where=where, fix=RESTORE)
    return registry_error(error, doing, where)


def driver_package(module: str) -> str:
    """The package that brings a database driver's or a cloud's module."""
    packages = {
        "psycopg": '"psycopg[binary]"',
        "psycopg2": "psycopg2-binary",
        "MySQLdb": "mysqlclient",
        "boto3": '"mlops-assets[s3]"',
        "google": '"mlops-assets[gcs]"',
        "azure": '"mlops-assets[azure]"',
    }
    top = module.partition(".")[0]
    return packages.get(top, top.replace("_", "-"))


def _absent_module(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return error.name
    # MLflow repeats what a cloud's client said, in an error of its own.
    match = _ABSENT_MODULE.search(str(error))
    return match[1] if match else None


def _status(error: BaseException) -> int | None:
    match = _STATUS.search(str(error))
    return int(match.group(1) or match.group(2)) if match else None
