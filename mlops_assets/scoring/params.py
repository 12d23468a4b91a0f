"""Inference params, checked against the signature before a model sees them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlops_assets.errors import ConfigurationError, did_you_mean

if TYPE_CHECKING:
    from mlflow.types import ParamSchema, ParamSpec


def validate_params(params: Mapping[str, Any], schema: "ParamSchema | None", where: str) -> dict[str, Any]:
    """`params` cast to the declared types; the model fills in the defaults of those not given.

    MLflow drops an unknown param with a warning; here it is an error.

    Raises
    ------
    ConfigurationError
        An unknown param, or a value that is not of the declared type; names every allowed param.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.types import ParamSpec

    specs = {spec.name: spec for spec in schema.params} if schema else {}
    kinds = {name: _describe_type(spec) for name, spec in specs.items()}
    listing = ", ".join(f"{name}: {kind}" for name, kind in kinds.items()) or "none"
    checked = {}
    for name, value in params.items():
        if name not in specs:
            raise ConfigurationError(
                f"The model declares no param {name!r}{did_you_mean(name, specs)}",
                where=where,
                fix=f"Its params are: {listing}",
            )
        spec = specs[name]
        try:
            checked[name] = ParamSpec.validate_type_and_shape(name, value, spec.dtype, spec.shape)
        except (MlflowException, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The value of param {name!r} is a {type(value).__name__} and not a {kinds[name]}",
                where=where,
                fix=f"Its params are: {listing}",
            ) from error
    return checked


def _describe_type(spec: "ParamSpec") -> str:
    kind = getattr(spec.dtype, "name", "object")
    return kind if spec.shape is None else f"list of {kind}"
