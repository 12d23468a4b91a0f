"""Attacks that nobody thought of: valid models, changed at random places by every change that a schema allows."""

import contextlib
import copy
import json
import random
import time

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, SplineTransformer, StandardScaler
from sklearn.svm import SVC
from skops.io import get_untrusted_types, loads

from mlops_assets.errors import TrustError
from mlops_assets.models.structure import check_structure
from mlops_assets_tests.models.skops.edits import container, data, judge, mapping, named, nodes, pack, unpack

X, Y = load_iris(return_X_y=True)
TEXTS = ["one text", "two texts", "no text at all"]
ROUNDS = 60
LONGEST = 60  # seconds; a verdict takes milliseconds, and the machine may be busy


def models():
    yield make_pipeline(StandardScaler(), RandomForestClassifier(2, max_depth=2)).fit(X, Y), X
    yield make_pipeline(SplineTransformer(n_knots=3), LogisticRegression()).fit(X, Y), X
    yield GradientBoostingClassifier(n_estimators=2).fit(X, Y), X
    yield HistGradientBoostingClassifier(max_iter=2).fit(X, Y), X
    yield KNeighborsClassifier(algorithm="kd_tree").fit(X, Y), X
    yield SVC().fit(X, Y), X
    yield CalibratedClassifierCV(LogisticRegression(), cv=2).fit(X, Y), X
    yield make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS, [0, 1, 0]), TEXTS
    yield ColumnTransformer([("a", OneHotEncoder(), [0]), ("b", FunctionTransformer(np.log1p), [1, 2])]).fit(X), X


HOSTILE = [
    data("/etc/passwd"),
    data("filename"),
    data("/dev/zero"),
    data(-1),
    data(10**18),
    data(1e308),
    data(None),
    data(value=True),
    container("list"),
    container("tuple", *(data(0) for _ in range(50))),
    mapping(input=data("file")),
    named("os.system"),
    named("numpy.log1p"),
    named("numpy.fromfile"),
    named("sklearn.pipeline.Pipeline", "TypeNode"),
    named("builtins.int", "TypeNode"),
    {**named("lightgbm.basic.Booster", "ConstructorFromReduceNode"), "content": container("tuple", data("/x"))},
    {**named("operator.attrgetter", "OperatorFuncNode"), "attrs": container("tuple", data("__class__"))},
]
LOADERS = ["ListNode", "DictNode", "ObjectNode", "TreeNode", "LossNode", "NdArrayNode", "MethodNode", "JsonNode", "X"]
NAMES = ["predict", "_validate_X_predict", "__class__", "evil", "input", "memory", "n_jobs", "steps", "estimators_"]


def mutate(schema, members, chance: random.Random) -> None:
    """One change at one place."""
    everywhere = list(nodes(schema))
    node = chance.choice(everywhere)
    kind = chance.randrange(8)
    if kind == 0:
        other = copy.deepcopy(chance.choice(HOSTILE))
        node.clear()
        node.update(other, protocol=2)
    elif kind == 1:
        node["__loader__"] = chance.choice(LOADERS)
    elif kind == 2:
        node["__class__"], node["__module__"] = chance.choice([("system", "os"), ("Pipeline", "sklearn.pipeline")])
    elif kind == 3:
        node["__id__"] = chance.choice(everywhere).get("__id__", 1)
    elif kind == 4 and isinstance(node.get("content"), dict):
        owner = node["content"].get("content") if node["__loader__"] == "ObjectNode" else node["content"]
        if isinstance(owner, dict):
            owner[chance.choice(NAMES)] = copy.deepcopy(chance.choice(HOSTILE))
    elif kind == 5 and members:
        name = chance.choice(sorted(members))
        content = bytearray(members[name])
        content[chance.randrange(len(content))] = chance.randrange(256)
        members[name] = bytes(content)
    elif kind == 6 and members:
        members[chance.choice(sorted(members))] = members[chance.choice(sorted(members))]
    elif isinstance(node.get("content"), str):
        node["content"] = json.dumps(chance.choice([-1, 0, 10**9, "file", None, "/etc/passwd", 2.5]))
    elif node:
        node.pop(chance.choice(sorted(node)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(9))
@pytest.mark.filterwarnings("ignore")
def test_a_changed_model_is_refused_or_harmless(seed, tmp_path):
    """Refused with an error of ours, soon; and what is accepted loads and predicts, or says that it cannot."""
    model, rows = list(models())[seed]
    schema, members = unpack(model)
    chance = random.Random(seed)
    outcomes = {"refused": 0, "accepted": 0}
    for _ in range(ROUNDS):
        changed, held = copy.deepcopy(schema), dict(members)
        for _ in range(chance.choice([1, 1, 2, 4])):
            mutate(changed, held, chance)
        content = pack({"protocol": 2, **changed}, held)
        started = time.perf_counter()
        try:
            unknown = judge(content, tmp_path)
        except TrustError:
            unknown = frozenset({"refused"})
        assert time.perf_counter() - started < LONGEST
        outcomes["refused" if unknown else "accepted"] += 1
        if unknown:
            continue
        # A model that is broken may say so in its own way; what must not be is that the process dies here.
        with contextlib.suppress(Exception):
            loaded = loads(content, trusted=get_untrusted_types(data=content))
            check_structure(loaded, "models:/m/1")
            getattr(loaded, "predict", getattr(loaded, "transform", len))(rows)
    assert outcomes["refused"] > ROUNDS / 4
    assert outcomes["accepted"] > 0
