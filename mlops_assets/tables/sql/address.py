"""Where a database is: a URL, and how it may be shown."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from mlops_assets.errors import ConfigurationError, did_you_mean
from mlops_assets.redaction.addresses import quote_user, show_address, user_part
from mlops_assets.redaction.text import remember_address
from mlops_assets.storage.local_paths import absolute_path

_SCHEMES = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite", "duckdb": "duckdb"}


@dataclass(frozen=True)
class SqlAddress:
    """A database.

    Attributes
    ----------
    kind
        ``postgresql``, ``sqlite`` or ``duckdb``.
    place
        The file's absolute path, or libpq's URI with its credentials; never shown.
    uri
        The same without credentials, for errors and metadata.
    """

    kind: str
    place: str = field(repr=False)
    uri: str

    @classmethod
    def parse(cls, text: str, base: Path | None = None) -> "SqlAddress":
        """The database that a URL names, as SQLAlchemy writes them.

        ``sqlite:///tables.db`` is relative to `base` (default: the working folder), ``sqlite:////data/tables.db`` is
        absolute; so with ``duckdb:///``. ``postgresql://user:password@host:5432/database?sslmode=require`` is libpq's;
        a password may hold ``/``, ``#`` and ``@`` as they are.
        A driver's name (``postgresql+psycopg2``) is left out of account.

        Raises
        ------
        ConfigurationError
            The URL is none of these. Its text is not shown, as it may hold a password.
        """
        scheme, found, rest = text.strip().partition("://")
        kind = _SCHEMES.get(scheme.partition("+")[0])
        if not found or kind is None:
            known = scheme if re.fullmatch(r"[a-z0-9+]{1,20}", scheme) and found else ""
            raise ConfigurationError(
                f"The URL does not name a database of a kind that is known{did_you_mean(known, _SCHEMES)}",
                fix="Write postgresql://..., sqlite:///file or duckdb:///file",
            )
        if kind == "postgresql":
            url = f"postgresql://{rest}"
            remember_address(url)
            return cls(kind, quote_user(url), show_address(url))
        path = unquote(rest.partition("?")[0])
        if not path.startswith("/") or path == "/" or path == "/:memory:":
            raise ConfigurationError(
                f"A {kind} database must be a file",
                fix=f"Write {kind}:///tables.db, or {kind}:////data/tables.db for an absolute path",
            )
        file = absolute_path(path[1:], base)
        return cls(kind, file, f"{kind}:///{file}")

    @property
    def has_password(self) -> bool:
        """Whether the URL holds a password."""
        if self.kind != "postgresql":
            return False
        _, found, password = user_part(self.place).partition(":")
        return bool(found and password != "@") or bool(re.search(r"[?&](ssl)?password=", self.place))
