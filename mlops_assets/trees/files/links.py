"""Whether the links between nodes make a tree: each node reached once, from the root, on paths that end."""

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.files.errors import NativeFileError

Links = npt.NDArray[np.integer]

# A path's length squared is what the libraries' SHAP allocates, and each of its nodes is a frame on their stack.
DEEPEST = 2_048


def check_tree(left: Links, right: Links, is_leaf: npt.NDArray[np.bool_], where: str) -> npt.NDArray[np.bool_]:
    """Which nodes node 0 leads to; children are looked at where a node is no leaf.

    Raises
    ------
    NativeFileError
        A child is none of the nodes, is reached twice, or lies deeper than `DEEPEST`.
    """
    count = len(is_leaf)
    inner = np.flatnonzero(~is_leaf)
    children = np.concatenate([left[inner], right[inner]])
    if len(children) and (children.min() < 0 or children.max() >= count):
        raise NativeFileError("has a child that is none of its nodes", where=where)
    parents = np.bincount(children, minlength=count)
    if parents[0] or parents.max() > 1:
        raise NativeFileError("has a node with two parents", where=where)
    ancestor = np.arange(count)
    ancestor[children] = np.concatenate([inner, inner])
    # Each round looks twice as far up as the one before; node 0 is its own ancestor.
    far = 1
    while far < DEEPEST:
        ancestor, far = ancestor[ancestor], 2 * far
    near = ancestor == 0
    while far < count:
        ancestor, far = ancestor[ancestor], 2 * far
    reached: npt.NDArray[np.bool_] = np.equal(ancestor, 0)
    if not np.array_equal(near, reached):
        raise NativeFileError(f"has a path of more than {DEEPEST} nodes", where=where)
    return reached
