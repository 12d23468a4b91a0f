"""CityHash64 in its version 1.0, by which CatBoost names categories (1.2, `util/digest/city.cpp`)."""

_ALL = 2**64 - 1
_K0, _K1 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273
_K2, _K3 = 0x9AE16A3B2F90404F, 0xC949D7C7509E6557
_MULTIPLIER = 0x9DDFEA08EB382D69


def city_hash(data: bytes) -> int:
    """The hash, a number of 64 bits without a sign."""
    length = len(data)
    if length <= 16:
        return _hash_16(data)
    if length <= 32:
        return _hash_32(data)
    if length <= 64:
        return _hash_64(data)
    x, y, z = _word(data, 0), _word(data, length - 16) ^ _K1, _word(data, length - 56) ^ _K0
    v = _weak_hash(data, length - 64, length, y)
    w = _weak_hash(data, length - 32, length * _K1, _K0)
    z = (z + _mix(v[1]) * _K1) & _ALL
    x = _rotate(z + x, 39) * _K1 & _ALL
    y = _rotate(y, 33) * _K1 & _ALL
    for at in range(0, (length - 1) & ~63, 64):
        x = (_rotate(x + y + v[0] + _word(data, at + 16), 37) * _K1 & _ALL) ^ w[1]
        y = (_rotate(y + v[1] + _word(data, at + 48), 42) * _K1 & _ALL) ^ v[0]
        z = _rotate(z ^ w[0], 33)
        v = _weak_hash(data, at, v[1] * _K1, x + w[0])
        w = _weak_hash(data, at + 32, z + w[1], y)
        x, z = z, x
    return _join(_join(v[0], w[0]) + _mix(y) * _K1 + z, _join(v[1], w[1]) + x)


def _hash_16(data: bytes) -> int:
    length = len(data)
    if length > 8:
        end = _word(data, length - 8)
        return _join(_word(data, 0), _rotate(end + length, length)) ^ end
    if length >= 4:
        return _join(length + (_word(data, 0, 4) << 3), _word(data, length - 4, 4))
    if not length:
        return _K2
    y = data[0] + (data[length >> 1] << 8)
    z = length + (data[length - 1] << 2)
    return _mix((y * _K2 ^ z * _K3) & _ALL) * _K2 & _ALL


def _hash_32(data: bytes) -> int:
    length = len(data)
    a, b = _word(data, 0) * _K1 & _ALL, _word(data, 8)
    c, d = _word(data, length - 8) * _K2 & _ALL, _word(data, length - 16) * _K0 & _ALL
    return _join(_rotate(a - b, 43) + _rotate(c, 30) + d, a + _rotate(b ^ _K3, 20) - c + length)


def _hash_64(data: bytes) -> int:
    length = len(data)
    a = _word(data, 0) + (length + _word(data, length - 16)) * _K0
    v = _half(data, 8, a, _word(data, 24))
    w = _half(data, length - 24, _word(data, 16) + _word(data, length - 32), _word(data, length - 8))
    mixed = _mix(((v[0] + w[1]) * _K2 + (w[0] + v[1]) * _K0) & _ALL)
    return _mix((mixed * _K0 + v[1]) & _ALL) * _K2 & _ALL


def _half(data: bytes, at: int, a: int, z: int) -> tuple[int, int]:
    b, c = _rotate(a + z, 52), _rotate(a, 37)
    a += _word(data, at)
    c += _rotate(a, 7)
    a += _word(data, at + 8)
    return (a + z) & _ALL, (b + _rotate(a, 31) + c) & _ALL


def _weak_hash(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    w, x, y, z = (_word(data, at + place) for place in (0, 8, 16, 24))
    a += w
    b = _rotate(b + a + z, 21)
    c = a
    a += x + y
    return (a + z) & _ALL, (b + _rotate(a, 44) + c) & _ALL


def _join(low: int, high: int) -> int:
    low, high = low & _ALL, high & _ALL
    a = (low ^ high) * _MULTIPLIER & _ALL
    a ^= a >> 47
    b = (high ^ a) * _MULTIPLIER & _ALL
    return (b ^ b >> 47) * _MULTIPLIER & _ALL


def _mix(value: int) -> int:
    return value ^ value >> 47


def _rotate(value: int, by: int) -> int:
    value &= _ALL
    return (value >> by | value << 64 - by) & _ALL


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")
