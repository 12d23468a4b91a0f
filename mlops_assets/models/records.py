"""Values that name their own parts."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any


def fields_of(value: Any) -> Mapping[object, Any] | None:
    """What names its parts, as a mapping; None for any other."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: Mapping[object, Any] = value._asdict()
        return named
    if is_dataclass(value) and not isinstance(value, type):
        return dict(asdict(value).items())
    dumped = getattr(value, "model_dump", None)  # a pydantic model, as MLflow's type hints have them
    if callable(dumped) and hasattr(type(value), "model_fields"):
        return dict(dumped().items())
    return None
