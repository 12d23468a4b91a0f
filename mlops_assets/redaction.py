"""The one place where addresses and foreign errors become text: without the secrets in them.

A secret is recognized in two ways. By its value: what stands in the user's part and the query of an address that this
process was given, in settings that name environment variables, in storage options, and in environment variables that
are called passwords, tokens or keys; each also as a URL, a header or Python spells it. And by its shape: a user's part,
a signature or a password in a URL that nobody has told this process of.
"""

import base64
import functools
import hashlib
import inspect
import json
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"
_LEAST_LENGTH, _LEAST_PIECE, _LEAST_TOKEN, _MOST_KNOWN = 4, 8, 16, 5_000
# Passwords that are words of messages as well: hidden where an address shows them, not wherever the word stands.
_WORDS = frozenset(
    [
        "password",
        "passwd",
        "secret",
        "secrets",
        "token",
        "tokens",
        "admin",
        "minio",
        "minioadmin",
        "postgres",
        "postgresql",
        "mysql",
        "sqlite",
        "duckdb",
        "mlflow",
        "false",
        "anonymous",
        "default",
        "public",
        "localhost",
        "database",
        "registry",
        "storage",
        "champion",
        "dagster",
        "delta",
        "parquet",
        "model",
        "models",
        "predictions",
        "inputs",
        "outputs",
        "reader",
        "writer",
        "https",
        "changeme",
    ]
)
_SECRET_NAME = re.compile(
    r"(?i)(pass(word|wd|phrase)?|pwd|secret|token|credentials?|signature|sig|sas|api_?key|connection_string|"
    r"(^|_|-)key|(access|account|private|secret)_?key(_id)?|authorization)$"
)
_NO_SECRET_NAME = re.compile(r"(?i)(^|_)(row|partition|sort|public|primary|foreign)_?key$|^OPENSSL|^XDG_|_COLORS?$")
_USER_INFO = re.compile(
    # The last @ ends the user's part even where a password was not percent-encoded as it should be.
    r"(?<=://)(?:[^/?#@\s'\":]*:(?!\d*(?:[/?#\s'\"]|$))[^\s'\"<>]*@|[^/?#@\s'\"]*@)"
)
_PARAMETER = re.compile(
    r"(?i)([?&;][^=&\s'\"]*(?:pass|pwd|secret|token|key|sig|signature|credential|auth)[^=&\s'\"]*=)[^&\s'\"<>]+"
)
_ASSIGNMENT = re.compile(r"(?i)\b((?:ssl)?password|passwd|pwd)(\s*=\s*)('[^']*'|[^\s'\"&;,)]+)")
_HEADER = re.compile(r"(?i)\b(Basic|Bearer)\s+(?=[A-Za-z0-9._~+/=-]*[0-9+/=._-])[A-Za-z0-9._~+/=-]{8,}")
_AZURE = ("abfs://", "abfss://", "wasb://", "wasbs://")
_WEB = ("http://", "https://", "ftp://", "ftps://")

Function = TypeVar("Function", bound=Callable[..., Any])


class ForeignError(Exception):
    """Another library's error whose own text holds a secret: its class, and its message without it."""


class _Known:
    """The secrets of this process, by value; and the names of the variables that settings read."""

    def __init__(self) -> None:
        self.values: dict[str, None] = {}
        self.variables: dict[str, None] = {}

    def add(self, values: Iterable[str]) -> None:
        for value in values:
            if value not in self.values and len(self.values) < _MOST_KNOWN:
                self.values[value] = None

    def clear(self) -> None:
        self.values.clear()
        self.variables.clear()


KNOWN = _Known()
_concealed: dict[str, str] = {}


def remember_secret(value: str) -> None:
    """Hide `value`, however it is spelled, in every message from now on; a word that is too common is left alone."""
    KNOWN.add(_spellings(value))


def remember_variable(name: str) -> None:
    """Hide what the environment variable holds when a message is made; nothing is read now."""
    KNOWN.variables[name] = None


def remember_address(address: str) -> None:
    """Hide user, password and the values of the query of an address in every message from now on."""
    KNOWN.add(secrets_in(address))


