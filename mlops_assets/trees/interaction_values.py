"""Exact path-dependent interaction values of some columns, computed in the way that suits the trees."""

from threading import Lock
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints
from mlops_assets.trees.ensemble import TreeEnsemble
from mlops_assets.trees.interaction_slots import InteractionSlots
from mlops_assets.trees.numba_kernels import as_kernel_array
from mlops_assets.trees.pattern_tables import nanoseconds_of_walk

# Of a walk that also adds up interactions, in those of the walk for attributions; measured.
_WALK_FACTOR = 3.0

_Chosen = tuple[int, bytes]
_made: "WeakKeyDictionary[TreeEnsemble, dict[_Chosen, object]]" = WeakKeyDictionary()
_making = Lock()


def interaction_values(
    ensemble: TreeEnsemble, X: npt.NDArray[np.generic], groups: Ints, count: int, *, by_tables: bool = True
) -> Floats:
    """Main effects and interaction values of `count` chosen columns, of every row.

    The values are those of shap's `TreeExplainer.shap_interaction_values` (path-dependent; Lundberg et al. 2020): an
    interaction is half of what two columns do together, the other half is the other column's, and a column's main
    effect and interactions add up to its attribution. They are computed by tables or by a walk, which agree to 1e-12
    of the prediction's scale; which one follows from the trees and the chosen columns alone. A row's values have the
    same bits whatever rows are beside it.

    Parameters
    ----------
    X
        (n, columns), numbers; NaN is a missing value. They are rounded here as the model rounds them.
    groups
        (columns,): which of the chosen columns each column of the matrix belongs to, 0 to `count` - 1, or `count`: to
        none.
    by_tables
        Tables, which take up to 128 MiB per ensemble, may be used.

    Returns
    -------
    (n, `InteractionSlots(count).size`, outputs), float64, in the order of `InteractionSlots`.
    """
    from mlops_assets.trees.interaction_walk import add_by_walks
    from mlops_assets.trees.table_kernel import Tables, explain_by_tables

    slots = InteractionSlots(count)
    groups = np.ascontiguousarray(groups, np.int64)
    tables = tables_of(ensemble, groups, slots) if by_tables else None
    if isinstance(tables, Tables):
        return explain_by_tables(ensemble, tables, X)[0]
    rows = as_kernel_array(ensemble.prepare(X))
    values = np.zeros((len(rows), slots.size, len(ensemble.outputs)))
    if len(ensemble.walk.feature) and len(rows):
        add_by_walks(ensemble, rows, values, groups, slots)
    if ensemble.walk.complement:
        values[:, :, -1] = -values[:, :, :-1].sum(axis=2)
    return values


def tables_of(ensemble: TreeEnsemble, groups: Ints, slots: InteractionSlots) -> object:
    """The tables of a choice of columns (`Tables`), made once, where they are the faster way; else None."""
    from mlops_assets.trees.interaction_tables import best_plan

    with _making:
        made = _made.setdefault(ensemble, {})
        chosen = slots.count, groups.tobytes()
        if chosen not in made:
            plan = best_plan(ensemble, groups, slots)
            pays = plan is not None and plan.nanoseconds_per_row <= _WALK_FACTOR * nanoseconds_of_walk(ensemble)
            made.clear()
            made[chosen] = plan.tables(ensemble) if plan is not None and pays else None
        return made[chosen]
