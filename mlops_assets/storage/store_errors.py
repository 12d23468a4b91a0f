"""Errors of object stores in plain words and without secrets.

Each store's client has errors of its own, and this package imports none of them: they are distinguished by the store's
code in the response, else by the name of their class.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlops_assets.errors import ConcurrentRunError, ConfigurationError, MlopsAssetsError, TableError
from mlops_assets.redaction.errors import redact_chain

_CREDENTIALS = (
    "Set storage_options: {key: {env: NAME}, secret: {env: NAME}} of inputs or outputs, "
    "or what the store's own client reads (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for S3)"
)
_RIGHTS = "Check that the credentials are right and may list, read, write and delete there (README, page Places)"
_NETWORK = "Check the network, and the endpoint in storage_options (client_kwargs: {endpoint_url: ...} for S3)"
_REGION = "Set the bucket's region in storage_options (client_kwargs: {region_name: ...} for S3)"

_REFUSED = {"AccessDenied", "AllAccessDisabled", "AccountProblem", "403", "AuthorizationPermissionMismatch"}
_NOT_ACCEPTED = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidToken",
    "TokenRefreshRequired",
    "AuthenticationFailed",
    "RequestTimeTooSkewed",
}
_ELSEWHERE = {
    "PermanentRedirect",
    "TemporaryRedirect",
    "Redirect",
    "301",
    "307",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
}
_BUSY = {"SlowDown", "ServiceUnavailable", "503", "RequestTimeout", "InternalError", "500"}
_NO_CREDENTIALS = re.compile(
    r"NoCredentials|PartialCredentials|CredentialRetrieval|DefaultCredentialsError|TokenRetrieval"
)
_NO_ANSWER = re.compile(
    r"EndpointConnectionError|Timeout|ClientConnect|ConnectionClosed|ConnectionError|ServerDisconnected|SSLError"
    r"|ServiceRequestError|ProxyConnection|ConnectionRefused|ConnectionReset"
)
_EXPECTED = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, MemoryError)
_CLIENTS = ("botocore", "aiobotocore", "s3fs", "aiohttp", "gcsfs", "google", "azure", "adlfs", "ossfs")


@contextmanager
def translate_errors(uri: str, doing: str | None = None) -> Iterator[None]:
    """Turn what the client of an object store raises into an error that names `uri`.

    Parameters
    ----------
    uri
        The address as it may be shown.
    doing
        What cannot be done to the place, such as ``listed``: an error of any other kind is then one that says so.

    A `FileNotFoundError` for an object, a `FileExistsError` and an error of another kind pass unchanged.

    Raises
    ------
    TableError
        The bucket is missing, access is refused, the credentials are not accepted or not there, the endpoint does not
        answer, or the bucket is in another region; says which.
    ConcurrentRunError
        The object was replaced while it was being read.
    ConfigurationError
        The client does not know an option in `storage_options`.
    """
    try:
        yield
    except MlopsAssetsError:
        raise
    except Exception as error:
        translation = store_error(error, uri)
        if translation is None and doing and not isinstance(error, _EXPECTED):
            what = f"The place cannot be {doing}: {type(error).__name__}"
            translation = TableError(what, where=uri, fix="Check the address, and that its server can be reached")
        if translation is None:
            raise
        raise translation from redact_chain(error)


def store_error(error: BaseException, uri: str) -> MlopsAssetsError | None:
    """This package's error for one of an object store; None for what is no failure of the store."""
    if isinstance(error, TypeError):
        return unknown_option(error, uri)
    chain = list(_chain(error))
    code = next((code for each in chain if (code := _code(each))), "")
    kinds = " ".join(type(each).__name__ for each in chain)
    bucket = bucket_of(uri)
    if code in ("NoSuchBucket", "ContainerNotFound"):
        return no_such_bucket(uri)
    if code in ("ConditionalRequestConflict", "PreconditionFailed", "412") or "FileExpired" in kinds:
        if isinstance(error, FileExistsError):
            return None
        return ConcurrentRunError("The object was replaced while it was in use", where=uri, fix="Run again")
    if isinstance(error, _EXPECTED):
        return None
    if code in _NOT_ACCEPTED:
        return TableError(f"The store does not accept the credentials: {code}", where=uri, fix=_CREDENTIALS)
    if _NO_CREDENTIALS.search(kinds):
        return TableError("There are no credentials for the store", where=uri, fix=_CREDENTIALS)
    if code in _ELSEWHERE:
        return TableError(f"Bucket {bucket!r} is in another region", where=uri, fix=_REGION)
    if code in _REFUSED or any(isinstance(each, PermissionError) for each in chain):
        return TableError(f"The store refuses access to {bucket!r}", where=uri, fix=_RIGHTS)
    if code == "InvalidBucketName" or "ParamValidationError" in kinds:
        return TableError(f"{bucket!r} is not a name that a bucket can have", where=uri, fix="Correct the address")
    if code in _BUSY:
        return TableError(f"The store is overloaded: {code}", where=uri, fix="Run again later")
    if code == "400":
        # The answer to HEAD has no body that would say which.
        why = "The credentials may have expired, or the bucket is in another region"
        return TableError("The store finds the request bad", where=uri, fix=why)
    if _NO_ANSWER.search(kinds):
        return TableError("The store does not answer", where=uri, fix=_NETWORK)
    if code or any(type(each).__module__.startswith(_CLIENTS) for each in chain):
        reason = code or type(error).__name__
        return TableError(
            f"The store refuses the request: {reason}", where=uri, fix="See the cause for the store's message"
        )
    return None


def unknown_option(error: TypeError, uri: str) -> ConfigurationError | None:
    """A client says so only when it is called with the option; None for any other `TypeError`."""
    match = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    return match and ConfigurationError(
        f"storage_options has {match[1]!r}, which the client for {uri.partition('://')[0]}:// does not know",
        where=uri,
        fix="Use the options in the client's documentation (s3fs: key, secret, token, client_kwargs, ...)",
    )


def no_such_bucket(uri: str) -> TableError:
    return TableError(
        f"There is no bucket {bucket_of(uri)!r}",
        where=uri,
        fix="Correct its name and the endpoint, or make it: a run makes no buckets",
    )


def bucket_of(uri: str) -> str:
    """``bucket`` of ``s3://bucket/key``."""
    return uri.rpartition("://")[2].partition("/")[0]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    for _ in range(8):
        if seen is None:
            return
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _code(error: BaseException) -> str:
    """The store's code for an error: botocore's response, Azure's ``error_code``, Google's status."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    for name in ("error_code", "code"):
        code = getattr(error, name, None)
        if isinstance(code, str | int) and not isinstance(code, bool):
            return str(getattr(code, "value", code))
    return ""