def remember_receiver(address: str) -> None:
    """Hide an address that is itself a secret, such as a webhook's: whole, and each of its longer parts."""
    remember_address(address)
    _, _, rest = address.partition("://")
    for part in (address, rest, *re.split(r"[/?&=@:#]", rest)):
        if len(part) >= _LEAST_PIECE and not re.fullmatch(r"[0-9.]+|localhost", part):
            remember_secret(part)


def remember_options(options: Mapping[str, Any]) -> None:
    """Hide those of a store's options whose names say that they are secrets, at any depth."""
    for name, value in options.items():
        if isinstance(value, Mapping):
            remember_options(value)
        elif isinstance(value, str):
            if "://" in value:
                remember_address(value)
            elif is_secret_name(str(name)):
                remember_secret(value)


def is_secret_name(name: str) -> bool:
    """Whether a setting or variable of this name holds a secret.

    Examples
    --------
    >>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("sas_token"), is_secret_name("row_key")
    (True, True, False)
    """
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET_NAME.search(name)


def remember_settings(settings: Mapping[str, Any]) -> None:
    """Hide whatever a receiver of messages is configured with, its receivers' addresses above all."""
    for name, value in settings.items():
        for part in value if isinstance(value, list | tuple) else [value]:
            if isinstance(part, Mapping):
                remember_settings(part)
            elif isinstance(part, str) and (revealed := reveal(part)):
                if "://" in revealed:
                    remember_receiver(revealed)
                elif is_secret_name(name) or len(revealed) >= _LEAST_TOKEN:
                    remember_secret(revealed)


def has_secret(address: str) -> bool:
    """Whether an address holds a user's part, or a query that may hold a secret."""
    return bool(secrets_in(address))


def show_address(address: str) -> str:
    """`address` without user, password and query; a local path is left as it is.

    Examples
    --------
    >>> show_address("https://me:p/w#@host/x.parquet?X-Amz-Signature=abc")
    'https://host/x.parquet'
    >>> show_address("simplecache::s3://bucket/a@b.parquet"), show_address("/data/a?b.csv")
    ('simplecache::s3://bucket/a@b.parquet', '/data/a?b.csv')
    """
    return "::".join(_show_one(part) for part in address.split("::"))


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with ``***`` for each known secret, for `secrets`, and for whatever looks like one in a URL or header."""
    pattern = _pattern(frozenset({*KNOWN.values, *_in_environment(), *secrets}))
    if pattern is not None:
        text = pattern.sub(HIDDEN, text)
    if "://" in text:
        text = _USER_INFO.sub(f"{HIDDEN}@", text)
    if "=" in text:
        text = _ASSIGNMENT.sub(rf"\1\2{HIDDEN}", _PARAMETER.sub(rf"\1{HIDDEN}", text))
    return _HEADER.sub(rf"\1 {HIDDEN}", text)


def redact_chain(error: BaseException) -> BaseException:
    """`error`, with each of its causes and contexts, without secrets.

    What holds none stays the object that it is. An error of this package is mended; another library's is replaced by a
    `ForeignError` with its class, its message and its stack.
    """
    return _redact_chain(error, {})


def redact_errors(function: Function) -> Function:
    """A decorator for whatever another program calls, Dagster first of all: what it raises holds no secrets.

    Works for functions and for generators. The chain of causes is part of what is raised, as Dagster stores all of it.
    """
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generate(*positional: Any, **named: Any) -> Generator[Any, Any, Any]:
            try:
                return (yield from function(*positional, **named))
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the handler: it has no context
                safe = redact_chain(error)
            raise safe

        wrapper: Any = generate
    else:

        @functools.wraps(function)
        def call(*positional: Any, **named: Any) -> Any:
            try:
                return function(*positional, **named)
            except Exception as error:  # noqa: BLE001 - raised again below, outside of the handler: it has no context
                safe = redact_chain(error)
            raise safe

        wrapper = call
    wrapper.redacts_errors = True
    return cast(Function, wrapper)


def redact_methods(owner: type, *names: str) -> None:
    """`redact_errors` for those of the methods that a class defines itself."""
    for name in names:
        method = owner.__dict__.get(name)
        if inspect.isfunction(method) and not getattr(method, "redacts_errors", False):
            setattr(owner, name, redact_errors(method))


def conceal(address: str) -> str:
    """A name for an address that holds a secret, to be kept where others read it; any other address as it is.

    Dagster stores what resources are configured with. The name is the same in each process that loads the settings, and
    `reveal` knows the address in all of these.
    """
    if not has_secret(address):
        return address
    remember_address(address)
    name = _name_of(address)
    _concealed[name] = address
    return name


def conceal_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """A store's options with `conceal`ed names for those that are secrets and are not read from the environment."""
    concealed: dict[str, Any] = {}
    for name, value in options.items():
        if isinstance(value, Mapping):
            concealed[name] = dict(value) if set(value) == {"env"} else conceal_options(value)
        elif isinstance(value, str) and is_secret_name(str(name)):
            remember_secret(value)
            concealed[name] = _name_of(value, f"{HIDDEN}")
            _concealed[concealed[name]] = value
        else:
            concealed[name] = conceal(value) if isinstance(value, str) else value
    return concealed


