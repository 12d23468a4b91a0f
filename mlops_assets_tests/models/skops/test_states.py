"""Objects of trusted types with a state that would open files, run code, or read beyond arrays: refused by name."""

import io
import json
import re
import sys
import time
import zipfile

import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skops.io import loads

from mlops_assets.errors import TrustError
from mlops_assets.models import native_probe, native_trial, skops_files
from mlops_assets.trees.files.check import UncheckableFileError
from mlops_assets_tests.models.skops.edits import (
    array,
    change,
    container,
    data,
    find,
    judge,
    mapping,
    named,
    nodes,
    pack,
    put,
    unpack,
    wrap,
)

X, Y = load_iris(return_X_y=True)
TEXTS = ["the first text", "the second text", "another one"]


@pytest.fixture(scope="module")
def forest():
    return make_pipeline(StandardScaler(), RandomForestClassifier(2, max_depth=2)).fit(X, Y)


@pytest.fixture(scope="module")
def words():
    return make_pipeline(CountVectorizer(), LogisticRegression()).fit(TEXTS, [0, 1, 1])


def test_a_model_that_nobody_has_changed_is_accepted(forest, words, tmp_path):
    assert judge(change(forest, lambda schema: None), tmp_path) == frozenset()
    assert judge(change(words, lambda schema: None), tmp_path) == frozenset()


# --- parameters ---


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer, HashingVectorizer])
@pytest.mark.parametrize("value", ["filename", "file", None, 3])
def test_a_vectorizer_that_opens_what_its_rows_name(kind, value, tmp_path):
    model = kind().fit(TEXTS)
    bad = change(model, lambda schema: put(schema, "input", data(value)))
    with pytest.raises(
        TrustError, match=rf"`input` is {value!r}: it would open files .*trusted_types: \[sklearn.*{kind.__name__}\]"
    ):
        judge(bad, tmp_path)


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("token_pattern", data(r"(a+)+$"), "form that always ends soon"),
        ("token_pattern", data(r"(\w|\w\w)*x"), "form that always ends soon"),
        ("token_pattern", data("a?" * 30 + "a" * 30), "form that always ends soon"),
        ("token_pattern", data(r"\w+x"), "form that always ends soon"),
        ("analyzer", named("numpy.log1p"), "may be 'word'"),
        ("tokenizer", named("numpy.log1p"), "may be None"),
        ("preprocessor", named("numpy.log1p"), "may be None"),
        ("encoding", data("zlib_codec"), "no encoding of text"),
        ("ngram_range", container("tuple", data(1), data(10**9)), "no pair of small numbers"),
        ("decode_error", data("xmlcharrefreplace"), "may be 'strict'"),
        ("vocabulary_", mapping(first=data(0), second=data(7)), "does not number its words"),
        ("vocabulary_", mapping(first=data(0), second=data(-1)), "does not number its words"),
        ("vocabulary_", mapping(first=data(0), second=data(0)), "does not number its words"),
    ],
)
def test_a_vectorizer_of_other_work(attribute, value, reason, words, tmp_path):
    bad = change(words, lambda schema: put(find(schema, "CountVectorizer"), attribute, value))
    with pytest.raises(TrustError, match=rf"`steps\[0\]\[1\].{attribute}` .*{reason}"):
        judge(bad, tmp_path)


