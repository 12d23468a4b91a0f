"""Arrays that grow tree by tree, without an object for each tree."""

import numpy as np
import numpy.typing as npt


class Column:
    """The values of one field over all trees."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._bytes = bytearray()

    def add(self, values: npt.ArrayLike) -> None:
        self._bytes += np.ascontiguousarray(values, self._dtype).tobytes()

    def build(self) -> npt.NDArray[np.generic]:
        """All values so far, read-only."""
        values = np.frombuffer(self._bytes, self._dtype)
        values.flags.writeable = False
        return values
