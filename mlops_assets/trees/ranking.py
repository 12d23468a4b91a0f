"""What the arrays of `RankedTrees` mean: shared by the kernel and by who makes them."""

import numpy as np

MISSING_GREATEST, ZERO_MISSING, CATEGORIES = 1, 2, 4
"""Kinds of a column: a missing value has the greatest code, else the least; zeros are missing; in a set (0) or not."""
ZERO_THRESHOLD = float(np.float32(1e-35))
"""The largest number that is zero where zeros are missing: LightGBM's `kZeroThreshold`, a float32 taken as a double."""
LANES = 512
"""Rows that a tree takes at once."""
BY_BITS, BY_STEPS, BY_PATHS, BY_LEVELS = 0, 1, 2, 3
"""How rows find their leaves."""
MOST_RANKS = 2**24 - 1
"""Fewer thresholds than this a column may have."""
