"""Seeded mutations of model files, of their bytes and of their structure."""

import json
import pickle
import random
import re
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_ODD = (
    *(b"0", b"1", b"-1", b"2", b"3", b"7", b"-2", b"-5", b"12", b"255", b"256", b"65536", b"1000000"),
    *(b"2147483647", b"-2147483648", b"4294967295", b"4294967296", b"9223372036854775807", b"-9223372036854775808"),
    *(b"99999999999999999999", b"1e308", b"-1e308", b"1e-320", b"nan", b"inf", b"-inf", b"NaN", b"Infinity", b"", b"-"),
    *(b"1.5", b"0x10", b"1_0", b"+1", b"01", b"1e5", b"null", b"true", b'""', b"[]", b"{}"),
)
_ODD_INTS = (0, 1, -1, 2, 3, 5, 7, 12, 100, 255, 256, 65535, 65536, 2**31 - 1, -(2**31), 2**32 - 1, 2**62, -(2**62))
_ODD_VALUES: tuple[Any, ...] = (
    *_ODD_INTS,
    0.5,
    1e38,
    -1e300,
    True,
    None,
    "",
    "0",
    "-1",
    "999999999",
    "nan",
    [],
    {},
    "x",
)
_DEEP = 200_000

Mutate = Callable[[random.Random, bytes, Sequence[bytes]], bytes]


