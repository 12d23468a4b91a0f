"""From sums of trees to predictions, in the libraries' own arithmetic: C's functions, number by number.

NumPy's vectorized exponential may differ from C's in the last bit; numba's is C's. No NumPy function will do here.
"""

import math
from functools import partial

import numpy as np

from mlops_assets.trees.arrays import Floats, Singles
from mlops_assets.trees.numba_kernels import compile_kernel

_compile = partial(compile_kernel, fastmath=False)


@_compile
def apply_sigmoid(sums: Floats, scale: float) -> None:
    """1 / (1 + exp(-scale x)), in place."""
    for row in range(sums.shape[0]):
        for output in range(sums.shape[1]):
            sums[row, output] = 1.0 / (1.0 + math.exp(-scale * sums[row, output]))


@_compile
def apply_exponential(sums: Floats | Singles) -> None:
    """exp(x), in place."""
    for row in range(sums.shape[0]):
        for output in range(sums.shape[1]):
            sums[row, output] = math.exp(sums[row, output])


@_compile
def apply_log1p_exp(sums: Floats) -> None:
    """log(1 + exp(x)), in place."""
    for row in range(sums.shape[0]):
        for output in range(sums.shape[1]):
            sums[row, output] = math.log1p(math.exp(sums[row, output]))


@_compile
def apply_softmax(sums: Floats) -> None:
    """Softmax of each row, in place, as LightGBM computes it."""
    for row in range(sums.shape[0]):
        most = sums[row, 0]
        for output in range(1, sums.shape[1]):
            most = max(sums[row, output], most)
        total = 0.0
        for output in range(sums.shape[1]):
            sums[row, output] = math.exp(sums[row, output] - most)
            total += sums[row, output]
        for output in range(sums.shape[1]):
            sums[row, output] /= total


@_compile
def apply_single_sigmoid(sums: Singles) -> None:
    """The sigmoid, in place, as XGBoost computes it in single precision."""
    one = np.float32(1.0)
    for row in range(sums.shape[0]):
        for output in range(sums.shape[1]):
            power = min(-sums[row, output], np.float32(88.7))
            sums[row, output] = one / (math.exp(power) + one + np.float32(1e-16))


@_compile
def apply_single_softmax(sums: Singles) -> None:
    """Softmax of each row, in place, as XGBoost computes it: floats, and their sum as a double."""
    for row in range(sums.shape[0]):
        most = sums[row, 0]
        for output in range(1, sums.shape[1]):
            most = max(sums[row, output], most)
        total = 0.0
        for output in range(sums.shape[1]):
            sums[row, output] = math.exp(sums[row, output] - most)
            total += sums[row, output]
        for output in range(sums.shape[1]):
            sums[row, output] /= np.float32(total)


@_compile
def apply_single_logit(probabilities: Singles) -> None:
    """-log(1 / p - 1), in place, in single precision."""
    one = np.float32(1.0)
    for output in range(len(probabilities)):
        probabilities[output] = -math.log(one / probabilities[output] - one)


@_compile
def apply_logarithm(values: Singles) -> None:
    """log(x), in place, in single precision."""
    for output in range(len(values)):
        values[output] = math.log(values[output])


def apply_signed_square(sums: Floats) -> None:
    """sign(x) x^2, in place."""
    np.multiply(np.sign(sums) * sums, sums, out=sums)


_EXP_BITS = 11
_EXP_TABLE = np.array([2.0 ** (place / 2**_EXP_BITS) for place in range(2**_EXP_BITS)]).view(np.uint64) & np.uint64(
    2**52 - 1
)
_EXP_SCALE = 2**_EXP_BITS / math.log(2)
_EXP_STEP = 1 / _EXP_SCALE
_EXP_SHIFT = float(3 << 51)
_EXP_ADJUST = np.uint64((1 << (_EXP_BITS + 10)) - (1 << _EXP_BITS))


@_compile
def apply_table_exponential(sums: Floats) -> None:
    """exp(x), in place, as CatBoost computes it: from a table of 2048 powers of two (`fmath::expd`)."""
    flat = np.zeros(2)
    bits = flat.view(np.uint64)
    for row in range(sums.shape[0]):
        for output in range(sums.shape[1]):
            x = sums[row, output]
            if not x > -708.39641853226408:
                sums[row, output] = x if np.isnan(x) else 0.0
                continue
            if x >= 709.78271289338397:
                sums[row, output] = np.inf
                continue
            flat[0] = x * _EXP_SCALE + _EXP_SHIFT
            t = (flat[0] - _EXP_SHIFT) * _EXP_STEP - x
            place = bits[0]
            bits[1] = (((place + _EXP_ADJUST) >> np.uint64(_EXP_BITS)) << np.uint64(52)) | _EXP_TABLE[
                place & np.uint64(2**_EXP_BITS - 1)
            ]
            y = (3.0000000027955394 - t) * (t * t) * 0.16666666685227835064 - t + 1.0
            sums[row, output] = y * flat[1]
