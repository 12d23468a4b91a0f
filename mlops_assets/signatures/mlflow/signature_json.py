"""Signatures as text: one canonical JSON, its hash, and rows for a person to read."""

import hashlib
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import SignatureError
from mlops_assets.signatures.mlflow.text_names import with_text_names

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

_PARTS = ("inputs", "outputs", "params")


def signature_to_json(signature: "ModelSignature") -> str:
    """The signature in MLflow's own format, always the same text for the same signature.

    An object with the keys ``inputs``, ``outputs`` and ``params``, each a JSON string (as in an ``MLmodel`` file) or
    null; keys are sorted, columns keep their order, and their names are text.
    `ModelSignature.from_dict(json.loads(text))` reads it.
    """
    fields = with_text_names(signature).to_dict()
    canonical = {
        part: None if fields[part] is None else json.dumps(json.loads(fields[part]), sort_keys=True, ensure_ascii=False)
        for part in _PARTS
    }
    return json.dumps(canonical, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


@lru_cache(maxsize=4)
def signature_from_json(text: str, where: str | None = None) -> "ModelSignature":
    """The signature that `signature_to_json` wrote, or the ``signature`` block of an ``MLmodel`` file as JSON.

    The steps of a run get the same object for the same text, which none of them changes.

    Raises
    ------
    SignatureError
        The text is not JSON, or not a signature.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.models import ModelSignature

    try:
        fields = json.loads(text)
    except json.JSONDecodeError as error:
        raise SignatureError(
            f"The signature is not JSON: {error.msg} at line {error.lineno}, column {error.colno}", where=where
        ) from error
    if not isinstance(fields, dict) or not set(fields) & set(_PARTS):
        raise SignatureError("The JSON is no signature: none of the keys inputs, outputs, params", where=where)
    try:
        signature: ModelSignature = ModelSignature.from_dict({part: _as_text(fields.get(part)) for part in _PARTS})
    except (MlflowException, ValueError, TypeError, KeyError) as error:
        raise SignatureError(f"MLflow cannot read the signature: {error}", where=where) from error
    return with_text_names(signature)


def _as_text(part: Any) -> str | None:
    """A part as MLflow stores it: a JSON string; lists (the unpacked form) are packed."""
    if part is None or isinstance(part, str):
        return part
    return json.dumps(part)


@lru_cache(maxsize=8)
def signature_hash(text: str) -> str:
    """SHA-256 (hex) of a canonical JSON; equal signatures have equal hashes whatever the layout of `text`."""
    canonical = signature_to_json(signature_from_json(text))
    return hashlib.sha256(canonical.encode()).hexdigest()


def describe(signature: "ModelSignature") -> list[dict[str, str | bool | None]]:
    """One row per input, output and param: `part`, `name`, `type`, `required`, `default` (JSON text, params only)."""
    rows = [
        {"part": part, "name": name, "type": kind, "required": required, "default": None}
        for part, schema in (("input", signature.inputs), ("output", signature.outputs))
        if schema is not None
        for name, kind, required in _specs(schema)
    ]
    for param in signature.params or ():
        rows.append(
            {
                "part": "param",
                "name": param.name,
                "type": f"list of {param.dtype!r}" if param.shape else repr(param.dtype),
                "required": False,
                "default": json.dumps(param.to_dict()["default"]),
            }
        )
    return rows


def _specs(schema: "Schema") -> list[tuple[str, str, bool]]:
    """Name (the position where there is none), type as MLflow writes it, and whether it is required."""
    from mlflow.types import TensorSpec

    return [
        (
            str(i) if spec.name is None else str(spec.name),
            f"tensor {spec.type.name} {list(spec.shape)}" if isinstance(spec, TensorSpec) else repr(spec.type),
            spec.required,
        )
        for i, spec in enumerate(schema.inputs)
    ]
