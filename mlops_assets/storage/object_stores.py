"""Stores in which an object appears when its upload is complete, and never before: S3, Google's and Azure's.

There a file need not be written aside and moved: an upload that is cancelled, or whose process is killed, leaves what
was there before. Every other remote filesystem is written by `Location.replace_atomically`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from pyarrow import fs as arrow_fs

from mlops_assets.errors import ConcurrentRunError
from mlops_assets.redaction.errors import redact_chain
from mlops_assets.storage.protocols import EXTRAS
from mlops_assets.storage.store_errors import no_such_bucket, translate_errors

# One GET fetches a block, and the last few stay: the columns of a Parquet file are read in turns.
_BLOCK_BYTES, _BLOCKS = 2 << 20, 32


def is_object_store(filesystem: Any) -> bool:
    """Whether an fsspec filesystem is one of these stores, itself and not a cache in front of it."""
    return _protocol(filesystem) in EXTRAS


def _protocol(filesystem: Any) -> str:
    names = filesystem.protocol
    return str(names if isinstance(names, str) else names[0])


class StoreHandler(arrow_fs.FSSpecHandler):  # type: ignore[misc]  # pyarrow is untyped
    """Arrow's door to an object store: reads ranges, not whole objects, and reports in plain words what is wrong."""

    def get_file_info(self, paths: Sequence[str]) -> list[arrow_fs.FileInfo]:
        infos = []
        for path in paths:
            with translate_errors(self._uri(path)):
                infos += super().get_file_info([path])
            if infos[-1].type == arrow_fs.FileType.NotFound:
                self._check_bucket(path)
        return infos

    def get_file_info_selector(self, selector: arrow_fs.FileSelector) -> list[arrow_fs.FileInfo]:
        with translate_errors(self._uri(selector.base_dir)):
            infos: list[arrow_fs.FileInfo] = super().get_file_info_selector(selector)
        if not infos:
            self._check_bucket(selector.base_dir)
        return infos

    def open_input_stream(self, path: str) -> pa.NativeFile:
        return self._open(path, cache_type="readahead", block_size=4 * _BLOCK_BYTES)

    def open_input_file(self, path: str) -> pa.NativeFile:
        return self._open(path, cache_type="blockcache", block_size=_BLOCK_BYTES, cache_options={"maxblocks": _BLOCKS})

    def _open(self, path: str, **options: Any) -> pa.NativeFile:
        uri = self._uri(path)
        with translate_errors(uri):
            return pa.PythonFile(_StoreFile(self.fs.open(path, "rb", **options), uri), mode="r")

    def _check_bucket(self, path: str) -> None:
        """An absent object in an absent bucket is reported as an absent bucket."""
        uri = self._uri(path)
        try:
            self.fs.info(path.partition("/")[0])
        except FileNotFoundError as error:
            raise no_such_bucket(uri) from redact_chain(error)
        except PermissionError:
            # Whoever may read objects need not be allowed to look at their bucket.
            return

    def _uri(self, path: str) -> str:
        return f"{_protocol(self.fs)}://{path}"


class _StoreFile:
    """A file of a store whose errors are ours. Arrow closes what it is done with: only `upload` publishes."""

    def __init__(self, file: Any, uri: str) -> None:
        self._file, self._uri = file, uri
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        with translate_errors(self._uri):
            return bytes(self._file.read(size))

    def write(self, data: Any) -> int:
        with translate_errors(self._uri):
            return int(self._file.write(data))

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def size(self) -> int:
        return int(self._file.size)

    def flush(self) -> None:
        """Nothing: a part is sent when it is big enough."""

    def close(self) -> None:
        self.closed = True
        if self._file.mode == "rb":
            self._file.close()

    def readable(self) -> bool:
        return bool(self._file.mode == "rb")

    def translate_os_errors(self) -> bool:
        return not self.readable()

    def seekable(self) -> bool:
        return self.readable()


@contextmanager
def upload(filesystem: Any, path: str, uri: str) -> Iterator[pa.NativeFile]:
    """A stream into an object, which appears, or is replaced, when the block ends well.

    Guarantees
    ----------
    - Whole or absent: small objects are one PUT, larger ones a multipart upload that is completed at the end.
    - On any exception, ``KeyboardInterrupt`` included, the upload is cancelled and the object is as it was.
    - Memory holds a part or two (`default_block_size` in the storage options: 50 MiB for S3), not the object.

    Raises
    ------
    TableError, ConcurrentRunError
        See `translate_errors`.
    """
    with translate_errors(uri):
        file = filesystem.open(path, "wb")
    try:
        yield pa.PythonFile(_StoreFile(file, uri), mode="w")
        with translate_errors(uri):
            file.close()
    except BaseException as error:
        _cancel(file, error)
        raise


def _cancel(file: Any, why: BaseException) -> None:
    # Before anything else: a file that is open when it is collected would be completed, and published.
    file.closed = True
    try:
        file.discard()
    except Exception as error:  # noqa: BLE001 - the failure that led here is the one to report
        why.add_note(f"The upload could not be cancelled either ({type(error).__name__}); its parts are invisible.")


def create(filesystem: Any, path: str, data: bytes, uri: str) -> bool:
    """Make a remote file if there is none of its name; False when there is one, or when another writer is making it."""
    try:
        with translate_errors(uri):
            filesystem.pipe_file(path, data, mode="create")
    except (FileExistsError, ConcurrentRunError):
        return False
    return True


def sweep_uploads(filesystem: Any, folder: str, older_than: timedelta) -> tuple[str, ...]:
    """Cancel the multipart uploads to objects directly in `folder` to which nothing was added for `older_than`.

    Nobody sees them, but S3 keeps and bills their parts. Returns the objects' names. Only S3 shows uploads: Google and
    Azure drop theirs after a week. Where listing them is not allowed, nothing is swept.
    """
    if not hasattr(filesystem, "list_multipart_uploads"):
        return ()
    bucket, prefix, _ = filesystem.split_path(f"{folder.rstrip('/')}/.")
    prefix = prefix.removesuffix(".")
    swept = []
    try:
        for begun in _uploads(filesystem, bucket, prefix):
            name, upload_id = begun["Key"].removeprefix(prefix), begun["UploadId"]
            if "/" in name or datetime.now(UTC) - begun["Initiated"] < older_than:
                continue
            parts = filesystem.call_s3("list_parts", Bucket=bucket, Key=begun["Key"], UploadId=upload_id)
            touched = max((part["LastModified"] for part in parts.get("Parts", ())), default=begun["Initiated"])
            if datetime.now(UTC) - touched >= older_than:
                filesystem.abort_mpu(bucket, begun["Key"], upload_id)
                swept.append(name)
    except (PermissionError, FileNotFoundError):
        # No right to list them (the bucket's lifecycle rule does the same), or another run sweeps too.
        return tuple(swept)
    return tuple(swept)


def _uploads(filesystem: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    after: dict[str, str] = {}
    while True:
        page = filesystem.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=prefix, **after)
        yield from page.get("Uploads", ())
        if not page.get("IsTruncated"):
            return
        after = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
