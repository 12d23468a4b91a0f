"""The page docs/configuration.md, made from the settings themselves.

    python -m mlops_assets_tests.configuration_reference

writes it; `test_configuration_reference.py` compares the page with the code.
"""

import inspect
import json
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import dagster as dg
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mlops_assets.engines.kinds import ENGINES
from mlops_assets.resources.loaders import LOADERS
from mlops_assets.resources.notifier import AppriseNotifier, LogNotifier
from mlops_assets.resources.registry import MlflowRegistry
from mlops_assets.resources.signers import SIGNERS
from mlops_assets.settings.described import SettingsGroup, strategy_fields
from mlops_assets.settings.model import ModelSettings
from mlops_assets.strategies import Strategy

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"

HEAD = """# Configuration reference

<!-- Generated: python -m mlops_assets_tests.configuration_reference -->

Every key of a model's `defs.yaml`. Required keys are marked; all others have a default. Unknown keys and wrong values
are refused when definitions load, with the file, the line and what is allowed. The same descriptions are in the JSON
schema that editors use (`dg utils generate-component-schema`, `dg utils configure-editor`).

```yaml
type: mlops_assets.MlflowModelComponent
attributes:
  model: churn
  inputs: {path: data/customers.parquet, row_key: [customer_id]}
```
"""

STRATEGIES: dict[str, Mapping[str, type[Strategy]]] = {"signer": SIGNERS, "loader": LOADERS, "engine": ENGINES}
LOCATION = """
## Resources of the code location

One of each per code location, in Python: `dg.Definitions(resources={"mlflow_registry": MlflowRegistry(...), "notifier":
AppriseNotifier(...)})`.
"""


@dataclass(frozen=True)
class Key:
    """One key as the page shows it."""

    name: str
    annotation: Any
    default: Any
    description: str | None
    examples: Sequence[Any] | None
    required: bool
    limits: tuple[Any, ...] = ()

    @property
    def type(self) -> Any:
        """The type with its limits, by which examples are judged."""
        return Annotated[self.annotation, *self.limits] if self.limits else self.annotation


def groups() -> dict[str, type[SettingsGroup]]:
    """Every group of settings by its path in YAML: the model's own keys first, at ``""``."""
    return dict(_groups("", ModelSettings))


def keys(group: type[BaseModel]) -> list[Key]:
    """The keys of a group or a resource, in their order."""
    return [_key(name, field) for name, field in group.model_fields.items()]


def strategy_keys(strategy: type[Strategy]) -> list[Key]:
    """The arguments of a strategy, beside `KIND`."""
    return [
        Key(each.name, each.annotation, each.default, each.description, each.examples, each.required)
        for each in strategy_fields(strategy)
    ]


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for path, group in groups().items():
        parts.append(f"\n## {f'`{path}`' if path else 'Keys of a model'}\n\n{_doc(group)}\n\n{_table(keys(group))}")
    for name, strategies in STRATEGIES.items():
        parts.append(f"\n## `{name}`\n\n`{name}: {{KIND: ..., <its keys>}}`\n")
        parts.extend(
            f"\n### {strategy.KIND}\n\n{_doc(strategy)}\n\n{_table(strategy_keys(strategy))}"
            for strategy in strategies.values()
        )
    parts.append(LOCATION)
    parts.append(f"\n### MlflowRegistry\n\n{_doc(MlflowRegistry)}\n\n{_table(keys(MlflowRegistry))}")
    parts.extend(
        f"\n### {notifier.KIND}\n\n{_doc(notifier)}\n\n{_table(strategy_keys(notifier))}"
        for notifier in (LogNotifier, AppriseNotifier)
    )
    return "".join(parts)


def _groups(path: str, group: type[SettingsGroup]) -> Iterator[tuple[str, type[SettingsGroup]]]:
    yield path, group
    for name, field in group.model_fields.items():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, SettingsGroup):
                yield from _groups(f"{path}.{field.alias or name}".lstrip("."), part)


def _parts(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return _parts(get_args(annotation)[0])
    return get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)


def _key(name: str, field: FieldInfo) -> Key:
    default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
    limits = tuple(field.metadata)
    return Key(
        field.alias or name,
        field.annotation,
        default,
        field.description,
        field.examples,
        field.is_required(),
        tuple(each for each in limits if not isinstance(each, dg.Resolver)),
    )


def _table(described: Sequence[Key]) -> str:
    if not described:
        return "No keys.\n"
    rows = [
        f"| `{key.name}` | {_allowed(key)} | {_default(key)} | {_cell(key.description or '')} | {_examples(key)} |"
        for key in described
    ]
    return "| key | allowed | default | meaning | example |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"


def _allowed(key: Key) -> str:
    words = [_words(part) for part in _parts(key.annotation)]
    limits = [
        f"{sign} {getattr(limit, name):g}"
        for limit in key.limits
        for name, sign in (("ge", "≥"), ("gt", ">"), ("le", "≤"), ("lt", "<"))
        if hasattr(limit, name)
    ]
    return " or ".join(dict.fromkeys(words)) + (f", {', '.join(limits)}" if limits else "")


def _words(annotation: Any) -> str:
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", type(None): "null"}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if annotation in names:
        return names[annotation]
    if origin is not None and issubclass(origin, Mapping):
        return "mapping"
    if origin is not None and issubclass(origin, Sequence):
        return f"list of {_words(arguments[0])}"
    return "keys below" if isinstance(annotation, type) and issubclass(annotation, BaseModel) else "any"


def _default(key: Key) -> str:
    if key.required:
        return "**required**"
    default = key.default
    if isinstance(default, BaseModel):
        default = default.model_dump(exclude_unset=True)
    return "its own" if default == {} and isinstance(key.default, BaseModel) else f"`{_yaml(default)}`"


def _examples(key: Key) -> str:
    return "<br>".join(f"`{_yaml(example)}`".replace("|", "\\|") for example in key.examples or ())


def _yaml(value: Any) -> str:
    """The value as YAML in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_yaml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, str) and (set(value) & set(":{}[],#&*!|>'\"%@`;") or value[:1].isdigit() or not value):
        return json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) else json.dumps(value)


def _doc(described: type) -> str:
    """The docstring up to its first section of parameters or examples."""
    lines = (inspect.getdoc(described) or "").splitlines()
    ends = [index - 1 for index, line in enumerate(lines) if line and set(line) == {"-"}]
    return "\n".join(lines[: ends[0] if ends else None]).strip().replace("``", "`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace(">", "&gt;")


def main() -> None:
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
