"""Read YAML that somebody else wrote, once, and write what was read so that everybody else reads the same.

Bounded in size, depth, what its aliases expand to, and what a number in it costs.
"""

from collections.abc import Hashable, Mapping
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from mlops_assets.plain_yaml import PlainLoader

# A signature of ten thousand columns takes 1 MB.
LARGEST_FILE = 8 * 2**20
DEEPEST = 32
MOST_NODES = 100_000
# YAML 1.1 reads 1:30:00 as a number of base 60, and takes time with the square of its length.
LONGEST_NUMBER = 200
# Equal hashes of numbers can be chosen, those of text cannot.
MOST_ODD_KEYS = 1_000

_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_FastDumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NUMBER_CHARACTERS = frozenset("0123456789:_.+-")


class RefusedYamlError(ValueError):
    """The file is not read; the message says why, without any of its content."""


class _StrictLoader(PlainLoader):
    """The loader of settings, which refuses what is too large before it builds anything of it.

    Nodes and characters are counted as if every alias were written out.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._characters = self._depth = self._odd_keys = 0
        self._sizes: dict[int, tuple[int, int]] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        is_alias = self.check_event(yaml.AliasEvent)
        nodes, characters = self._nodes, self._characters
        self._depth += 1
        if self._depth > DEEPEST and self.check_event(yaml.CollectionStartEvent):
            raise RefusedYamlError(f"it is nested more than {DEEPEST} deep")
        if self.check_event(yaml.ScalarEvent):
            value = self.peek_event().value  # type: ignore[no-untyped-call]
            _check_scalar(value)
            self._count(1, len(value))
        elif not is_alias:
            self._count(1, 0)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if is_alias:
            if id(node) not in self._sizes:
                raise RefusedYamlError("one of its aliases refers to nothing, or to what it is a part of")
            self._count(*self._sizes[id(node)])
        else:
            self._sizes[id(node)] = self._nodes - nodes, self._characters - characters
        return node

    def _count(self, nodes: int, characters: int) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MOST_NODES:
            raise RefusedYamlError(f"it holds more than {MOST_NODES} values once its aliases are expanded")
        if self._characters > LARGEST_FILE:
            raise RefusedYamlError(f"it is larger than {LARGEST_FILE // 2**20} MiB once its aliases are expanded")

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping: dict[Hashable, Any] = {}
        # Merge keys (`<<`) are written out by the base class, which is called for that alone.
        self.flatten_mapping(node)
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=deep)
            if not isinstance(key, str):
                self._odd_keys += 1
                if self._odd_keys > MOST_ODD_KEYS:
                    raise RefusedYamlError(f"more than {MOST_ODD_KEYS} of its keys are not text")
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, as plain data: UTF-8, whatever the locale.

    Raises
    ------
    RefusedYamlError
        Larger than `LARGEST_FILE`, deeper than `DEEPEST`, more than `MOST_NODES` nodes once aliases are expanded, not
        YAML in UTF-8, or YAML that asks for anything but plain data.
    """
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    return parse_yaml(raw)


def parse_yaml(raw: bytes) -> Any:
    """The content of a YAML document; see `read_yaml`."""
    if len(raw) > LARGEST_FILE:
        raise RefusedYamlError(f"it is larger than {LARGEST_FILE // 2**20} MiB")
    try:
        return deepcopy(_parse(raw.decode("utf-8")))
    except RefusedYamlError:
        raise
    except (
        yaml.YAMLError,
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        RecursionError,
    ) as error:
        # PyYAML's constructors raise whatever int(), datetime() and their like do.
        raise RefusedYamlError(f"it is not readable as YAML ({type(error).__name__})") from error


def write_yaml(content: Mapping[str, Any]) -> bytes:
    """`content` as YAML of ASCII alone, which every reader of YAML reads as `content`, in every encoding of a locale.

    Raises
    ------
    RefusedYamlError
        It does not come back as it was.
    """
    try:
        text: str = yaml.dump(
            dict(content), Dumper=_FastDumper, allow_unicode=False, default_flow_style=False, sort_keys=False
        )
        # NaN is the one value that is not itself.
        same = text.isascii() and repr(yaml.load(text, Loader=_FastLoader)) == repr(dict(content))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise RefusedYamlError("it holds values that cannot be written as YAML") from error
    if not same:
        raise RefusedYamlError("it holds values that cannot be written as YAML")
    return text.encode("ascii")


@lru_cache(maxsize=4)
def _parse(text: str) -> Any:
    """By the text itself: a run asks for the same file half a dozen times, and thousands of columns take a second."""
    return yaml.load(text, Loader=_StrictLoader)


def _check_scalar(value: str) -> None:
    if ":" in value and len(value) > LONGEST_NUMBER and _NUMBER_CHARACTERS.issuperset(value):
        raise RefusedYamlError(f"one of its numbers has more than {LONGEST_NUMBER} digits")
    # PyYAML reads "\\ud800" as half of a character, which no text can hold.
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise RefusedYamlError("it holds text that is no Unicode")
