"""LightGBM's text models (`Booster.save_model`, versions v2 to v4), read line by line into checked arrays.

LightGBM's own reader (4.7, `src/boosting/gbdt_model_text.cpp`, `src/io/tree.cpp`) trusts what it reads: an index out of
range is read or written where it points (GHSA-wvg4-4w35-4jc9). Here a file is what LightGBM writes, or it is refused.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_assets.trees.arrays import Floats, Ints, Words
from mlops_assets.trees.files.columns import Column
from mlops_assets.trees.files.errors import NativeFileError, UncheckableFileError
from mlops_assets.trees.files.json_text import check_depth
from mlops_assets.trees.files.lightgbm_tree import COLUMNS, add_tree, read_keys
from mlops_assets.trees.files.numbers import INT32, read_ints, read_word, shorten

_VERSIONS = (b"v2", b"v3", b"v4")
_HEADER = frozenset(
    b"version num_class num_tree_per_iteration label_index max_feature_idx objective average_output feature_names "
    b"monotone_constraints feature_infos tree_sizes".split()
)
_NEEDED = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "feature_names")
_OBJECTIVE = re.compile(r"[a-z0-9_]+(?: [a-z_]+(?::[-+0-9.eE]+)?)*")
_FEATURE_INFO = re.compile(rb"none|\[[-+.\deEinfa]+:[-+.\deEinfa]+\]|-?\d+(?::-?\d+)*")
_PARAMETER = re.compile(rb'\[[a-z0-9_]+: [^"\\\x00-\x1f]*\]')
_CATEGORIES = b"pandas_categorical:"
# A list of columns, each a list of categories.
_CATEGORIES_DEPTH = 2


@dataclass(frozen=True, eq=False)
class LightgbmModel:
    """The trees of a LightGBM model, one after the other: a tree of n leaves has n - 1 splits.

    Attributes
    ----------
    objective
        With its settings, as "binary sigmoid:1"; None where the model has none.
    num_class
        The number of outputs; tree i adds to output i % num_class.
    average_output
        The outputs are means over the trees (random forests), not sums.
    feature_names
        One for each column.
    leaves
        (trees,): the number of leaves.
    split_feature, threshold, decision, left, right, internal_count
        (splits,): the column; the largest value that goes left, or the number of the category set of this tree; bits
        (`CATEGORICAL`, `DEFAULT_LEFT`, and bits 2 and 3: 0 NaN is zero, 1 zero is missing, 2 NaN is missing); the
        children, a split of this tree or -1 - leaf; the training rows.
    leaf_value, leaf_count
        (leaves,).
    category_sets
        (trees,): the number of category sets.
    set_words
        (category sets,): the number of words of each.
    words
        The sets' bits, 32 categories a word.
    linear
        (trees,): whether its leaves hold linear models.
    leaf_const, linear_counts
        (leaves of linear trees,): constant term, and number of columns.
    linear_feature, linear_coefficient
        Of all linear leaves, one after the other.
    """

    objective: str | None
    num_class: int
    average_output: bool
    feature_names: tuple[str, ...]
    leaves: Ints
    split_feature: npt.NDArray[np.int32]
    threshold: Floats
    decision: npt.NDArray[np.int8]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    internal_count: npt.NDArray[np.int32]
    leaf_value: Floats
    leaf_count: npt.NDArray[np.int32]
    category_sets: npt.NDArray[np.int32]
    set_words: npt.NDArray[np.int32]
    words: Words
    linear: npt.NDArray[np.bool_]
    leaf_const: Floats
    linear_counts: npt.NDArray[np.int32]
    linear_feature: npt.NDArray[np.int32]
    linear_coefficient: Floats


def read_lightgbm_text(data: bytes) -> LightgbmModel:
    """The model in a file, or in what `Booster.model_to_string` returns.

    Raises
    ------
    UncheckableFileError
        It is no LightGBM text model, or of an unknown version.
    NativeFileError
        It is one that LightGBM does not write.
    """
    if not data.startswith(b"tree\n"):
        raise UncheckableFileError("does not begin as LightGBM's text models do", where="line 1")
    if b"\0" in data:
        raise NativeFileError("has a zero byte", where=f"byte {data.index(0)}")
    start = data.find(b"\nTree=") + 1
    head = data[5 : start or (data + b"\n\n").find(b"\n\n")]
    about = read_keys(head, _HEADER, "the header")
    if about.get("version") not in _VERSIONS:
        raise UncheckableFileError(f"has the version {shorten(about.get('version', b''))}", where="the header")
    names = _check_header(about)
    columns = {name: Column(dtype) for name, dtype in COLUMNS.items()}
    end, count = start or 5 + len(head), 0
    for section in _sections(data, start, about.get("tree_sizes")):
        add_tree(columns, section, count, len(names))
        end += len(section)
        count += 1
    classes = _check_outputs(about, count, len(data))
    _check_rest(data[end:], bool(count))
    built = {name: column.build() for name, column in columns.items()}
    objective = about.get("objective")
    return LightgbmModel(
        objective=None if objective is None else objective.decode(),
        num_class=classes,
        average_output="average_output" in about,
        feature_names=names,
        **built,  # type: ignore[arg-type]  # each Column has the dtype of its field
    )


def _check_header(about: dict[str, bytes]) -> tuple[str, ...]:
    for name in _NEEDED:
        if name not in about:
            raise NativeFileError(f"lacks {name!r}", where="the header")
    read_word(about["label_index"], "label_index", -INT32, INT32 - 1)
    columns = read_word(about["max_feature_idx"], "max_feature_idx", 0, INT32 - 2) + 1
    try:
        names = tuple(about["feature_names"].decode().split(" "))
    except UnicodeDecodeError as error:
        raise NativeFileError("has names that are not UTF-8", where="feature_names") from error
    if len(names) != columns or "" in names:
        raise NativeFileError(f"has {len(names)} names for {columns} columns", where="feature_names")
    if "feature_infos" in about:
        infos = about["feature_infos"].split(b" ")
        if len(infos) != columns or not all(_FEATURE_INFO.fullmatch(info) for info in infos):
            raise NativeFileError(f"has no range or categories for each of {columns} columns", where="feature_infos")
    if "monotone_constraints" in about:
        read_ints(about["monotone_constraints"], "monotone_constraints", columns, -1, 1)
    return names


def _check_outputs(about: dict[str, bytes], trees: int, size: int) -> int:
    each = read_word(about["num_tree_per_iteration"], "num_tree_per_iteration", 1, trees or size)
    classes = read_word(about["num_class"], "num_class", 1, trees or size)
    if classes != each or trees % each:
        raise NativeFileError(
            f"has {classes} classes, {each} trees in each iteration and {trees} trees", where="the header"
        )
    if "objective" not in about:
        return classes
    text = about["objective"].decode("utf-8", "replace")
    if not _OBJECTIVE.fullmatch(text):
        raise NativeFileError("has an objective that is no name with settings", where="objective")
    name, *settings = text.split(" ")
    counts = [setting for setting in settings if setting.startswith("num_class")]
    if counts != ([f"num_class:{classes}"] if name in ("multiclass", "multiclassova") else []):
        raise NativeFileError(f"has an objective that is not for {classes} classes", where="objective")
    return classes


def _sections(data: bytes, start: int, sizes: bytes | None) -> Iterator[bytes]:
    """Each tree's text, one right behind the other."""
    if sizes is None:
        while start and data.startswith(b"Tree=", start):
            end = data.find(b"\n\n", start)
            end = len(data) if end < 0 else end
            while data.startswith(b"\n", end):
                end += 1
            yield data[start:end]
            start = end
        return
    lengths = read_ints(sizes, "tree_sizes", None, 1, len(data))
    if int(lengths.sum()) > len(data) - start or bool(len(lengths)) != bool(start):
        raise NativeFileError("has trees of another total size", where="tree_sizes")
    for length in lengths.tolist():
        yield data[start : start + length]
        start += length
    if data.startswith(b"Tree=", start):
        raise NativeFileError("has more trees than sizes", where="tree_sizes")


