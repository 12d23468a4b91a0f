"""The tree kernel against referees that share nothing with it: all subsets, exact fractions, shap."""

import itertools
import math
import os
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from mlops_assets.trees import numba_kernels, shap_values
from mlops_assets.trees.ensemble import CATEGORICAL, MISSING_LEFT, ZERO_IS_MISSING, TreeEnsemble
from mlops_assets.trees.margin import raw_margin
from mlops_assets.trees.pattern_tables import plan_tables
from mlops_assets.trees.read import read_ensemble
from mlops_assets.trees.shap_few_rows import walk_quickly
from mlops_assets.trees.shap_values import tree_shap


@pytest.fixture(params=["compiled", "plain", "tables"])
def way(request, monkeypatch):
    """All ways to the same values, whatever has been compiled before."""
    force(monkeypatch, request.param)


def force(monkeypatch, way):
    monkeypatch.setattr(shap_values, "PATIENCE", math.inf if way == "plain" else -1.0)
    monkeypatch.setattr(shap_values, "choose_plan", plan_tables if way == "tables" else lambda _: None)


# --- referees ---------------------------------------------------------------------------------------------------------


def shares(ensemble, node):
    left, right = ensemble.cover[ensemble.left[node]], ensemble.cover[ensemble.right[node]]
    return (left / (left + right), right / (left + right)) if left + right else (0.5, 0.5)


