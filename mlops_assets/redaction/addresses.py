"""Addresses: what in them is a secret, and how they are shown."""

import base64
import json
import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

LEAST_TOKEN = 16
"""Characters of a value that is taken for a secret, whatever its name is."""
_LEAST_LENGTH = 4
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
_AZURE = ("abfs://", "abfss://", "wasb://", "wasbs://")
WEB = ("http://", "https://", "ftp://", "ftps://")


def is_secret_name(name: str) -> bool:
    """Whether a setting or variable of this name holds a secret.

    Examples
    --------
    >>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("sas_token"), is_secret_name("row_key")
    (True, True, False)
    """
    return bool(_SECRET_NAME.search(name)) and not _NO_SECRET_NAME.search(name)


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
                secrets |= spellings(value)
        is_web = part.lower().startswith(WEB)
        # A web address may have its token in a fragment or behind a semicolon, or be all token after the question mark.
        # Behind the user's part, whose password may hold any of these.
        bare = part.replace(user_part(part), "", 1)
        asked, query, *_ = *re.split("[?#;]" if is_web else "[?]", bare, maxsplit=1), ""
        if not query or "://" not in asked or ("=" not in query and not is_web):
            continue
        secrets |= spellings(query)
        for name, _, value in (pair.partition("=") for pair in re.split("[?&;#]", query)):
            if is_secret_name(name) or len(value) >= LEAST_TOKEN or is_web:
                secrets |= spellings(value)
    return frozenset(secrets)


def spellings(value: str) -> set[str]:
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


def _show_one(address: str) -> str:
    scheme, separator, rest = address.partition("://")
    if not separator or (rest.startswith("/") and not scheme.startswith(("sqlite", "duckdb"))):
        return address
    if rest.startswith("/"):
        return address.partition("?")[0]
    rest = rest[len(user_part(address)) :]
    if address.lower().startswith(WEB) or _is_database(scheme):
        return f"{scheme}://{re.split('[?#;]', rest)[0]}"
    # In an object store a question mark may be part of a name.
    return f"{scheme}://{re.split(r'[?][^/?]*=', rest)[0]}"


def _is_database(scheme: str) -> bool:
    return scheme.lower().partition("+")[0] in ("postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle")