@pytest.mark.parametrize(
    "pattern", [r"(?u)\b\w\w+\b", r"(?u)\b\w+\b", r"\b[a-z]{2,}\b", r"\S+", r"[^ ]+", r"(?u)\b[A-Za-z]\w+\b", r"\d{4}"]
)
def test_ordinary_patterns_are_accepted(pattern, words, tmp_path):
    good = change(words, lambda schema: put(find(schema, "CountVectorizer"), "token_pattern", data(pattern)))
    assert judge(good, tmp_path) == frozenset()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("memory", data("/tmp/cache")), ("memory", named("numpy.log1p")), ("n_jobs", data(10**6))],
)
def test_places_and_numbers_of_workers(attribute, value, tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    owner = "Pipeline" if attribute == "memory" else "LogisticRegression"
    with pytest.raises(TrustError, match=rf"{attribute}` is "):
        judge(change(model, lambda schema: put(find(schema, owner), attribute, value)), tmp_path)


def test_a_value_that_scikit_learn_does_not_allow(forest, tmp_path):
    bad = change(forest, lambda schema: put(find(schema, "RandomForestClassifier"), "criterion", data("evil")))
    with pytest.raises(TrustError, match=r"`steps\[1\]\[1\].criterion` is 'evil', which scikit-learn does not allow"):
        judge(bad, tmp_path)


def test_work_that_would_not_end(tmp_path):
    model = PolynomialFeatures(2).fit(X)
    with pytest.raises(TrustError, match=r"`degree` is 1000000000: the work would not end"):
        judge(change(model, lambda schema: put(schema, "degree", data(10**9))), tmp_path)


@pytest.mark.parametrize(
    ("make", "attribute", "value", "reason"),
    [
        (
            lambda: HashingVectorizer(n_features=8).fit(TEXTS),
            "n_features",
            0,
            "is 0, which scikit-learn does not allow",
        ),
        (lambda: PolynomialFeatures(2).fit(X), "degree", 10**9, "the work would not end"),
        (lambda: LogisticRegression().fit(X, Y), "n_jobs", 10**6, "no machine has so many threads"),
        (lambda: KMeans(2, n_init=1).fit(X), "_n_threads", -5, "no machine has so many threads"),
        (lambda: CountVectorizer().fit(TEXTS), "input", "filename", "would open files"),
    ],
)
def test_a_number_or_text_of_numpys_is_judged_as_pythons(make, attribute, value, reason, tmp_path):
    """A hash modulo NumPy's zero killed the process."""
    number = {**named(f"numpy.{np.array(value).dtype.name}"), "__loader__": "NdArrayNode", "type": "numpy", "file": "n"}
    if isinstance(value, str):
        number |= {"__class__": "str_"}
    bad = change(make(), lambda schema: put(schema, attribute, number), {"n": array(value)})
    with pytest.raises(TrustError, match=rf"{attribute}` {reason}|{attribute}` is .*{reason}"):
        judge(bad, tmp_path)


def test_histogram_boosting_that_claims_to_be_still_fitted(tmp_path):
    model = HistGradientBoostingClassifier(max_iter=1).fit(X, Y)
    with pytest.raises(TrustError, match=r"`_in_fit` is True"):
        judge(change(model, lambda schema: put(schema, "_in_fit", data(value=True))), tmp_path)


# --- attributes ---


@pytest.mark.parametrize(
    "name",
    ["_validate_X_predict", "predict", "predict_proba", "__class__", "__getattr__", "apply", "feature_importances_"],
)
def test_an_attribute_in_the_place_of_a_method(name, forest, tmp_path):
    bad = change(forest, lambda schema: put(find(schema, "RandomForestClassifier"), name, data(1)))
    with pytest.raises(TrustError, match=rf"`steps\[1\]\[1\].{name}` replaces the method or property '{name}'"):
        judge(bad, tmp_path)


def test_nor_is_a_method_replaced_where_the_type_is_trusted_by_name(forest, tmp_path):
    bad = change(forest, lambda schema: put(find(schema, "RandomForestClassifier"), "_validate_X_predict", data(1)))
    with pytest.raises(TrustError, match=r"replaces the method"):
        judge(bad, tmp_path, frozenset({"sklearn.ensemble._forest.RandomForestClassifier"}))


def test_an_attribute_that_the_class_never_sets(forest, tmp_path):
    bad = change(forest, lambda schema: put(find(schema, "StandardScaler"), "evil", data("/etc/passwd")))
    with pytest.raises(
        TrustError, match=r"`steps\[0\]\[1\].evil` is an attribute 'evil' that .*StandardScaler does not"
    ):
        judge(bad, tmp_path)


def test_to_trust_a_type_by_name_is_to_trust_its_state(words, tmp_path):
    bad = change(words, lambda schema: put(find(schema, "CountVectorizer"), "input", data("filename")))
    with pytest.raises(TrustError) as caught:
        judge(bad, tmp_path)
    name = re.search(r"trusted_types: \[(.*?)\]", str(caught.value))[1]
    assert judge(bad, tmp_path, frozenset({name})) == frozenset()


# --- what runs ---


@pytest.mark.parametrize(
    "node",
    [
        named("os.system"),
        named("posix.system", "TypeNode"),
        named("builtins.eval"),
        named("builtins.open"),
        named("numpy.load"),
        named("numpy.fromfile"),
        named("numpy.loadtxt"),
        named("numpy.apply_along_axis"),
        named("numpy.vectorize"),
        named("numpy.frompyfunc"),
        named("scipy.special.seterr"),
        named("joblib.load"),
        named("subprocess.Popen", "TypeNode"),
        {**named("operator.methodcaller", "OperatorFuncNode"), "attrs": container("tuple", data("to_pickle"))},
        {**named("operator.itemgetter", "OperatorFuncNode"), "attrs": container("tuple", data(0))},
        {**named("builtins.str", "MethodNode"), "content": {"func": "format", "obj": data("x")}},
        {
            **named("functools.partial", "PartialNode"),
            "content": {
                "func": named("numpy.log1p"),
                "args": container("tuple"),
                "kwds": mapping(),
                "namespace": data(None),
            },
        },
    ],
    ids=lambda node: f"{node['__loader__']} {node['__class__']}",
)
def test_functions_and_what_calls_them_are_not_trusted(node, tmp_path):
    model = FunctionTransformer(np.log1p).fit(X)
    bad = change(model, lambda schema: put(schema, "func", node))
    assert f"{node['__module__']}.{node['__class__']}" in judge(bad, tmp_path)


@pytest.mark.parametrize("function", [np.log1p, np.exp, np.sqrt])
def test_functions_that_compute_on_arrays_are(function, tmp_path):
    assert judge(change(FunctionTransformer(function).fit(X), lambda schema: None), tmp_path) == frozenset()


@pytest.mark.parametrize(
    "name", ["lightgbm.basic.Booster", "xgboost.core.Booster", "sklearn.pipeline.Pipeline", "sklearn.tree._tree.Tree"]
)
@pytest.mark.parametrize("trusted", [False, True])
def test_nothing_described_is_made_by_calling_it(name, trusted, tmp_path):
    """`lightgbm.Booster(model_file=...)` would read its weights from anywhere."""
    arguments = container("tuple", data(None), data(None), data("/srv/other/model.txt"))
    by_name = frozenset({name}) if trusted else frozenset()
    for node in (
        {**named(name, "ConstructorFromReduceNode"), "content": arguments},
        {**named(name, "LossNode"), "content": mapping(), "__reduce__": {"args": arguments}},
        {**named(name, "ListNode"), "content": arguments["content"]},
        {**named(name, "SetNode"), "content": arguments["content"]},
        mapping() | named(name, "DictNode"),
    ):
        if trusted or (node["__loader__"] == "ConstructorFromReduceNode" and not name.endswith("Tree")):
            with pytest.raises(TrustError, match=r"is to be made by calling|of other arguments than numbers"):
                judge(wrap(node), tmp_path, by_name)
        else:
            assert judge(wrap(node), tmp_path) == {name}


@pytest.mark.parametrize("loader", ["FunctionNode", "TypeNode"])
def test_a_booster_is_no_function(loader, tmp_path):
    model = FunctionTransformer(np.log1p).fit(X)
    bad = change(model, lambda schema: put(schema, "func", named("xgboost.core.Booster", loader)))
    for trusted in (frozenset(), frozenset({"xgboost.core.Booster"})):
        with pytest.raises(TrustError, match=r"names xgboost.core.Booster"):
            judge(bad, tmp_path, trusted)


@pytest.mark.slow
def test_a_booster_has_its_model_within_the_file(tmp_path):
    for model, name in (
        (lightgbm.LGBMClassifier(n_estimators=1, verbose=-1), "_handle"),
        (xgboost.XGBClassifier(n_estimators=1), "handle"),
    ):
        model.fit(X, Y)
        assert judge(change(model, lambda schema: None), tmp_path) == frozenset()
        with pytest.raises(TrustError, match=r"_Booster` is a booster without a model of its own"):
            judge(change(model, lambda schema, name=name: put(find(schema, "Booster"), name, data(None))), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("key", ["input_model", "forcedsplits_filename", "machine_list_filename", "config"])
def test_parameters_of_lightgbm_that_name_files(key, tmp_path):
    model = lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, Y)
    bad = change(model, lambda schema: put(schema, "_other_params", mapping(**{key: data("/etc/passwd")})))
    with pytest.raises(TrustError, match=rf"`_other_params` sets '{key}', which names files"):
        judge(bad, tmp_path)


# --- shapes and sizes ---


def test_lists_that_share_lists_are_judged_in_linear_time(tmp_path):
    """2**45 visits for whoever does not remember where it was."""
    node = container("list", data(1))
    for number in range(1, 46):
        again = {"__loader__": "CachedNode", "__class__": None, "__module__": None, "__id__": number}
        node = container("list", {**node, "__id__": number}, again)
    started = time.perf_counter()
    with pytest.raises(TrustError, match=r"shares its parts so often"):
        judge(wrap(node), tmp_path)
    assert time.perf_counter() - started < 60


def test_what_holds_itself(tmp_path):
    itself = {"__loader__": "CachedNode", "__class__": None, "__module__": None, "__id__": 5}
    with pytest.raises(TrustError, match=r"holds itself"):
        judge(wrap({**container("list", itself), "__id__": 5}), tmp_path)


def test_two_nodes_of_one_number_are_the_first(tmp_path):
    """As skops reads them: what is judged is what is made."""
    model = CountVectorizer().fit(TEXTS)

    def edit(schema):
        put(schema, "stop_words", data("filename"))
        put(schema, "max_df", data(1.0))
        number = schema["content"]["content"]["stop_words"]["__id__"]
        schema["content"]["content"]["stop_words"]["content"] = json_text("english")
        schema["content"]["content"]["max_df"] |= {"__id__": number}

    bad = change(model, edit)
    assert loads(bad).max_df == "english" or loads(bad).stop_words == 1.0
    with pytest.raises(TrustError):
        judge(bad, tmp_path)


def json_text(value: str) -> str:
    return data(value)["content"]


@pytest.mark.parametrize("depth", [130, 2_000, 200_000])
def test_depth(depth, tmp_path):
    opening = '{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": ['
    schema = '{"protocol": 2, ' + opening[1:] + opening * depth + "]}" * depth + "]}"
    with pytest.raises(TrustError, match=r"is nested deeper than any model"):
        judge(pack(schema), tmp_path)
    with pytest.raises(TrustError, match=r"is nested deeper|is no object|not an object"):
        judge(pack("[" * depth + "]" * depth), tmp_path)


def replaced(model, change_member):
    schema, members = unpack(model)
    name = next(
        node["file"] for node in nodes(schema) if node.get("type") == "numpy" and node["__class__"] == "ndarray"
    )
    members[name] = change_member(members[name])
    return pack(schema, members)


def header(description: str, content: bytes = b"") -> bytes:
    text = description.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + content


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (lambda old: old[:-1], "has bytes for another"),
        (lambda old: old + b"\0", "has bytes for another"),
        (lambda old: b"PK\x03\x04" + old, "not an array in NumPy's format"),
        (lambda old: b"\x80\x04K\x01.", "not an array in NumPy's format"),
        (lambda old: header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), "array of objects"),
        (lambda old: header("{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,), }"), "header cannot be read"),
        (lambda old: header("{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999,), }"), "has bytes for"),
        (lambda old: header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }"), "impossible shape"),
        (lambda old: header("{'descr': '|V0', 'fortran_order': False, 'shape': (999999999999,), }"), "have no bytes"),
        (lambda old: header("{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999, 0), }"), "have no bytes"),
        (lambda old: header("(" * 5000 + ")" * 5000), "header cannot be read"),
    ],
)
def test_arrays_are_what_their_headers_say(member, reason, tmp_path):
    with pytest.raises(TrustError, match=reason):
        judge(replaced(StandardScaler().fit(X), member), tmp_path)


