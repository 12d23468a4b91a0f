"""What the files of one model may take: bytes, files, depth, names, time."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mlops_assets.errors import TrustError
from mlops_assets.models.registry_limits import DEEPEST, LONGEST_NAME, Operation, advise_raising
from mlops_assets.progress.stage import Stage


@dataclass
class Budget:
    """What the files of one model may still take."""

    operation: Operation
    where: str
    stage: Stage | None = None
    bytes: int = 0
    entries: int = 0

    def add_entry(self, path: str) -> str:
        """Count a file or folder; its path, relative to the model's folder, which no stranger leads out of it.

        Raises
        ------
        TrustError
            There are too many, or the path is none that a model has.
        """
        parts = path.split("/")
        if (
            not path.isprintable()
            or len(path) > LONGEST_NAME
            or {"", ".", ".."} & set(parts)
            or {"\\", ":"} & set(path)
            or any(len(os.fsencode(part)) > 255 for part in parts)
        ):
            raise TrustError(
                f"A file of the model has a name that is not accepted: {path[:100]!r}",
                where=self.where,
                fix="Register the model again with plain names: no .., colon or backslash, nothing unprintable, "
                f"{LONGEST_NAME} characters at most",
            )
        if len(parts) > DEEPEST:
            raise TrustError(
                f"The model's folders are nested more than {DEEPEST} deep",
                where=self.where,
                fix="Register the model again without them",
            )
        self.entries += 1
        most = self.operation.limits.max_model_files
        if self.entries > most:
            raise TrustError(
                f"The model has more than {most:,} files", where=self.where, fix=advise_raising("max_model_files")
            )
        return path

    def add_bytes(self, count: int) -> None:
        """Count bytes. Raises `TrustError` when there are too many, and `RegistryUnreachableError` when time is up."""
        self.bytes += count
        if self.stage is not None:
            self.stage.reach(self.bytes)
        most = self.operation.limits.max_model_gib
        if self.bytes > most * 2**30:
            raise TrustError(
                f"The model's files have more than {most:g} GiB", where=self.where, fix=advise_raising("max_model_gib")
            )
        self.operation.deadline.check(self.operation.doing)


def write_blocks(blocks: Iterable[bytes], target: Path, budget: Budget) -> None:
    """Write a new file, counting its bytes."""
    with target.open("xb") as copy:
        for block in blocks:
            budget.add_bytes(len(block))
            copy.write(block)