def conceal_receiver(address: str) -> str:
    """As `conceal`, for an address that is itself a secret; a name of an environment variable is left as it is."""
    if address in _concealed or getattr(address, "env_var_name", None) is not None:
        return address
    remember_receiver(address)
    name = _name_of(address, f"{address.partition('://')[0]}://{HIDDEN}")
    _concealed[name] = address
    return name


def reveal(text: str) -> str:
    """What `conceal` has named; any other text as it is."""
    return _concealed.get(text, text)


def show_value(name: str, value: object) -> object:
    """A setting as ``repr`` may show it."""
    if getattr(value, "env_var_name", None) is not None:
        return value
    if isinstance(value, str):
        return HIDDEN if is_secret_name(name) else show_address(redact(value)) if "://" in value else redact(value)
    if isinstance(value, Mapping):
        return {key: show_value(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [show_value(name, inner) for inner in value]
    return value


def _show_one(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator or (rest.startswith("/") and not scheme.startswith("sqlite")):
        return address
    if rest.startswith("/"):
        return address.partition("?")[0]
    rest = rest[len(user_part(address)) :]
    if address.lower().startswith(_WEB) or _is_database(scheme):
        return f"{scheme}://{re.split('[?#]', rest)[0]}"
    # In an object store a question mark may be part of a name.
    return f"{scheme}://{re.split(r'[?][^/?]*=', rest)[0]}"


def user_part(address: str) -> str:
    """``user:password@`` of a URL, whatever its password holds; empty where it has none.

    Examples
    --------
    >>> user_part("postgresql://me:p/w#@x@db:5432/tables"), user_part("https://host:8080/a@b.csv")
    ('me:p/w#@x@', '')
    """
    scheme, separator, rest = address.partition("://")
    before_query = rest.partition("?")[0]
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if not separator or "@" not in rest or (":" not in authority and "@" not in authority):
        return ""
    if "@" in authority and ":" not in authority.partition("@")[0]:
        return authority[: authority.rindex("@") + 1]
    is_port = "@" not in authority and re.fullmatch(r"[^:]*:\d*", authority)
    # A host and its port, unless a database's path would have an @ in it.
    if is_port and ("@" not in before_query or not _is_database(scheme)):
        return ""
    ends = before_query if "@" in before_query else rest
    return ends[: ends.rindex("@") + 1]


def quote_user(address: str) -> str:
    """`address` with a user and password that are percent-encoded, as they should have been: others stop at a slash.

    Examples
    --------
    >>> quote_user("https://me:p/w#@host/x"), quote_user("https://me:p%2Fw@host/x")
    ('https://me:p%2Fw%23@host/x', 'https://me:p%2Fw@host/x')
    """
    written = user_part(address)
    user, found, password = written.removesuffix("@").partition(":")
    encoded = quote(unquote(user), "") + (f":{quote(unquote(password), '')}" if found else "")
    return address.replace(written, f"{encoded}@", 1) if written else address


def _is_database(scheme: str) -> bool:
    return scheme.lower().partition("+")[0] in ("postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle")


def secrets_in(address: str) -> frozenset[str]:
    """Every way in which the user's part and the query of `address` may be spelled in somebody else's message."""
    secrets: set[str] = set()
    for part in address.split("::"):
        for whole in {user_part(part), user_part(part) and part.partition("://")[2].rpartition("@")[0]}:
            user, _, password = whole.removesuffix("@").partition(":")
            # A user without a password is a token; in Azure's addresses it is a container.
            if not password and part.lower().startswith(_AZURE):
                continue
            for value in (password or user, f"{user}:{password}" if password else ""):
                secrets |= _spellings(value)
        _, asked, query = part.partition("?")
        if not asked or "://" not in part or "=" not in query:
            continue
        secrets |= _spellings(query)
        for name, _, value in (pair.partition("=") for pair in re.split("[&;#]", query)):
            if is_secret_name(name) or len(value) >= _LEAST_TOKEN or part.lower().startswith(_WEB):
                secrets |= _spellings(value)
    return frozenset(secrets)


def _spellings(value: str) -> set[str]:
    """A secret as addresses, headers, JSON and Python write it, and what is left of it where a parser has cut it."""
    plain = unquote(value)
    written = {
        *(value, plain, unquote_plus(value), quote(plain, ""), quote(plain), quote_plus(plain), quote(value, "")),
        *(json.dumps(plain)[1:-1], repr(plain)[1:-1]),
    }
    if ":" in plain:
        written.add(base64.b64encode(plain.encode()).decode().rstrip("="))
    written |= {piece for piece in re.split(r"[/#@?:&\\\s]", plain) if len(piece) > _LEAST_LENGTH}
    return {text for text in written if len(text) >= _LEAST_LENGTH and text.lower() not in _WORDS}


def _in_environment() -> Iterator[str]:
    for name, value in os.environ.items():
        if not value or value.startswith("/") or (value.isdigit() and len(value) < 8):
            continue
        if "://" in value:
            yield from secrets_in(value)
        if name in KNOWN.variables or is_secret_name(name):
            yield from _of_variable(value)


def _of_variable(value: str) -> set[str]:
    if "://" not in value:
        return _spellings(value)
    if not value.lower().startswith(_WEB):
        return set()
    # The path of a webhook is its password.
    parts = value.partition("://")[2].split("/")[1:]
    return {spelling for part in parts if len(part) >= _LEAST_TOKEN for spelling in _spellings(part)}


@functools.lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> "re.Pattern[str] | None":
    if not secrets:
        return None
    return re.compile("|".join(map(_literally, sorted(secrets, key=lambda secret: (-len(secret), secret)))))


def _literally(secret: str) -> str:
    # A short one that is part of a longer word is that word.
    if len(secret) < _LEAST_PIECE and secret.isalnum():
        return f"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"
    return re.escape(secret)


@functools.lru_cache(maxsize=1_000)
def _name_of(value: str, shown: str | None = None) -> str:
    # Slow on purpose: nobody finds a short password by trying what gives the same name.
    digest = hashlib.pbkdf2_hmac("sha256", value.encode(), b"mlops_assets", 50_000).hex()[:12]
    return f"{show_address(value) if shown is None else shown}#{digest}"


def _redact_chain(error: BaseException, seen: dict[int, BaseException]) -> BaseException:
    if id(error) in seen:
        return seen[id(error)]
    seen[id(error)] = safe = _redact_one(error)
    suppressed = error.__suppress_context__
    cause, context = error.__cause__, error.__context__
    safe.__cause__ = None if cause is None else _redact_chain(cause, seen)
    safe.__context__ = None if context is None else _redact_chain(context, seen)
    safe.__suppress_context__ = suppressed
    return safe


def _redact_one(error: BaseException) -> BaseException:
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        notes[:] = [redact(str(note)) for note in notes]
    text = _text_of(error)
    redacted = redact(text)
    held = [redact(argument) != argument for argument in error.args if isinstance(argument, str)]
    if redacted == text and not any(held):
        return error
    if hasattr(error, "redact_text"):
        error.redact_text()
        return error
    return ForeignError(f"{type(error).__name__}: {redacted}").with_traceback(error.__traceback__)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - anybody's __str__
        return f"(its message cannot be shown: {type(broken).__name__})"
