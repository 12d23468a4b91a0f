"""Values that a parameter or attribute of a described class may have: no path, no method to call, no endless work."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from mlops_assets.models.skops.values import Array, Data, Entries, Items, Value

_MOST_THREADS = 1024
_MOST_ITERATIONS = 100_000
_MOST_DEGREE = 100
_MOST_OUTPUTS = 10_000_000
_ENCODINGS = {
    *("utf-8", "utf8", "utf_8", "ascii", "us-ascii", "latin-1", "latin1", "iso-8859-1", "iso-8859-15", "cp1252"),
    *("cp1250", "cp1251", "windows-1252", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "big5", "gb18030"),
    *("gbk", "shift_jis", "euc_jp", "euc_kr", "koi8-r"),
}
_ATOM = r"(?:\\[wWdDsS]|\[\^?(?:[^\[\]\\^]|\\[\w\-.])+\]|[A-Za-z0-9_@#',/ \-]|\.)"
# Text is searched in linear time: nothing repeats without end but the last part, and a word is tried from its start.
_PATTERN = re.compile(
    rf"(?:\(\?u\))?(?P<start>\\b)?\(?(?:{_ATOM}(?:\{{\d{{1,2}}\}})?){{0,20}}{_ATOM}"
    rf"(?:[+*?]|\{{\d{{1,2}}(?:,\d{{0,2}})?\}})?\)?(?P<end>\\b)?"
)

Rule = Callable[[Value], str | None]


def find_fault(kind: type, name: str, value: Value) -> str | None:
    """What is wrong with the value of a parameter or attribute, or None."""
    rules = _rules(kind, name)
    plain = _plain(value) if rules else value
    for rule in rules:
        fault = rule(plain)
        if fault:
            return fault
    return None


def _plain(value: Value) -> Value:
    """NumPy's numbers and text as Python's: scikit-learn takes one for the other."""
    if isinstance(value, Items):
        return Items(value.name, value.kind, [_plain(each) for each in value.items])
    return Data(value.name, value.scalar) if isinstance(value, Array) and value.scalar is not None else value


@cache
def _rules(kind: type, name: str) -> tuple[Rule, ...]:
    rules = [_ANYWHERE[name]] if name in _ANYWHERE else []
    for base in kind.__mro__:
        if (base.__name__, name) in _OF_CLASS and base.__module__.startswith("sklearn."):
            rules.append(_OF_CLASS[base.__name__, name])
    constraints = getattr(kind, "_parameter_constraints", None)
    if kind.__module__.startswith("sklearn.") and isinstance(constraints, dict) and name in constraints:
        rules.append(_declared(constraints[name]))
    return tuple(rules)


def _declared(constraints: object) -> Rule:
    """scikit-learn's own declaration of what the parameter may be, for text, numbers, truth values and None.

    The private module is the only place of these declarations; where it changes, only the rules above are left.
    """
    from sklearn.utils import _param_validation

    checks = [_param_validation.make_constraint(each) for each in constraints] if isinstance(constraints, list) else []

    def rule(value: Value) -> str | None:
        if not isinstance(value, Data) or not checks or any(check.is_satisfied_by(value.value) for check in checks):
            return None
        return f"is {_text(value)}, which scikit-learn does not allow"

    return rule


def _text(value: Value) -> str:
    text = repr(value.value) if isinstance(value, Data) else f"a {type(value).__name__.lower()}"
    return text if len(text) <= 60 else f"{text[:60]}..."


def _number(value: Value) -> int | float | None:
    return value.value if isinstance(value, Data) and isinstance(value.value, int | float) else None


def _at_most(most: float, what: str) -> Rule:
    def rule(value: Value) -> str | None:
        # Text and arrays are no numbers of anything; scikit-learn's own declarations judge them.
        if not isinstance(value, Data) or value.value is None or isinstance(value.value, str):
            return None
        number = _number(value)
        return None if number is not None and abs(number) <= most else f"is {_text(value)}: {what}"

    return rule


def _at_least(least: float, most: float, what: str) -> Rule:
    def rule(value: Value) -> str | None:
        number = _number(value)
        return None if number is not None and least <= number <= most else f"is {_text(value)}: {what}"

    return rule


def _only(*allowed: Any) -> Rule:
    def rule(value: Value) -> str | None:
        if isinstance(value, Data) and any(value.value is each or value.value == each for each in allowed):
            return None
        return f"is {_text(value)}, and may be {' or '.join(repr(each) for each in allowed)}"

    return rule


def _memory(value: Value) -> str | None:
    return None if isinstance(value, Data) and value.value is None else "is a place where files are written and read"


def _input(value: Value) -> str | None:
    if isinstance(value, Data) and value.value == "content":
        return None
    return f"is {_text(value)}: it would open files that its rows name"


def _encoding(value: Value) -> str | None:
    known = isinstance(value, Data) and isinstance(value.value, str) and value.value.lower() in _ENCODINGS
    return None if known else f"is {_text(value)}, which is no encoding of text known here"


def _pattern(value: Value) -> str | None:
    if isinstance(value, Data) and value.value is None:
        return None
    found = _PATTERN.fullmatch(value.value) if isinstance(value, Data) and isinstance(value.value, str) else None
    if found and (found["start"] or not found["end"]):
        return None
    return f"is {_text(value)}: only regular expressions of a form that always ends soon are allowed"


def _degree(value: Value) -> str | None:
    numbers = value.items if isinstance(value, Items) else [value]
    for each in numbers:
        fault = _at_most(_MOST_DEGREE, "the work would not end")(each)
        if fault:
            return fault
    return None


def _ngrams(value: Value) -> str | None:
    if isinstance(value, Items) and len(value.items) == 2 and not any(_degree(each) for each in value.items):
        return None
    return "is no pair of small numbers"


def _vocabulary(value: Value) -> str | None:
    """Columns of a sparse matrix that is made without a look at its indices."""
    if not isinstance(value, Entries):
        # `vocabulary` may also be a list of words, or None.
        return None
    numbers = [number for number in map(_integer, value.entries.values()) if number is not None]
    if len(numbers) == len(value.entries) and set(numbers) == set(range(len(numbers))):
        return None
    return "does not number its words from 0"


def _integer(value: Value) -> int | None:
    """A whole number; NumPy's are in arrays, and scikit-learn writes the vocabulary with Python's."""
    return value.value if isinstance(value, Data) and type(value.value) is int else None


def _places(value: Value) -> str | None:
    return None if not isinstance(value, Entries) else _vocabulary(value)


def _no_paths(value: Value) -> str | None:
    """Further parameters of a LightGBM or XGBoost model, which it hands to its library."""
    if not isinstance(value, Entries):
        return None
    for key, each in value.entries.items():
        if any(word in key.lower() for word in _PATH_WORDS):
            return f"sets {key[:40]!r}, which names files or machines"
        if key.lower() in _THREADS and _at_most(_MOST_THREADS, "")(each):
            return f"sets {key[:40]!r} to more threads than any machine has"
    return None


_PATH_WORDS = (
    "file",
    "path",
    "config",
    "machine",
    "port",
    "input",
    "output",
    "data",
    "valid",
    "model",
    "uri",
    "plugin",
)
_THREADS = {"n_jobs", "num_threads", "num_thread", "nthread", "nthreads"}
_threads = _at_most(_MOST_THREADS, "no machine has so many threads")
_iterations = _at_most(_MOST_ITERATIONS, "the work would not end")

_ANYWHERE: dict[str, Rule] = {
    "n_jobs": _threads,
    # OpenMP takes what is less than one for a very large number.
    "_n_threads": _at_least(1, _MOST_THREADS, "no machine has so many threads"),
    "memory": _memory,
    "_other_params": _no_paths,
    "kwargs": _no_paths,
    "callbacks": _only(None),
    # Histogram boosting that is being fitted takes rows as they are.
    "_in_fit": _only(False),
    "n_outputs_": _at_most(_MOST_OUTPUTS, "so many columns do not fit into memory"),
    "n_classes_": _at_most(_MOST_OUTPUTS, "so many columns do not fit into memory"),
}
_OF_CLASS: dict[tuple[str, str], Rule] = {
    ("_VectorizerMixin", "input"): _input,
    ("_VectorizerMixin", "encoding"): _encoding,
    ("_VectorizerMixin", "decode_error"): _only("strict", "ignore", "replace"),
    ("_VectorizerMixin", "analyzer"): _only("word", "char", "char_wb"),
    ("_VectorizerMixin", "token_pattern"): _pattern,
    ("_VectorizerMixin", "ngram_range"): _ngrams,
    ("_VectorizerMixin", "tokenizer"): _only(None),
    ("_VectorizerMixin", "preprocessor"): _only(None),
    ("_VectorizerMixin", "strip_accents"): _only(None, "ascii", "unicode"),
    ("_VectorizerMixin", "vocabulary"): _vocabulary,
    ("_VectorizerMixin", "vocabulary_"): _vocabulary,
    # `HashingVectorizer` is one too, and `input` is of the mixin's methods alone.
    ("HashingVectorizer", "input"): _input,
    ("CountVectorizer", "input"): _input,
    ("DictVectorizer", "vocabulary_"): _places,
    ("FeatureHasher", "n_features"): _at_most(2**31 - 1, "so many columns cannot be numbered"),
    ("HashingVectorizer", "n_features"): _at_most(2**31 - 1, "so many columns cannot be numbered"),
    ("PolynomialFeatures", "degree"): _degree,
    ("PolynomialFeatures", "_min_degree"): _degree,
    ("PolynomialFeatures", "_max_degree"): _degree,
    ("PolynomialFeatures", "_n_out_full"): _at_most(_MOST_OUTPUTS, "so many columns do not fit into memory"),
    ("PolynomialFeatures", "n_output_features_"): _at_most(_MOST_OUTPUTS, "so many columns do not fit into memory"),
    ("PolynomialCountSketch", "degree"): _degree,
    ("SplineTransformer", "degree"): _degree,
    ("AdditiveChi2Sampler", "sample_steps"): _degree,
    ("NMF", "max_iter"): _iterations,
    ("MiniBatchNMF", "max_iter"): _iterations,
    ("MiniBatchNMF", "fresh_restarts_max_iter"): _iterations,
    ("LatentDirichletAllocation", "max_doc_update_iter"): _iterations,
    ("_BaseSparseCoding", "transform_max_iter"): _iterations,
    ("LabelPropagation", "max_iter"): _iterations,
    ("LabelSpreading", "max_iter"): _iterations,
    ("make_column_selector", "pattern"): _pattern,
}