def mutate_bytes(chance: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Flip bits, set bytes, cut, repeat, move; integers of several widths become others."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if not changed:
            break
        at = chance.randrange(len(changed))
        kind = chance.randrange(9)
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        elif kind == 2:
            del changed[at : at + chance.choice((1, 2, 4, 8, 40))]
        elif kind == 3:
            changed[at:at] = changed[at : at + chance.choice((1, 4, 16, 64))]
        elif kind == 4 and chance.random() < 0.3:
            del changed[at:]
        elif kind == 5:
            form = chance.choice(("<i", ">i", "<q", ">q", "<h", ">h"))
            size = struct.calcsize(form)
            number = chance.choice(_ODD_INTS) & (2 ** (8 * size) - 1)
            at -= at % chance.choice((1, 2, 4))
            changed[at : at + size] = number.to_bytes(size, "little" if form[0] == "<" else "big")
        elif kind == 6:
            other = chance.randrange(len(changed))
            size = chance.choice((1, 4, 8))
            changed[at : at + size] = changed[other : other + size]
        elif kind == 7 and at + 4 <= len(changed):
            at -= at % 4
            number = struct.unpack_from("<i", changed, at)[0] if at + 4 <= len(changed) else 0
            changed[at : at + 4] = ((number + chance.choice((-4, -1, 1, 4, 8))) & 0xFFFFFFFF).to_bytes(4, "little")
        else:
            changed[at] = (changed[at] + chance.choice((1, 255))) & 255
    return bytes(changed)


@lru_cache(maxsize=100)
def _find_numbers(data: bytes) -> list[re.Match[bytes]]:
    return list(_NUMBER.finditer(data))


def mutate_numbers(chance: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Put other numbers where numbers are."""
    places = _find_numbers(data)
    if not places:
        return data
    changed = data
    for found in sorted(
        chance.sample(places, min(len(places), chance.choice((1, 1, 1, 2, 5)))), key=lambda at: -at.start()
    ):
        replaced = chance.choice(_ODD) if chance.random() < 0.7 else chance.choice(places)[0]
        changed = changed[: found.start()] + replaced + changed[found.end() :]
    return changed


def mutate_lines(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """Take out, repeat, swap and lengthen lines; take some of another model."""
    lines = data.split(b"\n")
    for _ in range(chance.choice((1, 1, 2))):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        kind = chance.randrange(8)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, lines[other])
        elif kind == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == 3:
            lines[at] += b" " + chance.choice(_ODD)
        elif kind == 4:
            lines[at] = lines[at].rpartition(b" ")[0]
        elif kind == 5:
            key = lines[at].partition(b"=")[0]
            lines[at] = key + b"=" + lines[other].partition(b"=")[2]
        elif kind == 6:
            foreign = chance.choice(others).split(b"\n")
            lines[at] = chance.choice(foreign)
        else:
            key, sign, values = lines[at].partition(b"=")
            numbers = values.split(b" ")
            chance.shuffle(numbers)
            lines[at] = key + sign + b" ".join(numbers)
        if not lines:
            break
    return b"\n".join(lines)


def resize(data: bytes) -> bytes:
    """A LightGBM text model whose `tree_sizes` are those of its trees, so that other faults are met."""
    head, *trees = data.split(b"\nTree=")
    if not trees:
        return data
    body, mark, rest = trees[-1].partition(b"end of trees")
    trees[-1] = body
    sizes = [len(b"Tree=" + tree) + 1 for tree in trees]
    sizes[-1] -= 1
    line = b"tree_sizes=" + b" ".join(b"%d" % size for size in sizes)
    head = re.sub(rb"tree_sizes=[^\n]*", line, head)
    return head + b"\nTree=" + b"\nTree=".join(trees) + mark + rest


def mutate_lightgbm(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One of all that applies to a text model."""
    if chance.random() < 0.001:
        return data.replace(b"pandas_categorical:", b"pandas_categorical:" + b"[" * _DEEP)
    changed = chance.choice((mutate_bytes, mutate_numbers, mutate_numbers, mutate_numbers, mutate_lines))(
        chance, data, others
    )
    return resize(changed) if chance.random() < 0.8 else changed


@lru_cache(maxsize=100)
def _parse(text: bytes) -> bytes:
    """A document and its members' places, pickled: what is unpacked from it is a copy of both."""
    value = json.loads(text)
    places: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        now = waiting.pop()
        members = now.items() if isinstance(now, dict) else enumerate(now) if isinstance(now, list) else ()
        for key, member in members:
            places.append((now, key))
            waiting.append(member)
    return pickle.dumps((value, places))


def mutate_document(chance: random.Random, text: bytes) -> Any:
    """Change members of a JSON document: other numbers, members gone or repeated, arrays longer or shorter."""
    value, places = pickle.loads(_parse(text))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        holder, key = chance.choice(places)
        if (isinstance(holder, dict) and key not in holder) or (isinstance(holder, list) and key >= len(holder)):
            continue
        kind, member = chance.randrange(9), holder[key]
        if kind == 0 and isinstance(holder, dict):
            del holder[key]
        elif kind == 1 and isinstance(member, list) and member:
            member.append(chance.choice(member))
        elif kind == 2 and isinstance(member, list) and member:
            del member[chance.randrange(len(member)) :]
        elif kind == 3 and isinstance(member, list):
            chance.shuffle(member)
        elif kind == 4:
            other, name = chance.choice(places)
            holder[key] = json.loads(json.dumps(other[name])) if _has(other, name) else 0
        elif kind == 5 and isinstance(member, int | float) and not isinstance(member, bool):
            holder[key] = member + chance.choice((1, -1, 2))
        elif kind == 6 and isinstance(member, str):
            holder[key] = str(chance.choice(_ODD_INTS))
        elif kind == 7 and isinstance(holder, dict):
            holder[chance.choice(("x", "num_class", "trees", "categories"))] = chance.choice(_ODD_VALUES)
        else:
            holder[key] = chance.choice(_ODD_VALUES)
    return value


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else key < len(holder)


def mutate_json(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One of all that applies to JSON."""
    draw = chance.random()
    if draw < 0.001:
        return data.replace(b"[", b"[" * _DEEP, 1)
    if draw < 0.25:
        return mutate_bytes(chance, data, others)
    if draw < 0.6:
        return mutate_numbers(chance, data, others)
    return json.dumps(mutate_document(chance, data), separators=(",", ":")).encode()


def mutate_ubjson(chance: random.Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One of all that applies to UBJSON."""
    draw = chance.random()
    if draw < 0.001:
        return data[:1] + b"L\0\0\0\0\0\0\0\1x[#L\0\0\0\0\0\0\0\1" * _DEEP
    if draw < 0.5:
        return mutate_bytes(chance, data, others)
    text = chance.choice([other for other in others if other[:2] == b'{"'])
    return write_ubjson(mutate_document(chance, text))


def mutate_catboost(chance: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Mostly where trees, features and statistics are: behind the texts, which take most of a small model."""
    draw = chance.random()
    if draw < 0.001:
        return data.replace(b'{"', b'{"a":' + b"[" * _DEEP + b'"', 1)
    if draw < 0.1:
        return mutate_bytes(chance, data, ())
    changed = bytearray(data)
    start = max(data.rfind(b"FlabuffersModel_v1") + 20, len(data) - 1100) if draw < 0.8 else 8
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(start, len(changed) - 4)
        kind = chance.randrange(6)
        word = at - at % 4
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at] = chance.choice((0, 1, 2, 4, 127, 128, 255))
        elif kind == 2:
            changed[word : word + 4] = (chance.choice(_ODD_INTS) & 0xFFFFFFFF).to_bytes(4, "little")
        elif kind == 3:
            other = chance.randrange(start, len(changed) - 4)
            other -= other % 4
            changed[word : word + 4] = changed[other : other + 4]
        elif kind == 4:
            number = int.from_bytes(changed[word : word + 4], "little") + chance.choice((-8, -4, -1, 1, 2, 4, 8))
            changed[word : word + 4] = (number & 0xFFFFFFFF).to_bytes(4, "little")
        else:
            changed[at] = (changed[at] + chance.choice((1, 255))) & 255
    return bytes(changed)


def mutate_onnx(chance: random.Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """Mostly in the graph, between its name and the texts behind it, and mostly without a change of lengths."""
    if chance.random() < 0.2:
        return mutate_bytes(chance, data, ())
    changed = bytearray(data)
    start, end = data.find(b"TreeEnsemble") - 80, data.rfind(b"catboost_version_info")
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(max(start, 0), end if end > start else len(data))
        kind = chance.randrange(4)
        if kind == 0:
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[at] = chance.choice((0, 1, 2, 3, 4, 6, 7, 20, 127))
        elif kind == 2:
            changed[at] = (changed[at] + chance.choice((1, 255))) & 255
        else:
            changed[at] = changed[chance.randrange(max(start, 0), len(data))]
    return bytes(changed)


_FLOATS = {"base_weights", "leaf_weights", "loss_changes", "split_conditions", "sum_hessian", "weights", "weight_drop"}
_BYTES = {"default_left", "split_type"}
_WORDS = {
    *("categories", "categories_nodes", "left_children", "parents", "right_children"),
    *("split_indices", "offsets", "feature_segments", "sorted_idx"),
}
_LONGS = {"categories_segments", "categories_sizes"}


def write_ubjson(value: Any, key: str = "") -> bytes:
    """Plain values as XGBoost writes them."""
    if isinstance(value, dict):
        members = (_text(name) + write_ubjson(member, name) for name, member in value.items())
        return b"{" + b"".join(members) + b"}"
    if isinstance(value, list):
        for names, mark, form in (
            (_FLOATS, b"d", "f"),
            (_BYTES, b"U", "B"),
            (_WORDS, b"l", "i"),
            (_LONGS, b"L", "q"),
        ):
            if key in names:
                try:
                    body = struct.pack(f">{len(value)}{form}", *value)
                except (struct.error, OverflowError):
                    break
                return b"[$" + mark + b"#L" + struct.pack(">q", len(value)) + body
        return b"[#L" + struct.pack(">q", len(value)) + b"".join(write_ubjson(member) for member in value)
    if value is None or isinstance(value, bool):
        return {None: b"Z", True: b"T", False: b"F"}[value]
    if isinstance(value, str):
        return b"S" + _text(value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return b"L" + struct.pack(">q", value)
    return b"D" + struct.pack(">d", float(value))


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"L" + struct.pack(">q", len(encoded)) + encoded


MUTATIONS: dict[str, Mutate] = {
    "lightgbm": mutate_lightgbm,
    "xgboost-json": mutate_json,
    "xgboost-ubjson": mutate_ubjson,
    "catboost": mutate_catboost,
    "onnx": mutate_onnx,
}
"""Format -> its mutation."""