def test_a_number_is_not_as_many_bytes(tmp_path):
    """`numpy.void(10**12)` would be."""
    node = {**named("numpy.void", "NdArrayNode"), "type": "numpy", "file": "1.npy"}
    assert judge(pack({**node, "protocol": 2}, {"1.npy": array(10**12)}), tmp_path) == {"numpy.void"}


@pytest.mark.parametrize(
    ("position", "value"), [(1, data([3])), (2, data(10**9)), (2, data(0)), (0, data(-1)), (2, container("list"))]
)
def test_the_constructor_of_a_tree_gets_what_it_reads(position, value, tmp_path):
    def edit(schema):
        arguments = find(schema, "Tree")["__reduce__"]["args"]
        arguments["content"][position] = value

    with pytest.raises(TrustError):
        judge(change(DecisionTreeClassifier(max_depth=2).fit(X, Y), edit), tmp_path)


def test_a_random_state_that_points_beyond_its_words(tmp_path):
    model = GaussianNB().fit(X, Y)
    for position in (-1, 625, 10**9):

        def edit(schema, position=position):
            state, _ = unpack(np.random.RandomState(0))
            for node in nodes(state):
                # An id is an address in memory, at which an object of the model's may have been as well.
                if "__id__" in node:
                    node["__id__"] += 2**60
            find(state["content"], "dict")["content"]["state"]["content"]["pos"] = data(position)
            put(schema, "priors", state)

        _, members = unpack(np.random.RandomState(0))
        schema, held = unpack(model)
        edit(schema)
        names = [node["file"] for node in nodes(schema) if "file" in node]
        content = pack(schema, held | dict.fromkeys(set(names) - set(held), next(iter(members.values()))))
        with pytest.raises(TrustError, match=r"random state that NumPy does not write"):
            judge(content, tmp_path)


