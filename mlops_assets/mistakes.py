"""What is wrong with settings, in the settings' own words: pydantic's verdict as this package's error.

Which keys there are is read from the model of the settings, so that a wrong one is answered with the nearest right one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mlops_assets.errors import ConfigurationError, did_you_mean, strip_ends
from mlops_assets.redaction.text import remember_variable, show_value

Settings = type[BaseModel]
_SCALARS = frozenset({"str", "int", "float", "bool", "none", "bytes", "date", "datetime"})
_making: ContextVar[bool] = ContextVar("_making", default=False)


class ReadableModel(BaseModel):
    """A model whose mistakes are a `ConfigurationError` that names the key, the nearest known one and all allowed ones.

    Models inside it are checked as always: what is wrong in them is part of the outermost one's error.

    Examples
    --------
    >>> class Limits(ReadableModel, extra="forbid"):
    ...     rows: int = 1
    >>> Limits(row=2)
    Traceback (most recent call last):
    mlops_assets.errors.ConfigurationError: row: there is no such key (did you mean 'rows'?); allowed: rows (Limits).
    """

    def __init__(self, **values: Any) -> None:
        for value in values.values():
            remember_variables(value)
        if _making.get():
            super().__init__(**values)
            return
        self._refuse_unknown(values)
        token = _making.set(True)
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigurationError(
                "; ".join(describe_mistakes(error, type(self))), where=type(self).__name__
            ) from error
        finally:
            _making.reset(token)

    def __repr_args__(self) -> Iterator[tuple[str | None, object]]:
        for name, value in super().__repr_args__():
            yield name, show_value(name or "", value)

    __str__ = BaseModel.__repr__

    @classmethod
    def _refuse_unknown(cls, values: Mapping[str, object]) -> None:
        """Dagster's resources ignore what they do not know; a setting that is misspelt would be lost."""
        if cls.model_config.get("extra") in ("allow", "forbid"):
            return
        known = {*cls.model_fields, *_keys(cls)}
        unknown = [f"{name}: {describe_unknown_key(name, _keys(cls))}" for name in values if name not in known]
        if unknown:
            raise ConfigurationError("; ".join(unknown), where=cls.__name__)


def describe_mistakes(error: ValidationError, settings: Settings) -> list[str]:
    """One sentence per mistake, ``key.of.a.group: what is wrong``; no values, which may be secrets."""
    mistakes = error.errors(include_url=False, include_context=False)
    # Where a group may also be a text, nobody meant the text who got a key of the group wrong.
    groups = {tuple(one["loc"][:at]) for one in mistakes for at in range(len(one["loc"])) if _is_tag(one["loc"], at)}
    sentences = []
    for one in mistakes:
        loc = one["loc"]
        if loc and loc[-1] in _SCALARS and tuple(loc[:-1]) in groups:
            continue
        path, group = _follow(settings, loc)
        text = _describe(one["type"], one["msg"], one.get("input"), path, group)
        # A validator of the group itself names its keys.
        sentences.append(f"{'.'.join(path)}: {text}" if path and not text.startswith(path[0]) else text)
    return list(dict.fromkeys(sentences))


def describe_unknown_key(key: str, allowed: Sequence[str]) -> str:
    """``there is no such key (did you mean 'path'?); allowed: path, table``."""
    return f"there is no such key{did_you_mean(key, allowed)}; allowed: {', '.join(allowed) or 'none'}"


def allowed_keys(settings: Settings, path: Sequence[str]) -> tuple[str, ...]:
    """The keys of the group at `path`; none where it is no group with known keys."""
    _, group = _follow(settings, path)
    return _keys(group) if group is not None else ()


def _describe(kind: str, message: str, value: object, path: Sequence[str], group: Settings | None) -> str:
    if kind == "extra_forbidden" and group is not None:
        return describe_unknown_key(path[-1], _keys(group))
    if kind == "missing":
        return "is required"
    if kind == "dict_type":
        return "should be a group of keys, such as {key: value}"
    if kind in ("model_type", "model_attributes_type") and group is not None:
        required = [field.alias or name for name, field in group.model_fields.items() if field.is_required()]
        example = (required or list(_keys(group)))[0]
        return f"should be a group of keys, such as {{{example}: ...}}; allowed: {', '.join(_keys(group))}"
    if kind == "string_too_short":
        return "should not be empty"
    if kind == "sequence_str":
        return "should be a list; write [name] for one"
    if kind == "literal_error":
        words = message.split("'")[1::2]
        return message.replace("Input should be", "should be") + (
            did_you_mean(value, words) if isinstance(value, str) else ""
        )
    return strip_ends(message.removeprefix("Value error, ").replace("Input should", "should"))


def remember_variables(value: object, *, is_receiver: bool = False) -> None:
    """Names of environment variables that Dagster reads for a resource (`dg.EnvVar`): they may hold secrets."""
    name = getattr(value, "env_var_name", None)
    if isinstance(name, str):
        remember_variable(name, is_receiver=is_receiver)
        return
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for part in parts:
        remember_variables(part, is_receiver=is_receiver)


def _is_tag(loc: Sequence[str | int], at: int) -> bool:
    """Whether the next part of a location is the name of a class, with which pydantic marks a member of a union."""
    part = loc[at]
    return isinstance(part, str) and part[:1].isupper() and at < len(loc) - 1


def _follow(settings: Settings, loc: Sequence[str | int]) -> tuple[list[str], Settings | None]:
    """The keys of a location, without pydantic's marks of unions, and the group that its last key is of."""
    path: list[str] = []
    groups: list[Settings] = [settings]
    current: Settings | None = settings
    for place, part in enumerate(loc):
        last = place == len(loc) - 1
        if current is None:
            if not last or part not in _SCALARS:
                path.append(str(part))
            continue
        fields = {field.alias or name: field.annotation for name, field in current.model_fields.items()}
        if part in fields:
            path.append(str(part))
            groups = list(inner_groups(fields[str(part)]))
            owner, current = current, groups[0] if groups else None
            if last and current is None:
                return path, owner
        elif named := next((group for group in groups if group.__name__ == part), None):
            current = named
        elif not (last and part in _SCALARS):
            path.append(str(part))
    return path, current


def inner_groups(annotation: Any) -> Iterator[Settings]:
    """The models that a field of this type may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, UnionType, Annotated):
        for part in get_args(annotation):
            yield from inner_groups(part)


def _keys(group: Settings) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in group.model_fields.items() if not name.startswith("_"))