def goes_left(ensemble, node, x):
    decision, threshold = ensemble.decision[node], ensemble.threshold[node]
    if math.isnan(x) or (decision & ZERO_IS_MISSING and x == 0):
        return bool(decision & MISSING_LEFT)
    if decision & CATEGORICAL:
        words = ensemble.set_words[ensemble.set_start[int(threshold)] : ensemble.set_start[int(threshold) + 1]]
        return -1 < x < 32 * len(words) and bool(int(words[int(x) // 32]) >> (int(x) % 32) & 1)
    return x <= threshold


def expectation(ensemble, node, row, known):
    """The tree's output where only the features in `known` are known."""
    if ensemble.left[node] < 0:
        return ensemble.value[node]
    left, right = ensemble.left[node], ensemble.right[node]
    if ensemble.feature[node] in known:
        child = left if goes_left(ensemble, node, row[ensemble.feature[node]]) else right
        return expectation(ensemble, child, row, known)
    share = shares(ensemble, node)
    return share[0] * expectation(ensemble, left, row, known) + share[1] * expectation(ensemble, right, row, known)


def by_subsets(ensemble, X):
    """Shapley's formula, term by term: 2^features expectations per row."""
    n = ensemble.n_features
    values, base = np.zeros((len(X), n, len(ensemble.outputs))), ensemble.offset.copy()
    for tree, root in enumerate(ensemble.roots):
        first = ensemble.tree_output[tree]
        outputs = slice(first, first + ensemble.value.shape[1])
        base[outputs] += expectation(ensemble, root, None, frozenset())
        for i, row in enumerate(X):
            worth = {
                frozenset(known): expectation(ensemble, root, row, frozenset(known))
                for size in range(n + 1)
                for known in itertools.combinations(range(n), size)
            }
            for known, value in worth.items():
                for f in known:
                    weight = math.factorial(len(known) - 1) * math.factorial(n - len(known)) / math.factorial(n)
                    values[i, f, outputs] += weight * (value - worth[known - {f}])
    return values, base


def by_fractions(ensemble, X):
    """Leaf by leaf in exact fractions: each coalition size's weight times an elementary symmetric polynomial."""
    values = np.zeros((len(X), ensemble.n_features))
    for i, row in enumerate(X):
        exact = [Fraction(0)] * ensemble.n_features
        stack = [(int(ensemble.roots[0]), {})]
        while stack:
            node, path = stack.pop()
            if ensemble.left[node] >= 0:
                f = int(ensemble.feature[node])
                follows, z = path.get(f, (1, Fraction(1)))
                left = goes_left(ensemble, node, row[f])
                covers = [Fraction(ensemble.cover[child]) for child in (ensemble.left[node], ensemble.right[node])]
                for child, cover, here in zip(
                    (ensemble.left[node], ensemble.right[node]), covers, (left, not left), strict=True
                ):
                    stack.append((int(child), {**path, f: (follows * here, z * cover / sum(covers))}))
                continue
            d = len(path)
            for j, (follows_j, z_j) in path.items():
                polynomial = [Fraction(1)]
                for k, (follows, z) in path.items():
                    if k != j:
                        shifted = [Fraction(0), *(follows * c for c in polynomial)]
                        polynomial = [a + b for a, b in zip(shifted, [*(z * c for c in polynomial), 0], strict=True)]
                integral = sum(
                    c * Fraction(math.factorial(m) * math.factorial(d - 1 - m), math.factorial(d))
                    for m, c in enumerate(polynomial)
                )
                exact[j] += Fraction(ensemble.value[node, 0]) * (follows_j - z_j) * integral
        values[i] = [float(value) for value in exact]
    return values


# --- trees to judge ---------------------------------------------------------------------------------------------------


def assemble(nodes, *, features, width=1, outputs=None, tree_output=None, roots=(0,), sets=()):
    """An ensemble from (left, right, feature, threshold, decision, cover, value) per node."""
    columns = list(zip(*nodes, strict=True))
    return TreeEnsemble(
        roots=np.array(roots, np.int64),
        left=np.array(columns[0], np.int32),
        right=np.array(columns[1], np.int32),
        feature=np.array(columns[2], np.int32),
        threshold=np.array(columns[3], np.float64),
        decision=np.array(columns[4], np.uint8),
        cover=np.array(columns[5], np.float64),
        value=np.array(columns[6], np.float64).reshape(len(nodes), width),
        tree_output=np.array(tree_output or [0] * len(roots), np.int64),
        offset=np.arange(1.0, 1.0 + (outputs or width)),
        outputs=tuple(str(output) for output in range(outputs or width)),
        space="identity",
        n_features=features,
        set_start=np.concatenate([[0], np.cumsum([len(words) for words in sets], dtype=np.int64)]),
        set_words=np.array([word for words in sets for word in words], np.uint32),
    )


def random_nodes(random, *, features, depth, width, first, grow=0.75):
    """Nodes of a tree, its root first: few features, so that they repeat on a path; every kind of decision."""
    nodes = []

    def grow_one(level, cover):
        here = len(nodes)
        nodes.append(None)
        if level == depth or (level and random.random() > grow):
            nodes[here] = (-1, -1, 0, 0.0, 0, cover, random.normal(size=width))
            return here
        share = random.choice([0.0, 0.2, 0.5, 0.9], p=[0.1, 0.3, 0.3, 0.3])
        decision = int(random.choice([0, MISSING_LEFT, ZERO_IS_MISSING, ZERO_IS_MISSING | MISSING_LEFT, CATEGORICAL]))
        threshold = float(random.integers(0, 2)) if decision == CATEGORICAL else random.integers(-2, 3) / 2
        children = grow_one(level + 1, cover * share), grow_one(level + 1, cover * (1 - share))
        left, right = children if random.random() < 0.5 else children[::-1]
        feature = int(random.integers(features))
        nodes[here] = (first + left, first + right, feature, threshold, decision, cover, np.zeros(width))
        return here

    grow_one(0, 100.0)
    return nodes


def random_ensemble(seed, *, trees=3, features=4, depth=5, width=1, outputs=None):
    random = np.random.default_rng(seed)
    nodes, roots = [], []
    for _ in range(trees):
        roots.append(len(nodes))
        nodes += random_nodes(random, features=features, depth=depth, width=width, first=len(nodes))
    chosen = [int(tree % ((outputs or width) - width + 1)) for tree in range(trees)]
    return assemble(
        nodes, features=features, width=width, outputs=outputs, roots=roots, tree_output=chosen, sets=[[0b101], [2, 1]]
    )


def random_rows(seed, rows, features):
    """Values on thresholds, between them, beyond them, in and out of category sets, and missing ones."""
    random = np.random.default_rng(seed)
    choices = [-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 32.0, 99.0, np.nan, np.inf]
    return random.choice(choices, size=(rows, features))


def chain(features, *, length=None, seed=0):
    """A path of `length` splits that goes round the features, a leaf beside each."""
    random = np.random.default_rng(seed)
    length = length or features
    nodes = []
    cover = float(2**60)
    for level in range(length):
        here = 2 * level
        below = cover * random.choice([0.25, 0.5, 0.75])
        leaf, on = here + 1, here + 2
        left, right = (leaf, on) if random.random() < 0.5 else (on, leaf)
        nodes += [(left, right, level % features, random.normal(), 0, cover, 0.0)]
        nodes += [(-1, -1, 0, 0.0, 0, cover - below, random.normal())]
        cover = below
    return assemble([*nodes, (-1, -1, 0, 0.0, 0, cover, random.normal())], features=features)


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
def test_all_subsets_agree(way, seed):
    ensemble, X = random_ensemble(seed), random_rows(seed, 9, 4)
    values, base = tree_shap(ensemble, X)
    expected_values, expected_base = by_subsets(ensemble, X)
    np.testing.assert_allclose(values, expected_values, rtol=0, atol=1e-13)
    np.testing.assert_allclose(base, expected_base, rtol=1e-13)


def test_outputs_that_share_their_trees(way):
    ensemble, X = random_ensemble(7, width=3), random_rows(7, 9, 4)
    np.testing.assert_allclose(tree_shap(ensemble, X)[0], by_subsets(ensemble, X)[0], rtol=0, atol=1e-13)


def test_outputs_with_trees_of_their_own(way):
    ensemble, X = random_ensemble(8, trees=6, outputs=3), random_rows(8, 9, 4)
    np.testing.assert_allclose(tree_shap(ensemble, X)[0], by_subsets(ensemble, X)[0], rtol=0, atol=1e-13)


def test_an_output_that_is_one_less_the_others(way):
    ensemble, X = random_ensemble(9, width=3), random_rows(9, 9, 4)
    ensemble.value[:, 2] = 1 - ensemble.value[:, 0] - ensemble.value[:, 1]
    assert ensemble.walk.complement
    np.testing.assert_allclose(tree_shap(ensemble, X)[0], by_subsets(ensemble, X)[0], rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "features", [1, 2, 3, 4, 5, 8, 9, 13, 17, *(pytest.param(many, marks=pytest.mark.slow) for many in (23, 30))]
)
def test_exact_fractions_agree_for_that_many_features_on_a_path(way, features):
    ensemble, X = chain(features), np.random.default_rng(1).normal(size=(2, features))
    np.testing.assert_allclose(tree_shap(ensemble, X)[0][:, :, 0], by_fractions(ensemble, X), rtol=0, atol=1e-13)


def test_a_path_of_seventy_splits_on_three_features(way):
    ensemble, X = chain(3, length=70), np.random.default_rng(2).normal(size=(6, 3))
    np.testing.assert_allclose(tree_shap(ensemble, X)[0], by_subsets(ensemble, X)[0], rtol=0, atol=1e-13)


def test_more_features_than_a_machine_word_has_bits(way):
    ensemble = chain(70)
    X = np.random.default_rng(3).normal(size=(3, 70))
    assert ensemble.walk.points.tolist() == [35]
    values, base = tree_shap(ensemble, X)
    np.testing.assert_allclose(base + values.sum(axis=1), raw_margin(ensemble, X), rtol=0, atol=1e-12)


def test_a_tree_that_is_one_leaf_only_moves_the_base(way):
    ensemble = assemble([(-1, -1, 0, 0.0, 0, 5.0, 2.5)], features=2)
    values, base = tree_shap(ensemble, np.zeros((3, 2)))
    assert values.tolist() == np.zeros((3, 2, 1)).tolist()
    assert base.tolist() == [3.5]


def test_a_feature_that_no_split_looks_at_gets_nothing(way):
    ensemble, X = random_ensemble(10, features=4), random_rows(10, 5, 4)
    values, _ = tree_shap(TreeEnsemble(**{**vars_of(ensemble), "n_features": 5}), np.column_stack([X, X[:, 0]]))
    assert not values[:, 4].any()


def vars_of(ensemble):
    return {name: getattr(ensemble, name) for name in TreeEnsemble.__dataclass_fields__}


def test_no_rows(way):
    values, base = tree_shap(random_ensemble(0), np.zeros((0, 4)))
    assert values.shape == (0, 4, 1)
    assert base.shape == (1,)


def test_the_wrong_number_of_columns_is_an_error():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), the model takes \(n, 4\)"):
        tree_shap(random_ensemble(0), np.zeros((2, 3)))


def test_base_and_attributions_add_up_to_the_margin_of_every_row(way):
    ensemble, X = random_ensemble(11, trees=20, features=9, depth=9, width=2), random_rows(11, 700, 9)
    values, base = tree_shap(ensemble, X)
    np.testing.assert_allclose(base + values.sum(axis=1), raw_margin(ensemble, X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", ["compiled", "tables"])
def test_a_rows_values_do_not_depend_on_the_rows_beside_it(monkeypatch, way):
    force(monkeypatch, way)
    ensemble, X = random_ensemble(12, trees=5), random_rows(12, 2500, 4)
    whole = tree_shap(ensemble, X)[0]
    pieces = [tree_shap(ensemble, X[low:high])[0] for low, high in itertools.pairwise([0, 1, 130, 1300, 2500])]
    assert np.array_equal(whole, np.concatenate(pieces))


@pytest.mark.parametrize("seed", range(4))
def test_tables_give_the_sums_and_the_margins_to_the_last_bit(monkeypatch, seed):
    """In several blocks of several trees, with equal conditions in one tree, and blocks cut off by small tables."""
    force(monkeypatch, "tables")
    monkeypatch.setattr("mlops_assets.trees.pattern_tables.MOST_BITS", 4 + seed)
    ensemble, X = random_ensemble(seed, trees=9, features=5, depth=6, outputs=3), random_rows(seed, 300, 5)
    ensemble.offset[0] = -0.0
    sums = shap_values.tree_shap_sums(ensemble, X)
    assert np.array_equal(sums.margin, raw_margin(ensemble, X))
    assert np.array_equal(np.signbit(sums.margin), np.signbit(raw_margin(ensemble, X)))
    np.testing.assert_allclose(sums.total, sums.values.sum(axis=1), rtol=0, atol=1e-13)
    np.testing.assert_allclose(sums.values, by_subsets(ensemble, X)[0], rtol=0, atol=1e-13)


def test_symmetric_trees_have_one_bit_for_each_level():
    """CatBoost's: 2 ** depth leaves, and few conditions."""
    levels, value = 6, np.random.default_rng(0).normal(size=64)
    nodes = [(2 * at + 1, 2 * at + 2, int(np.log2(at + 1)), 0.5, 0, 1.0, 0.0) for at in range(2**levels - 1)]
    nodes += [(-1, -1, 0, 0.0, 0, 1.0, each) for each in value]
    plan = plan_tables(assemble(nodes, features=levels))
    assert [block.bits for block in plan.blocks] == [levels]


def test_trees_too_large_for_tables_are_walked():
    assert plan_tables(chain(70)) is None
    assert plan_tables(random_ensemble(0, width=2)) is None


def test_both_ways_agree_on_a_model_with_every_number_of_points(monkeypatch):
    random = np.random.default_rng(13)
    chains = [chain(d, seed=d) for d in (2, 4, 6, 8, 10, 14, 18)]
    X = random.normal(size=(50, 18))
    for ensemble in chains:
        results = []
        for way in ("compiled", "plain", "tables"):
            force(monkeypatch, way)
            results.append(tree_shap(ensemble, X[:, : ensemble.n_features])[0])
        np.testing.assert_allclose(results[0], results[1], rtol=0, atol=1e-14)
        np.testing.assert_allclose(results[0], results[2], rtol=0, atol=1e-14)


def test_read_only_and_single_precision_inputs(way):
    ensemble, X = random_ensemble(14), random_rows(14, 5, 4)
    frozen = X.copy()
    frozen.flags.writeable = False
    assert np.array_equal(tree_shap(ensemble, frozen)[0], tree_shap(ensemble, np.asfortranarray(X))[0])
    assert np.array_equal(tree_shap(ensemble, frozen)[0], tree_shap(ensemble, X.astype(np.float32))[0])


# --- against shap -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    X = np.column_stack([random.normal(size=(3000, 8)), random.integers(0, 9, (3000, 4))]).astype(np.float64)
    return X, X[:, 0] * X[:, 8] + np.sin(X[:, 1]) + X[:, 2] ** 2 + random.normal(size=3000) / 4


def test_shap_agrees_on_a_deep_forest(way, data):
    import shap
    from sklearn.ensemble import RandomForestRegressor

    X, y = data
    forest = RandomForestRegressor(3, max_depth=20, random_state=0).fit(X, y)
    expected = shap.TreeExplainer(forest).shap_values(X[:30])
    np.testing.assert_allclose(tree_shap(read_ensemble(forest), X[:30])[0][:, :, 0], expected, rtol=0, atol=1e-11)


def test_shap_agrees_on_classes(way, data):
    import shap
    from sklearn.ensemble import RandomForestClassifier

    X, y = data
    forest = RandomForestClassifier(5, max_depth=9, random_state=0).fit(X, np.digitize(y, [0.0, 2.0]))
    expected = shap.TreeExplainer(forest).shap_values(X[:50])
    np.testing.assert_allclose(tree_shap(read_ensemble(forest), X[:50])[0], expected, rtol=0, atol=1e-12)


# --- compiling --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_job_does_not_wait_for_a_compiler(monkeypatch, data):
    from sklearn.ensemble import RandomForestRegressor

    X, y = data
    ensemble = read_ensemble(RandomForestRegressor(100, max_depth=6, random_state=0).fit(X, y))
    monkeypatch.setattr(shap_values, "add_by_walks", None)
    values, base = tree_shap(ensemble, X[:199])
    np.testing.assert_allclose(base + values.sum(axis=1), raw_margin(ensemble, X[:199]), rtol=0, atol=1e-11)


def test_the_job_alone_decides_whether_the_kernel_is_used(monkeypatch):
    """The two differ in the last bits: a part of a job must be the same in whichever process it is done."""
    calls = []
    monkeypatch.setattr(shap_values, "PATIENCE", 1.0)
    monkeypatch.setattr(shap_values, "estimate_seconds", lambda walk, rows, block: 0.3 * rows)
    monkeypatch.setattr(shap_values, "add_shap_values", lambda *_: calls.append("plain"))
    monkeypatch.setattr(shap_values, "add_by_walks", lambda *_: calls.append("compiled"))
    monkeypatch.setattr(shap_values, "choose_plan", lambda _: None)
    ensemble = random_ensemble(0)
    for rows, job in ((1, None), (1, 4), (3, None), (1, 3), (4, None), (3, 3)):
        tree_shap(ensemble, np.zeros((rows, 4)), job)
    assert calls == ["plain", "compiled", "plain", "plain", "compiled", "plain"]


def test_a_margin_does_not_depend_on_the_number_of_rows():
    """Few rows are summed in NumPy, many by the kernel: bit for bit the same."""
    ensemble, X = random_ensemble(14, trees=40, features=9, depth=6), random_rows(14, 30_000, 9)
    pieces = [raw_margin(ensemble, X[low : low + 1_000]) for low in range(0, len(X), 1_000)]
    assert np.array_equal(raw_margin(ensemble, X), np.concatenate(pieces))


def test_where_nothing_can_be_cached_the_kernel_is_compiled_again(monkeypatch):
    import numba

    njit = numba.njit

    def njit_without_cache(signatures=None, cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return njit(signatures, **options)

    monkeypatch.setattr(numba, "njit", njit_without_cache)
    assert numba_kernels.compile_kernel(lambda x: x + 1)(1) == 2


@pytest.mark.slow
def test_a_second_process_does_not_compile(tmp_path):
    script = (
        "import numpy as np\n"
        "from mlops_assets_tests.trees.test_shap_kernel import random_ensemble\n"
        "from mlops_assets.trees import shap_kernel, shap_values\n"
        "shap_values.PATIENCE, shap_values.choose_plan = -1, lambda _: None\n"
        "shap_values.tree_shap(random_ensemble(0), np.zeros((1, 4)))\n"
        "stats = shap_kernel._walk.stats\n"
        "print(sum(stats.cache_misses.values()), sum(stats.cache_hits.values()))\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    counts = [
        subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    (first_misses, first_hits), (second_misses, second_hits) = counts
    assert (first_hits, second_misses) == ("0", "0")
    assert int(first_misses) == int(second_hits) > 0


@pytest.mark.parametrize("rows", [0, 1, 7, 64])
@pytest.mark.parametrize("seed", range(8))
def test_the_few_rows_of_a_check_have_the_same_values(seed, rows):
    ensemble = random_ensemble(seed, width=1 + seed % 3, outputs=4 if seed % 2 else None)
    X = random_rows(seed, rows, ensemble.n_features)
    values, base = tree_shap(ensemble, X)
    with walk_quickly():
        quick, same_base = tree_shap(ensemble, X)
    assert np.array_equal(base, same_base)
    np.testing.assert_allclose(quick, values, rtol=0, atol=1e-12 * max(1.0, np.abs(values).max(initial=0.0)))


def test_a_check_walks_no_node_by_itself(monkeypatch):
    """However many nodes there are: a receipt of a forest of a million nodes took a minute."""
    monkeypatch.setattr("mlops_assets.trees.shap_values.add_shap_values", lambda *_: pytest.fail("node by node"))
    with walk_quickly():
        tree_shap(random_ensemble(0), np.zeros((1, 4)))
    with pytest.raises(pytest.fail.Exception):
        tree_shap(random_ensemble(0), np.zeros((1, 4)))
