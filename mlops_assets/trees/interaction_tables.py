"""Interaction values by tables: what a row adds is looked up by the answers that its values give.

The blocks, patterns and lookups are those of `pattern_tables` and `table_kernel`. A block has a table for each chosen
column on its paths, for each pair of them that are on one path, and for what each has in common with the other columns.
With more values per block than attributions have, smaller blocks may pay: the size with the least estimated cost is
taken.

Of one leaf, with v, o and z as in `shap_kernel` and phi_ij as in `shap_interactions`, the main effect of i is

    phi_i - 1/2 v (o_i - z_i) (prod_{k != i} o_k - prod_{k != i} z_k),

because the interactions of i with all j add up to the second term: o_j - z_j is the derivative of q o_j + (1 - q) z_j,
so the sum over j of the integrals is that of a derivative.
"""

from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.interaction_slots import InteractionSlots
from mlops_assets.trees.numba_kernels import compile_kernel
from mlops_assets.trees.pattern_tables import (
    MOST_CELLS,
    MOST_SECONDS_TO_FILL,
    PER_LOOKUP,
    Block,
    Plan,
    plan_tables,
)
from mlops_assets.trees.table_kernel import Tables, arrange_tables, leaf_arrays

SIZES = (11, 9, 7)
"""Bits of a block that are tried."""

_PER_KIBIBYTE = 0.06
"""Nanoseconds per row for each KiB of a table that is read anew for each tile of rows, measured."""
_PER_CELL_OF_LEAF = 2e-9


@dataclass(frozen=True)
class InteractionPlan:
    """How the trees are cut for the interactions of some columns.

    Attributes
    ----------
    plan
        The blocks.
    groups
        (columns of the matrix,): the place of each one's column among those chosen; `slots.count`: it is not chosen.
    slots
        Of the values.
    sums
        Per block: the slots that it adds to, in order.
    """

    plan: Plan
    groups: Ints
    slots: InteractionSlots
    sums: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, ensemble: TreeEnsemble, groups: Ints, slots: InteractionSlots, bits: int) -> "InteractionPlan | None":
        """The plan with blocks of so many bits; None where the trees are too large for tables."""
        plan = plan_tables(ensemble, bits)
        if plan is None:
            return None
        places = slots.places
        made = cls(plan, groups, slots, tuple(_sums_of(block, groups, places) for block in plan.blocks))
        return made if made.cells <= MOST_CELLS and made.seconds_to_fill <= MOST_SECONDS_TO_FILL else None

    @property
    def cells(self) -> int:
        """Numbers in all tables."""
        return sum((len(sums) + 1) << block.bits for sums, block in self._each())

    @property
    def seconds_to_fill(self) -> float:
        """About how long the tables take."""
        return _PER_CELL_OF_LEAF * sum(
            (len(leaf.feature) + len(sums)) << block.bits for sums, block in self._each() for leaf in block.leaves
        )

    @property
    def nanoseconds_per_row(self) -> float:
        """About what a row costs."""
        return self.plan.nanoseconds_to_ask + sum(
            (len(sums) + 1) * (PER_LOOKUP + _PER_KIBIBYTE * 2.0 ** (block.bits - 7)) for sums, block in self._each()
        )

    def tables(self, ensemble: TreeEnsemble) -> Tables:
        """The tables of the ensemble that this was planned for."""
        places = self.slots.places

        def fill(block: Block, table: Floats) -> None:
            _fill(block, table, self.groups, places)

        return arrange_tables(ensemble, self.plan, self.sums, fill, self.slots.size)

    def _each(self) -> "zip[tuple[tuple[int, ...], Block]]":
        return zip(self.sums, self.plan.blocks, strict=True)


def best_plan(ensemble: TreeEnsemble, groups: Ints, slots: InteractionSlots) -> InteractionPlan | None:
    """The plan that costs a row least; None where the trees are too large for each."""
    plans = [InteractionPlan.of(ensemble, groups, slots, bits) for bits in SIZES]
    return min((plan for plan in plans if plan is not None), key=lambda plan: plan.nanoseconds_per_row, default=None)