def test_a_sparse_matrix_whose_indices_lead_out(tmp_path):
    from scipy.sparse import csr_matrix

    schema, members = unpack(csr_matrix(np.eye(4)))
    name = next(iter(members))
    assert judge(pack(schema, members), tmp_path) == frozenset()
    for part, value in {"indices": [0, 1, 2, 99], "indptr": [0, 1, 2, 3, 9], "shape": [4, -1]}.items():
        with zipfile.ZipFile(io.BytesIO(members[name])) as archive:
            arrays = {entry: archive.read(entry) for entry in archive.namelist()}
        arrays[f"{part}.npy"] = array(np.array(value, dtype="int32"))
        written = io.BytesIO()
        with zipfile.ZipFile(written, "w") as archive:
            for entry, content in arrays.items():
                archive.writestr(entry, content)
        with pytest.raises(TrustError, match=r"sparse matrix"):
            judge(pack(schema, {name: written.getvalue()}), tmp_path)


# --- the archive ---


def test_an_archive_of_two_members_of_one_name(tmp_path):
    schema, members = unpack(StandardScaler().fit(X))
    content = pack(schema, members)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(written := io.BytesIO(content), "a") as archive:
        archive.writestr("schema.json", "{}")
    with pytest.raises(TrustError, match=r"two members of one name"):
        judge(written.getvalue(), tmp_path)


