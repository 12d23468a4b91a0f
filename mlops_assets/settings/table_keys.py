"""The keys that say how a table of files is read, described once for all groups that name one."""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

TableFormat: TypeAlias = Annotated[
    Literal["parquet", "csv", "jsonl", "delta"] | None,
    Field(
        description="parquet, csv, jsonl or delta. Null: by the file's extension; a folder with a Delta log is a Delta "
        "table.",
        examples=["parquet"],
    ),
]
DeltaVersion: TypeAlias = Annotated[
    int | None,
    Field(
        description="Delta: number of the table version to read. Null: the newest. Needs format: delta.",
        ge=0,
        examples=[12],
    ),
]
StorageOptions: TypeAlias = Annotated[
    dict[str, Any] | None,
    Field(
        description="Options for fsspec. Write secrets as {env: NAME_OF_VARIABLE}; they are read when a run starts.",
        examples=[{"key": {"env": "AWS_KEY"}, "anon": False}],
    ),
]

KEYS_OF_A_TABLE = {"path", "asset", "format", "version", "storage_options"}
"""Of a group that names a table and nothing else of it."""