def _check_rest(text: bytes, has_trees: bool) -> None:
    """What follows the trees: importances, the parameters it was trained with, and pandas' categories."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise NativeFileError("has text that is not UTF-8", where="behind the trees") from error
    inside = ended = False
    lines = [line for line in text.replace(b"\r", b"\n").split(b"\n") if line.strip()]
    for number, line in enumerate(lines):
        if line.startswith(b"Tree=") or (not has_trees and line.partition(b"=")[0].strip() in _HEADER):
            raise NativeFileError(f"has the line {shorten(line)} behind its trees", where="behind the trees")
        if line == b"parameters:":
            if inside or ended:
                raise NativeFileError("has its parameters twice", where="parameters")
            inside = True
        elif line == b"end of parameters":
            inside, ended = False, True
        elif inside and not _PARAMETER.fullmatch(line):
            raise NativeFileError(f"has the line {shorten(line)}, which is no parameter", where="parameters")
        if line.lstrip().startswith(_CATEGORIES):
            if number < len(lines) - 1:
                raise NativeFileError("has lines behind pandas' categories", where="pandas_categorical")
            _check_categories(line.strip()[len(_CATEGORIES) :])
    if inside:
        raise NativeFileError("has parameters that do not end", where="parameters")


def _check_categories(text: bytes) -> None:
    where = "pandas_categorical"
    check_depth(text, _CATEGORIES_DEPTH, where)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NativeFileError("has categories that are not JSON", where=where) from error
    lists = found if isinstance(found, list) else [] if found is None else [found]
    if not all(isinstance(each, list) and not any(isinstance(one, dict) for one in each) for each in lists):
        raise NativeFileError("has categories that are no lists", where=where)