@pytest.mark.parametrize("protocol", [None, True, 3, -1, "2", 2.0])
def test_protocols(protocol, tmp_path):
    schema, members = unpack(StandardScaler().fit(X))
    with pytest.raises(TrustError, match=r"has the protocol"):
        judge(pack({**schema, "protocol": protocol}, members), tmp_path)


def test_a_function_of_protocol_0_has_one_name(tmp_path):
    def edit(schema):
        put(schema, "func", named("numpy.log1p") | {"content": {"module_path": "os", "function": "system"}})
        schema["protocol"] = 0

    with pytest.raises(TrustError, match=r"has a function of two names"):
        judge(change(FunctionTransformer(np.log1p).fit(X), edit), tmp_path)


def test_a_pipeline_is_what_it_was(forest, tmp_path):
    assert type(loads(change(Pipeline([("s", StandardScaler())]).fit(X), lambda schema: None))) is Pipeline


@pytest.mark.slow
def test_a_booster_within_the_file_is_checked_as_its_own_file_would_be(tmp_path):
    model = lightgbm.LGBMClassifier(n_estimators=1, verbose=-1).fit(X, Y)

    def edit(schema):
        booster = find(schema, "Booster")
        text = json.loads(booster["content"]["content"]["_handle"]["content"])
        text = re.sub(r"split_feature=\d+", "split_feature=2000000000", text)
        (tree,) = re.findall(r"Tree=(.*?)(?=end of trees)", text, re.DOTALL)
        put(booster, "_handle", data(re.sub(r"tree_sizes=\d+", f"tree_sizes={len(tree) + 5}", text)))

    harmful = change(model, edit)
    with pytest.raises(TrustError, match=r"`_Booster._handle` is damaged or made to harm"):
        judge(harmful, tmp_path)
    # It may be tried unchecked, in a process that dies of it in place of this one.
    with pytest.raises(TrustError, match=r"`_Booster._handle` harms its library: .* was killed by SIG"):
        judge(harmful, tmp_path, native_libraries=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [lightgbm.LGBMRegressor, xgboost.XGBRegressor])
