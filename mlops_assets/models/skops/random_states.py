"""States of random generators: NumPy restores them without a look at where they continue to read."""

from typing import TypeGuard

from mlops_assets.models.skops.paths import Place
from mlops_assets.models.skops.refusal import RefusedStateError
from mlops_assets.models.skops.values import Array, Data, Entries, Items, Parts, Value

_TWISTER_WORDS = 624
_MOST_POOL = 64
_LONGEST_ENTROPY = 1 << 4096
# Of each bit generator: its arrays with their lengths, and how far into them it may point.
_ARRAYS = {
    "MT19937": {"key": _TWISTER_WORDS},
    "Philox": {"counter": 4, "key": 2},
    "SFC64": {"state": 4},
    "PCG64": {},
    "PCG64DXSM": {},
}


def check_random_state(value: Parts, place: Place) -> None:
    """Return if the state is one that NumPy has written.

    Raises
    ------
    RefusedStateError
        It is not.
    """
    if value.kind == "random state":
        sound = _is_generator(value.parts["content"], ("MT19937",))
    else:
        sound = _is_generator(value.parts["bit_generator"], tuple(_ARRAYS)) and _is_seed(value.parts["seed_seq"])
    if not sound:
        raise RefusedStateError("is a random state that NumPy does not write", place)


def _is_generator(state: Value, names: tuple[str, ...]) -> bool:
    held = state.entries if isinstance(state, Entries) else {}
    name = held.get("bit_generator")
    if not isinstance(name, Data) or not isinstance(name.value, str) or name.value not in names:
        return False
    inner = held.get("state")
    parts = inner.entries if isinstance(inner, Entries) else {}
    arrays = _ARRAYS[name.value]
    if not all(_is_array(parts.get(part), length) for part, length in arrays.items()):
        return False
    if name.value == "Philox" and not (_is_array(held.get("buffer"), 4) and _is_within(held.get("buffer_pos"), 4)):
        return False
    if name.value == "MT19937" and not _is_within(parts.get("pos"), _TWISTER_WORDS):
        return False
    rest = [part for key, part in (held | parts).items() if key not in {*arrays, "state", "buffer", "bit_generator"}]
    return all(isinstance(part, Data) and isinstance(part.value, int | float) for part in rest)


def _is_array(value: Value | None, length: int) -> bool:
    return isinstance(value, Array) and value.shape == (length,) and value.dtype.kind == "u"


def _is_whole(value: Value | None) -> TypeGuard[Data]:
    return isinstance(value, Data) and type(value.value) is int


def _is_within(value: Value | None, most: int) -> bool:
    return _is_whole(value) and isinstance(value.value, int) and 0 <= value.value <= most


def _is_seed(state: Value) -> bool:
    held = state.entries if isinstance(state, Entries) else {}
    if not set(held) <= {"entropy", "spawn_key", "pool_size", "n_children_spawned"}:
        return False
    entropy, spawned = held.get("entropy"), held.get("spawn_key")
    numbers = entropy.items if isinstance(entropy, Items) else [entropy] if entropy else []
    numbers = numbers + (spawned.items if isinstance(spawned, Items) else [])
    return (
        len(numbers) <= _MOST_POOL
        and all(_is_entropy(number) for number in numbers)
        and _is_within(held.get("pool_size"), _MOST_POOL)
        and _is_within(held.get("n_children_spawned"), 2**31)
    )


def _is_entropy(number: Value) -> bool:
    if isinstance(number, Array):
        return number.shape == () and number.dtype.kind in "iu"
    return isinstance(number, Data) and type(number.value) is int and 0 <= number.value < _LONGEST_ENTROPY
