"""Where a published table comes from, as key-value metadata of its schema."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from mlops_assets.errors import ConfigurationError

PREFIX = "mlops_assets."
ROW_KEY = "mlops_assets.row_key"
MODEL = "mlops_assets.model"
MODEL_URI = "mlops_assets.model_uri"
DIGEST = "mlops_assets.model_digest"
SIGNATURE = "mlops_assets.signature_hash"
INPUTS = "mlops_assets.inputs_version"
DATA_VERSION = "mlops_assets.data_version"
# A field of `Provenance.extra`: tables that one step makes say the same, so that one of them alone is noticed.
PUBLISHED_TOGETHER = "published_together"
RESERVED = (ROW_KEY, MODEL, MODEL_URI, DIGEST, SIGNATURE, INPUTS, DATA_VERSION)


@dataclass(frozen=True)
class Provenance:
    """What a table says of its origin. No times and no run ids: the same inputs give the same bytes.

    Attributes
    ----------
    row_key
        The columns that identify a row; empty when the table does not say.
    model, model_uri, model_digest
        Registered name, ``models:/<name>/<version>`` and the SHA-256 of the version's files.
    signature_hash, inputs_version, data_version
        Hashes of the signature's JSON, of the rows that went in, and of this table.
    extra
        Anything else, by a name without the ``mlops_assets.`` prefix.
    """

    row_key: tuple[str, ...] = ()
    model: str | None = None
    model_uri: str | None = None
    model_digest: str | None = None
    signature_hash: str | None = None
    inputs_version: str | None = None
    data_version: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: pa.Schema) -> "Provenance":
        """The provenance in `schema`'s metadata; empty fields where it says nothing."""
        known = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items() if _ours(key)}
        return cls(
            row_key=tuple(json.loads(known.get(ROW_KEY, "[]"))),
            model=known.get(MODEL),
            model_uri=known.get(MODEL_URI),
            model_digest=known.get(DIGEST),
            signature_hash=known.get(SIGNATURE),
            inputs_version=known.get(INPUTS),
            data_version=known.get(DATA_VERSION),
            extra={key.removeprefix(PREFIX): value for key, value in known.items() if key not in RESERVED},
        )

    def to_metadata(self) -> dict[str, str]:
        """Key-value metadata for a writer; fields that are None or empty are left out.

        Raises
        ------
        ConfigurationError
            `extra` uses the name of a field.
        """
        extra = {PREFIX + name: value for name, value in self.extra.items()}
        if taken := sorted(set(extra) & set(RESERVED)):
            raise ConfigurationError(
                f"{', '.join(taken)} cannot be extra metadata", fix="Use the field of that name, or another name"
            )
        fields = {
            ROW_KEY: json.dumps(list(self.row_key), ensure_ascii=False) if self.row_key else None,
            MODEL: self.model,
            MODEL_URI: self.model_uri,
            DIGEST: self.model_digest,
            SIGNATURE: self.signature_hash,
            INPUTS: self.inputs_version,
            DATA_VERSION: self.data_version,
        }
        return {**{key: value for key, value in fields.items() if value is not None}, **extra}


def with_provenance(reader: pa.RecordBatchReader, provenance: Provenance) -> pa.RecordBatchReader:
    """The same stream; its schema says where it comes from."""
    schema = reader.schema.with_metadata(provenance.to_metadata())
    return pa.RecordBatchReader.from_batches(
        schema, (batch.replace_schema_metadata(schema.metadata) for batch in reader)
    )


def _ours(key: bytes) -> bool:
    return key.startswith(PREFIX.encode())
