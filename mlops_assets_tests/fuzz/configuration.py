"""Settings that nobody should write: each is accepted, or refused by an error of this package.

``python -m mlops_assets_tests.fuzz.configuration [--count 50000] [--seed 0]`` tries more of them than the tests do.
"""

import argparse
import datetime
import math
import random
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel

from mlops_assets.component import build_model_definitions
from mlops_assets.errors import MlopsAssetsError
from mlops_assets.mistakes import inner_groups
from mlops_assets.settings.model import ModelSettings

NUMBERS = (0, -1, 1, 2**63, 2**64, 10**400, -(10**400), 1.5, -0.0, math.nan, math.inf, -math.inf, 1e308, True, False)
TEXTS = (
    *("", "x", " ", "\n", "a\nb", "\0", "a\0b", "\x1b[31m", "\u202e", "é", "😀", "\ud800", "x" * 300, "x" * 20_000),
    *(
        ".",
        "..",
        "../..",
        "/",
        "//",
        "a/b",
        "a.b",
        "..a",
        ".x",
        "x.",
        "x..y",
        "-1",
        "1e999",
        "0x10",
        "@x",
        "user@x.com",
    ),
    *("os.system", "builtins.eval", "mlops_assets.errors.MlopsAssetsError", "nosuch.module.Class", "__main__.X"),
    *("InferSigner", "{partition}", "{partition:%Y}", "{partition:%Q}", "{env: X}", "{{ env.X }}", "{% for %}"),
    *("postgresql://u:p@h/d", "sqlite://", "sqlite:///\0", "duckdb:///x", "http://", "http://[bad", "http://a b/"),
    *("s3://", "s3:///x", "file://", "::", "a::b", "memory://x", "team:x", "team:", "TEAM:A", "a@b", "* * * * *"),
    *("99 * * * *", "@daily", "int64", "decimal128(99, 1)", "list<int>", "list<" * 200, "timestamp[us, tz=No/Where]"),
)
ODD_KINDS = ("x", None, 5, ".x", "x" * 10_000, "..x.y", "mlops_assets.", "a b.c", "\0.x", "os.path")
GROUPS: tuple[Any, ...] = (
    *({"env": "X"}, {"env": ""}, {"env": 5}, {"env": "A=B\0"}, {}, {"a": 1}, {1: 2}, {None: 1}),
    {"a": {"b": {"c": 1}}},
    *({"KIND": kind} for kind in ODD_KINDS),
    *({"type": kind} for kind in ("daily", "hourly", "dynamic", "x")),
    *({"type": "daily", "start": start} for start in ("x", "0001-01-01", "9999-12-31", 5)),
    {"type": "hourly", "start": "2024-01-01", "timezone": "\0"},
    *({"type": "static", "keys": keys} for keys in ([], ["a", "a"], ["a/b"], ["\0"], [None], "ab")),
)
LISTS: tuple[Any, ...] = (
    *([], [[]], [None], [1], ["a"], ["a", "a"], ["a"] * 1_000, ["\0"], ["team:x"], ["team:"], ["a@b.c"]),
)
OTHERS: tuple[Any, ...] = (None, datetime.date(2024, 1, 1), datetime.datetime.max, b"x", b"\xff", {1, 2}, object())
VALUES = (*NUMBERS, *TEXTS, *GROUPS, *LISTS, *OTHERS)
ODD_KEYS: tuple[Any, ...] = ("zz", "\0", "x" * 5_000, 5, None, "KIND", "inputs")


def key_paths(group: type[BaseModel] = ModelSettings, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every key of the settings, those of groups inside included."""
    for name, field in group.model_fields.items():
        path = (*above, field.alias or name)
        yield path
        for inner in inner_groups(field.annotation) if len(path) < 4 else ():
            yield from key_paths(inner, path)


def odd_settings(chance: random.Random, paths: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Settings that would do, with one to three values in the place of others."""
    settings: dict[str, Any] = {"model": "m", "inputs": {"path": "x.parquet"}, "outputs": {"path": "t"}}
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        path = chance.choice(paths)
        if chance.random() < 0.1:
            path = (path[0], chance.choice(ODD_KEYS))
        group = settings
        for key in path[:-1]:
            if not isinstance(group.get(key), dict):
                group[key] = {}
            group = group[key]
        group[path[-1]] = chance.choice(VALUES)
    return settings


def try_settings(settings: dict[str, Any], root: Path) -> str | None:
    """Make the definitions; what went wrong other than by an error of this package, or None."""
    model = settings.pop("model", "m")
    named = {key: value for key, value in settings.items() if isinstance(key, str)}
    try:
        definitions = build_model_definitions(model, root, **named)
        dg.Definitions.merge(definitions, other_assets(definitions)).get_repository_def()
    except MlopsAssetsError as error:
        return None if len(str(error)) < 20_000 else f"A message of {len(str(error))} characters"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return "".join(traceback.format_exception_only(error)) + traceback.format_tb(error.__traceback__)[-1]
    return None


def other_assets(definitions: dg.Definitions) -> dg.Definitions:
    """The assets that these read and do not make, as a code location has them."""
    made, read = set[dg.AssetKey](), set[dg.AssetKey]()
    for each in definitions.assets or ():
        for spec in each.specs if isinstance(each, dg.AssetsDefinition) else [each]:
            made.add(spec.key)
            read |= {dependency.asset_key for dependency in spec.deps}
    return dg.Definitions(assets=[dg.AssetSpec(key) for key in sorted(read - made)])


def failures(seed: int, count: int, root: Path) -> list[str]:
    """What was wrong with `count` settings, each with the seed that makes them again."""
    paths = list(dict.fromkeys(key_paths()))
    found = []
    for number in range(seed, seed + count):
        settings = odd_settings(random.Random(number), paths)
        shown = repr(settings)[:500]
        if (wrong := try_settings(settings, root)) is not None:
            found.append(f"seed {number}: {shown}\n{wrong}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    found = failures(chosen.seed, chosen.count, Path.cwd())
    print("\n".join(found))
    print(f"{len(found)} of {chosen.count} settings failed with an error that is not this package's")
    raise SystemExit(bool(found))


if __name__ == "__main__":
    main()
