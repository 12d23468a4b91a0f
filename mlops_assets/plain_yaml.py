"""YAML as plain data, without numbers that take for ever.

PyYAML reads ``1:30`` as a number of base 60, in a time that grows with the square of its length; Python refuses
integers of more digits than its own limit. A number of more characters than `LONGEST_NUMBER` is refused; all others are
read as PyYAML's own safe loader reads them.
"""

import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

LONGEST_NUMBER = 400
_ENDLESS = re.compile(rf"(?<![\w:])[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){{{LONGEST_NUMBER // 3},}}")


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader with a limit on the length of numbers."""

    def construct_yaml_int(self, node: Any) -> int:
        return int(super().construct_yaml_int(self._limited(node)))

    def construct_yaml_float(self, node: Any) -> float:
        return float(super().construct_yaml_float(self._limited(node)))

    def _limited(self, node: Any) -> Any:
        length = len(self.construct_scalar(node))
        if length > LONGEST_NUMBER:
            raise ConstructorError(
                None, None, f"a number of {length} characters, {LONGEST_NUMBER} is the most", node.start_mark
            )
        return node


for _name in ("int", "float"):
    PlainLoader.add_constructor(f"tag:yaml.org,2002:{_name}", getattr(PlainLoader, f"construct_yaml_{_name}"))


class UniqueKeyLoader(PlainLoader):
    """Refuses a key that a mapping has twice, of which YAML's readers keep the last."""

    def compose_mapping_node(self, anchor: Any) -> Any:
        node, known = super().compose_mapping_node(anchor), set[tuple[str, str]]()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in known:
                    raise ConstructorError(None, None, f"the key {key.value!r} is there twice", key.start_mark)
                known.add((key.tag, key.value))
        return node


def load_yaml(text: str, *, unique_keys: bool = False) -> Any:
    """The content of one document; errors as `yaml.safe_load`.

    `unique_keys`: a key that is there twice is an error too.
    """
    return yaml.load(text, UniqueKeyLoader if unique_keys else PlainLoader)


def holds_endless_number(text: str) -> bool:
    """Whether a text has a number of base 60 in it that a reader without a limit would not come to the end of."""
    return _ENDLESS.search(text) is not None
