"""Read YAML that somebody else wrote: bounded in size, depth and what its aliases expand to."""

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from mlops_assets.plain_yaml import load_yaml

# A signature of ten thousand columns takes 1 MB.
LARGEST_FILE = 8 * 2**20
DEEPEST = 32
MOST_NODES = 100_000


class RefusedYamlError(ValueError):
    """The file is not read; the message says why, without any of its content."""


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, as plain data, exactly as MLflow reads it.

    Raises
    ------
    RefusedYamlError
        Larger than `LARGEST_FILE`, deeper than `DEEPEST`, more than `MOST_NODES` nodes once aliases are expanded, not
        YAML, or YAML that asks for anything but plain data.
    """
    with path.open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
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


@lru_cache(maxsize=4)
def _parse(text: str) -> Any:
    """By the text itself: a run asks for the same file half a dozen times, and thousands of columns take a second."""
    _check_size(text)
    # The loader that MLflow uses: what it reads is what has been judged.
    return load_yaml(text)


def _check_size(text: str) -> None:
    """Count nodes as if every alias were written out, without building any."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    open_nodes: list[tuple[str | None, int]] = []
    sizes: dict[str, int] = {}
    total = 0
    for event in yaml.parse(text, Loader=loader):
        size = 0
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append((event.anchor, total))
            total += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = total - before
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise RefusedYamlError("one of its aliases refers to nothing, or to what it is a part of")
            size = sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            size = 1
            if event.anchor is not None:
                sizes[event.anchor] = 1
        total += size
        if len(open_nodes) > DEEPEST:
            raise RefusedYamlError(f"it is nested more than {DEEPEST} deep")
        if total > MOST_NODES:
            raise RefusedYamlError(f"it holds more than {MOST_NODES} values once its aliases are expanded")
