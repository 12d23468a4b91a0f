"""The place of a table or a small file: a local path or any fsspec URL, and how it is replaced whole."""

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs as arrow_fs

from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.redaction.addresses import quote_user, show_address
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.redaction.text import remember_address, remember_options
from mlops_assets.storage.durability import flush_to_disk
from mlops_assets.storage.local_files import list_below
from mlops_assets.storage.local_paths import absolute_path, is_path, path_of_url
from mlops_assets.storage.locks import hold, is_held
from mlops_assets.storage.object_stores import StoreHandler, create, is_object_store, sweep_uploads, upload
from mlops_assets.storage.os_errors import translate_lookup_errors, translate_os_errors
from mlops_assets.storage.protocols import open_filesystem
from mlops_assets.storage.store_errors import translate_errors

LOCK_SUFFIX = ".lock"
"""At the end of a draft's name: the name of its lock file, which shows that the draft's writer lives."""


@dataclass(frozen=True, repr=False)
class Location:
    """A place, local or remote; nothing has to exist there yet.

    Attributes
    ----------
    address
        An absolute local path, or a URL that fsspec knows (``s3://bucket/key``, ``memory://folder/file``).
    storage_options
        What fsspec's filesystem takes: credentials, endpoints. Never shown in `uri`, in ``repr`` or in an error.
    """

    address: str
    storage_options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.is_local:
            remember_address(self.address)
            remember_options(self.storage_options)

    def __repr__(self) -> str:
        return f"Location({self.uri!r})"

    def __reduce__(self) -> tuple[type["Location"], tuple[str, dict[str, Any]]]:
        # By its constructor: the process that it is sent to has to know as well what is not to be shown.
        return type(self), (self.address, dict(self.storage_options))

    @classmethod
    def parse(
        cls, text: str | Path, base: Path | None = None, storage_options: Mapping[str, Any] | None = None
    ) -> "Location":
        """A place from what a person wrote: relative paths are taken from `base` (default: the working folder).

        Raises
        ------
        ConfigurationError
            `text` is empty, or holds a character that no path can hold.
        """
        options = dict(storage_options or {})
        written = str(text).strip()
        if not written or not is_path(written):
            what = f"{written[:80]!r} holds what no path can hold" if written else "A path is empty"
            raise ConfigurationError(what, fix="Give a local path or a URL")
        if written.startswith(("file://", "local://")):
            return cls(path_of_url(written), options)
        if "://" in written or "::" in written:
            remember_address(written)
            address = "::".join(map(quote_user, written.split("::")))
            return cls(address if address.endswith("://") else address.rstrip("/"), options)
        return cls(absolute_path(written, base), options)

    @property
    def is_local(self) -> bool:
        return "://" not in self.address and "::" not in self.address

    @property
    def name(self) -> str:
        """The last part of the path; of a web address without its query."""
        path = self.path
        return PurePosixPath(show_address(path) if path.startswith(("http://", "https://")) else path).name

    @property
    def uri(self) -> str:
        """``file:///...`` or the URL, without user, password and query, which may be a signature."""
        if self.is_local:
            return Path(self.address).as_uri()
        return show_address(self.address)

    @property
    def path(self) -> str:
        """The path inside `filesystem`."""
        return self.address if self.is_local else self.remote()[1]

    @property
    def filesystem(self) -> arrow_fs.FileSystem:
        """The Arrow filesystem that holds the place.

        Raises
        ------
        MissingExtraError
            The protocol's package is not installed.
        ConfigurationError
            fsspec does not know the protocol.
        """
        if self.is_local:
            return arrow_fs.LocalFileSystem()
        filesystem = self.remote()[0]
        handler = StoreHandler if is_object_store(filesystem) else arrow_fs.FSSpecHandler
        return arrow_fs.PyFileSystem(handler(filesystem))

    def remote(self) -> tuple[Any, str]:
        """The fsspec filesystem of a URL, and the path inside it."""
        return open_filesystem(self.address, self.storage_options, self.uri)

    def child(self, name: str) -> "Location":
        """The place `name` (parts joined by ``/``) below this one.

        Raises
        ------
        ConfigurationError
            `name` would lead out of this folder.
        """
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
            raise ConfigurationError(
                f"{name!r} is not a name inside a folder", where=self.uri, fix="Use a relative path without '..'"
            )
        return self.append(("" if self.address.endswith("/") else "/") + "/".join(parts))

    def append(self, text: str) -> "Location":
        """The same place with `text` at the end of its path."""
        if self.is_local:
            return replace(self, address=self.address + text)
        first, *chained = self.address.split("::")
        if "://" in first or not chained:
            return replace(self, address="::".join((first + text, *chained)))
        return replace(self, address="::".join((first, chained[0] + text, *chained[1:])))

    def sibling(self, name: str) -> "Location":
        """The place `name` in the same folder."""
        at = self.address.rindex(self.name)
        return replace(self, address=self.address[:at] + name + self.address[at + len(self.name) :])

    def kind(self) -> arrow_fs.FileType:
        """File, Directory or NotFound, as it is now."""
        if not self.is_local:
            self.remote()[0].invalidate_cache()
        with suppress(NotADirectoryError):  # of what would be below a remote file
            return self._info().type
        return arrow_fs.FileType.NotFound

    def exists(self) -> bool:
        return bool(self.kind() != arrow_fs.FileType.NotFound)

    def size(self) -> int:
        """Bytes of a file."""
        return int(self._info().size)

    def _info(self) -> arrow_fs.FileInfo:
        with translate_lookup_errors(self):
            return self.filesystem.get_file_info(self.path)

    def files(self, *, recursive: bool = True) -> tuple[str, ...]:
        """Every file below this folder, hidden ones too, as sorted relative paths; empty when there is no folder."""
        if self.is_local and recursive:
            return tuple(sorted(entry.name for entry in list_below(self.path) if entry.is_file))
        if not self.is_local:
            self.remote()[0].invalidate_cache()
        selector = arrow_fs.FileSelector(self.path, recursive=recursive, allow_not_found=True)
        try:
            with translate_lookup_errors(self):
                infos = self.filesystem.get_file_info(selector)
        except NotADirectoryError:
            return ()
        start = len(self.path.strip("/"))
        files = (info.path for info in infos if info.type == arrow_fs.FileType.File)
        return tuple(sorted(path.strip("/")[start:].lstrip("/") for path in files))

    def read_text(self) -> str:
        """The file's UTF-8 text; errors as `read_bytes`."""
        return self.read_bytes().decode("utf-8")

    def read_bytes(self) -> bytes:
        """A small file, whole.

        Raises
        ------
        TableError
            There is no such file.
        """
        try:
            if not self.is_local:
                filesystem, path = self.remote()
                with translate_errors(self.uri):
                    return bytes(filesystem.cat_file(path))
            with self.filesystem.open_input_stream(self.path, compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError as error:
            raise TableError("No such file", where=self.uri, fix="Check the path") from redact_chain(error)

    def write_text_atomically(self, text: str) -> None:
        """Replace the file by `text` (UTF-8): a reader sees the old file or the new one, never a part."""
        self.write_bytes_atomically(text.encode("utf-8"))

    def write_bytes_atomically(self, data: bytes) -> None:
        """Replace the file by `data`, whole or not at all."""
        with self.open_draft() as sink, translate_os_errors(self):
            sink.write(data)

    def create(self, data: bytes) -> bool:
        """Make a remote file if there is none of its name, never over another one; False when there is one.

        For filesystems whose `pipe_file` knows ``mode="create"``; S3 and compatible stores need conditional writes.
        """
        return create(*self.remote(), data, self.uri)

    @contextmanager
    def open_draft(self, target: "Location | None" = None) -> Iterator[pa.NativeFile]:
        """A stream into a draft of this file, which replaces it when the block ends well: see `replace_atomically`.

        In an object store the draft is an upload, which is invisible until it is complete.
        """
        if target is None and not self.is_local and is_object_store((remote := self.remote())[0]):
            with upload(*remote, self.uri) as sink:
                yield sink
            return
        with self.replace_atomically(target) as temporary:
            with translate_os_errors(self):
                sink = temporary.filesystem.open_output_stream(temporary.path, compression=None)
            try:
                yield sink
            finally:
                with translate_os_errors(self):
                    sink.close()

    def remove(self) -> None:
        """Delete the file; nothing happens when there is none."""
        if self.is_local:
            Path(self.address).unlink(missing_ok=True)
            return
        filesystem, path = self.remote()
        try:
            with translate_errors(self.uri):
                filesystem.rm_file(path)
        except FileNotFoundError:
            return

    @contextmanager
    def replace_atomically(self, target: "Location | None" = None) -> Iterator["Location"]:
        """A hidden place beside this one to write to; it becomes this one, or `target`, when the block ends well.

        Guarantees
        ----------
        - Whole or absent: locally flushed to the disk and switched with ``os.replace``; elsewhere moved by fsspec.
        - On any exception, ``KeyboardInterrupt`` included, the hidden file is removed and this place is as it was.
        - The folder is made when it is missing. What a killed process leaves is found by `sweep`.

        Raises
        ------
        TableError
            The operating system refuses: no permission, no space, a file where a folder should be.
        """
        temporary = self.sibling(f".{self.name}.{secrets.token_hex(8)}.tmp")
        parent = self.path[: -len(self.name)].rstrip("/")
        with ExitStack() as stack:
            with translate_os_errors(self):
                if parent:
                    self.filesystem.create_dir(parent, recursive=True)
                if self.is_local:
                    stack.enter_context(hold(Path(temporary.address + LOCK_SUFFIX)))
            try:
                yield temporary
                with translate_os_errors(self):
                    if target is not None:
                        self.filesystem.create_dir(target.path[: -len(target.name)].rstrip("/"), recursive=True)
                    temporary.move_to(target or self)
            except BaseException:
                temporary.remove()
                raise

    def move_to(self, target: "Location") -> None:
        """Rename the file, over `target` if need be: locally flushed to the disk and in one step."""
        if self.is_local:
            flush_to_disk(self.address)
            Path(self.address).replace(target.address)
            flush_to_disk(str(Path(target.address).parent))
            return
        from fsspec.spec import AbstractFileSystem

        filesystem, path = self.remote()
        if type(filesystem).mv is AbstractFileSystem.mv:
            # The generic mv would expand the brackets of a name as a pattern.
            filesystem.cp_file(path, target.path)
            filesystem.rm_file(path)
        else:
            filesystem.mv(path, target.path)

    def sweep(self, older_than: timedelta) -> tuple[str, ...]:
        """Remove what killed writers of this place left beside it; returns the names removed.

        A hidden file is removed when it is at least `older_than` old and, locally, no living process holds it: there
        ``timedelta(0)`` is safe beside other writers. A filesystem that reports no times keeps its files.
        """
        pattern = re.compile(rf"(\.{re.escape(self.name)}\.[0-9a-f]{{16}}\.tmp)({re.escape(LOCK_SUFFIX)})?")
        matches = (pattern.fullmatch(name) for name in self.sibling("").files(recursive=False))
        removed = []
        for name in dict.fromkeys(match[1] for match in matches if match):
            draft = self.sibling(name)
            # Before its lock is looked at: a writer makes the lock first, so that a draft without one has no writer.
            age = draft.age()
            if self.is_local and is_held(Path(draft.address + LOCK_SUFFIX)):
                continue
            if age is not None and age >= older_than:
                draft.remove()
                removed.append(name)
        return tuple(removed)

    def sweep_uploads(self, older_than: timedelta) -> tuple[str, ...]:
        """Cancel what killed writers began to upload into this folder; see `object_stores.sweep_uploads`."""
        if self.is_local or not is_object_store((remote := self.remote())[0]):
            return ()
        with translate_errors(self.uri):
            return sweep_uploads(*remote, older_than)

    def age(self) -> timedelta | None:
        """Time since the file was last written; None when it is gone or its filesystem does not say."""
        try:
            if self.is_local:
                written = datetime.fromtimestamp(Path(self.address).stat().st_mtime, UTC)
            else:
                filesystem, path = self.remote()
                with translate_errors(self.uri):
                    written = filesystem.modified(path)
        except (FileNotFoundError, NotImplementedError):
            return None
        if written.tzinfo is None:
            written = written.replace(tzinfo=UTC)
        return max(datetime.now(UTC) - written, timedelta(0))
