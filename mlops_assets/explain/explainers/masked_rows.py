"""Mixtures of an explained row and background rows."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class MaskedRows:
    """Rows put together from the explained row and background rows, each column in its own type."""

    def __init__(self, background: "pd.DataFrame", rows: "pd.DataFrame") -> None:
        import pandas as pd

        self._names, self._background_rows = list(rows.columns), len(background)
        self._columns = []
        self.keeps_types = True
        """Whether a row put together is of the same types as the explained rows."""
        for name in self._names:
            # Background first, then the rows: one array to take from, in the inputs' own type.
            values = background[name]
            # An optional column is one of integers or booleans where none of its values is missing: they cannot hold a
            # missing one of the background, and both become objects or pandas' own numbers.
            if rows[name].dtype.kind not in "biu" or not values.isna().any():
                values = values.astype(rows[name].dtype)
            joined = pd.concat([values, rows[name]], ignore_index=True)
            self.keeps_types = self.keeps_types and joined.dtype == rows[name].dtype
            self._columns.append(joined.array)

    def rows(self, row: int, from_row: NDArray[np.bool_], starts: NDArray[np.intp]) -> "pd.DataFrame":
        import pandas as pd

        places = np.where(from_row, self._background_rows + row, starts[:, None])
        return pd.DataFrame(
            {
                name: column.take(places[:, place])
                for place, (name, column) in enumerate(zip(self._names, self._columns, strict=True))
            },
            copy=False,
        )
