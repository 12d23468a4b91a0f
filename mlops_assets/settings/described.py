"""Groups of settings whose YAML schema keeps the words of their fields."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, ClassVar, Self, get_type_hints

import dagster as dg
from pydantic import BaseModel, JsonValue, TypeAdapter, model_validator

from mlops_assets.errors import ConfigurationError
from mlops_assets.mistakes import ReadableModel
from mlops_assets.settings.plain_values import find_odd_value, refuse_odd_keys
from mlops_assets.strategies import Strategy


class SettingsGroup(ReadableModel, dg.Model, dg.Resolvable):
    """A group of keys in a model's YAML; unknown keys are refused."""

    _schema_of: ClassVar[dict[type, type[BaseModel]]] = {}

    @model_validator(mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            fields = {field.alias or name: field for name, field in cls.model_fields.items()}
            if (mistake := find_odd_value(values, fields)) is not None:
                raise ValueError(mistake)
        return values

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        try:
            refuse_odd_keys(obj)
        except ValueError as error:
            raise ConfigurationError(str(error), where=cls.__name__, fix="Write each key as text") from error
        return super().model_validate(obj, **options)

    @classmethod
    def model(cls) -> type[BaseModel]:
        """The YAML schema, with each field's description, examples and default.

        Dagster's own lacks them: seen in 1.13.27, ``derive_model_type`` overrides the description and the examples of
        a field that has a default, and shows a marker in place of a default that is no scalar.
        """
        if cls in cls._schema_of:
            return cls._schema_of[cls]
        schema = super().model()
        for name, field in cls.model_fields.items():
            described = schema.model_fields[name]
            described.description, described.examples = field.description, field.examples
            if not field.is_required():
                default = field.get_default(call_default_factory=True, validated_data={})
                # A group without keys has its own defaults.
                shown = (
                    default.model_dump(mode="json", exclude_unset=True) if isinstance(default, dg.Model) else default
                )
                described.json_schema_extra = {"default": TypeAdapter(Any).dump_python(shown, mode="json")}
        schema.__doc__ = cls.__doc__
        # The form of Dagster's UI knows fields by their names in YAML.
        order: list[JsonValue] = [field.alias or name for name, field in schema.model_fields.items()]

        def finish(shown: dict[str, Any]) -> None:
            # A component is the attributes themselves; a group may also be text, a template of Dagster's.
            kind = "object" if issubclass(cls, dg.Component) else ["object", "string"]
            shown |= {"title": cls.__name__, "ui:order": order, "type": kind}
            _name_the_keys(shown)

        schema.model_config["json_schema_extra"] = finish
        schema.model_rebuild(force=True)
        cls._schema_of[cls] = schema
        return schema


def _name_the_keys(schema: dict[str, Any]) -> None:
    """A group or a template's text, as one schema with both types in place of `anyOf`.

    ``dg check yaml`` then names the key that is wrong; of `anyOf` it says only "is not valid under any of the given
    schemas".
    """
    text = {"type": "string"}
    for field in schema.get("properties", {}).values():
        match field.get("anyOf"):
            case [{"$ref": group}, other] if other == text:
                del field["anyOf"]
                field["$ref"] = group


@dataclass(frozen=True)
class StrategyField:
    """What a person who writes YAML needs to know of one argument of a strategy.

    Attributes
    ----------
    default
        None also where the argument has none.
    """

    name: str
    annotation: Any
    default: Any
    description: str | None
    examples: list[Any] | None
    required: bool


def strategy_fields(strategy: type[object]) -> list[StrategyField]:
    """The arguments that YAML can give to a strategy, a pydantic model or a dataclass."""
    if is_dataclass(strategy):
        types = get_type_hints(strategy)
        return [
            StrategyField(
                each.name,
                types[each.name],
                None if each.default is MISSING else each.default,
                each.metadata.get("description"),
                each.metadata.get("examples"),
                each.default is MISSING and each.default_factory is MISSING,
            )
            for each in fields(strategy)
            if each.init
        ]
    if not issubclass(strategy, BaseModel):
        return []
    return [
        StrategyField(
            field.alias or name,
            field.annotation,
            None if field.is_required() else field.get_default(call_default_factory=True, validated_data={}),
            field.description,
            field.examples,
            field.is_required(),
        )
        for name, field in strategy.model_fields.items()
    ]


def strategy_schema(strategies: Iterable[type[Strategy]]) -> dict[str, Any]:
    """The JSON schema of a strategy's settings: hints, not limits, since a class of your own has other arguments."""
    chosen = list(strategies)
    kind = {
        "type": "string",
        "description": "One of " + ", ".join(each.KIND for each in chosen) + ", or your own class as module.Class.",
        "examples": [each.KIND for each in chosen],
    }
    described = {
        field.name: {"description": f"{each.KIND}: {field.description}", "examples": field.examples}
        for each in chosen
        for field in strategy_fields(each)
    }
    return {"type": "object", "additionalProperties": True, "properties": {"KIND": kind, **described}}