def test_a_booster_that_cannot_be_checked_is_tried_before_it_is_allowed(kind, tmp_path, monkeypatch):
    tried = []

    def try_booster(library: str, content: bytes) -> str | None:
        tried.append(library)
        return native_trial.try_booster(library, content)

    def give_up(_library: str, _content: bytes) -> None:
        raise UncheckableFileError("is of another version", where="byte 0")

    monkeypatch.setattr(skops_files, "check_native_bytes", give_up)
    monkeypatch.setattr(skops_files, "try_booster", try_booster)
    content = change(kind(n_estimators=1).fit(X, Y), lambda schema: None)
    with pytest.raises(TrustError, match=r"cannot be checked: it is of another version .*native_libraries: true"):
        judge(content, tmp_path)
    assert tried == []
    assert judge(content, tmp_path, native_libraries=True) == frozenset()
    (library,) = tried
    assert library == kind.__module__.partition(".")[0]


@pytest.mark.parametrize("kind", [lightgbm.LGBMRegressor, xgboost.XGBRegressor])
def test_the_trial_loads_and_asks_what_a_booster_holds(kind, tmp_path, monkeypatch):
    booster = kind(n_estimators=1).fit(X, Y)
    state = booster.booster_.__getstate__() if hasattr(booster, "booster_") else booster.get_booster().__getstate__()
    held = state.get("_handle", state.get("handle"))
    (tmp_path / "state").write_bytes(held.encode() if isinstance(held, str) else bytes(held))
    monkeypatch.setattr(sys, "argv", ["native_probe", kind.__module__.partition(".")[0], str(tmp_path / "state")])
    assert native_probe.main() == 0
    (tmp_path / "state").write_bytes(b"no model")
    assert native_probe.main() == 3