def _sums_of(block: Block, groups: Ints, places: Ints) -> tuple[int, ...]:
    """The slots that a block's leaves add to."""
    chosen = len(places) - 1
    of_feature = groups[block.features].tolist() if block.features else []
    found = set()
    for leaf in block.leaves:
        here = sorted({of_feature[each] for each in leaf.feature})
        found |= {int(places[one, one]) for one in here if one < chosen}
        found |= {int(places[one, other]) for one, other in combinations(here, 2)}
    return tuple(sorted(found))


def _fill(block: Block, table: Floats, groups: Ints, places: Ints) -> None:
    leaves = block.leaves
    # Adding it changes no number, not even the sign of a zero.
    table[-1] = -0.0
    here = groups[block.features] if block.features else np.zeros(0, np.int64)
    sums = _sums_of(block, groups, places)
    row_of = np.full(int(places.max(initial=0)) + 2, -1, np.int64)
    row_of[list(sums)] = np.arange(len(sums))
    _fill_table(
        table,
        len(block.path),
        here.astype(np.int64),
        row_of[places],
        *leaf_arrays(leaves),
    )


@partial(compile_kernel, fastmath=False)
def _fill_table(
    table: Floats, above: int, group: Ints, row: Ints, value: Floats, start: Ints, feature: Ints, z: Floats,
    mask: Ints, want: Ints, point_start: Ints, points: Floats, weights: Floats,
) -> None:  # fmt: skip
    """Add up the values of each leaf for all of its o, then of each pattern for all leaves.

    `group`: of the block's features; `row` (k + 1, k + 1): of the table, -1 for none.
    """
    chosen = len(row) - 1
    factors, prefix, suffix = np.empty(64), np.empty(65), np.empty(65)
    difference, target = np.empty(64), np.empty((64, 64), np.int64)
    for leaf in range(len(value)):
        first = start[leaf]
        d = start[leaf + 1] - first
        # The rows of the table that this leaf adds to; several columns may belong to one group.
        count = 0
        rows = np.empty(table.shape[0], np.int64)
        for a in range(d):
            for b in range(a, d):
                one, other = group[feature[first + a]], group[feature[first + b]]
                place = row[one, other] if one < chosen or other < chosen else -1
                target[a, b] = -1
                if place >= 0:
                    for t in range(count):
                        if rows[t] == place:
                            target[a, b] = t
                    if target[a, b] < 0:
                        rows[count], target[a, b] = place, count
                        count += 1
        parts = np.zeros((1 << d, count))
        for o in range(1 << d):
            for a in range(d):
                difference[a] = float((o >> a) & 1) - z[first + a]
            for i in range(point_start[leaf], point_start[leaf + 1]):
                q = points[i]
                prefix[0], suffix[d] = weights[i] * value[leaf], 1.0
                for a in range(d):
                    factors[a] = q * float((o >> a) & 1) + (1 - q) * z[first + a]
                    prefix[a + 1] = prefix[a] * factors[a]
                for a in range(d - 1, -1, -1):
                    suffix[a] = suffix[a + 1] * factors[a]
                for a in range(d):
                    if target[a, a] >= 0:
                        parts[o, target[a, a]] += prefix[a] * suffix[a + 1] * difference[a]
                    between = 0.5 * prefix[a] * difference[a]
                    for b in range(a + 1, d):
                        if target[a, b] >= 0:
                            inner = between * suffix[b + 1] * difference[b]
                            # Both orders of a pair of one group belong to its main effect.
                            parts[o, target[a, b]] += 2 * inner if target[a, b] == target[a, a] else inner
                        between *= factors[b]
            for a in range(d):
                if target[a, a] >= 0:
                    followed, shares = 1.0, 1.0
                    for b in range(d):
                        if b != a:
                            followed *= float((o >> b) & 1)
                            shares *= z[first + b]
                    parts[o, target[a, a]] -= 0.5 * value[leaf] * difference[a] * (followed - shares)
        for pattern in range(table.shape[1]):
            inside, o = pattern >> above, 0
            for k in range(d):
                j = feature[first + k]
                follows = (inside & mask[first + k]) == want[first + k]
                if j < above:
                    follows = follows and ((pattern >> j) & 1) == 1
                if follows:
                    o |= 1 << k
            if o == (1 << d) - 1:
                table[table.shape[0] - 1, pattern] = value[leaf]
            for t in range(count):
                table[rows[t], pattern] += parts[o, t]
