"""MLmodel files that are too large, too deep, not YAML or more than data: refused quickly, and nothing of them runs."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_assets.errors import ArtifactsMissingError, TrustError
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.mlmodel_yaml import DEEPEST, LARGEST_FILE, MOST_NODES, RefusedYamlError, read_yaml

GOOD = "flavors: {python_function: {loader_module: mlflow.sklearn}}\n"


def lines(levels: int) -> str:
    """The billion laughs: each level holds the one before nine times."""
    names = [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 9)}]" for level in range(1, levels)]
    return "\n".join(["l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]", *names, GOOD])


BOMBS = {
    "a billion values": (lines(9), "more than 100000 values"),
    "merged over and over": (
        "\n".join(
            ["m0: &m0 {a: 1}", *(f"m{n}: &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 9)}]}}" for n in range(1, 12)), GOOD]
        ),
        "more than 100000 values",
    ),
    "a value that holds itself": (f"a: &a [*a]\n{GOOD}", "refers to nothing"),
    "a mapping that holds itself": (f"a: &a {{b: *a}}\n{GOOD}", "refers to nothing"),
    "an alias of nothing": (f"a: *b\n{GOOD}", ""),
    # The parser may give up, at a depth of its own, before the first event reaches us.
    "nested lists": (f"a: {'[' * 100_000}\n", "(nested more than 32|not readable as YAML)"),
    "nested mappings": (f"{GOOD}a: {'{a: ' * 5_000}{'}' * 5_000}\n", "nested more than 32"),
    "nested blocks": (GOOD + "".join(f"{' ' * n}a:\n" for n in range(2_000)), "nested more than 32"),
    "many values": (f"{GOOD}a: [{'1,' * (MOST_NODES + 1)}]", "more than 100000 values"),
    "too large": (f"{GOOD}a: {'x' * LARGEST_FILE}", "larger than 8 MiB"),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_a_bomb_is_refused_before_it_is_expanded(name, tmp_path, monkeypatch):
    """Nothing is built of it, and no more of it is read than the limits allow."""
    text, reason = BOMBS[name]
    (tmp_path / "MLmodel").write_text(text)
    events, parse = [], yaml.parse

    def counted(*arguments, **options):
        for event in parse(*arguments, **options):
            events.append(type(event))
            yield event

    monkeypatch.setattr(yaml, "parse", counted)
    monkeypatch.setattr(yaml, "safe_load", lambda _: pytest.fail("it was expanded"))
    with pytest.raises(TrustError, match=rf"MLmodel file was not read: .*{reason}") as caught:
        ModelDescription.read(tmp_path)
    # A node has an event, a collection two; beside them the stream and its document.
    assert len(events) <= 2 * (MOST_NODES + 2)
    assert len(str(caught.value)) < 300


MALFORMED = {
    "unfinished": "flavors: {python_function: {",
    "tabs": "flavors:\n\tpython_function: {}",
    "two documents": f"{GOOD}---\n{GOOD}",
    "a zero byte": GOOD + "\0",
    "not UTF-8": GOOD.encode() + b"# \xff\xfe",
    "UTF-16": GOOD.encode("utf-16"),
    "a number too long to be read": f"{GOOD}a: {'9' * 10_000}",
    "a date that is none": f"{GOOD}a: 2026-99-99",
    "an integer that is none": f"{GOOD}a: !!int ''",
    "a truth that is none": f"{GOOD}a: !!bool perhaps",
    "a time that is none": f"{GOOD}a: !!timestamp noon",
    "a hexadecimal number that is none": f"{GOOD}a: 0x_",
    "a key that is a list": f"{GOOD}? [1]\n: 2",
    "a future version of YAML": f"%YAML 9.9\n---\n{GOOD}",
    "an unknown tag": f"{GOOD}a: !unknown 1",
}


@pytest.mark.parametrize("name", list(MALFORMED))
def test_what_is_malformed_is_refused(name, tmp_path):
    text = MALFORMED[name]
    (tmp_path / "MLmodel").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(TrustError, match=r"MLmodel file was not read: it is not readable as YAML"):
        ModelDescription.read(tmp_path)


@pytest.mark.parametrize(
    "tag",
    [
        "!!python/object/apply:os.system ['touch {marker}']",
        "!!python/object/new:os.system ['touch {marker}']",
        "!!python/name:os.system",
        "!!python/module:antigravity",
        "!!python/object:builtins.open {{}}",
        "!!python/tuple [1]",
    ],
)
def test_a_tag_that_asks_for_python_runs_nothing(tag, tmp_path, marker):
    (tmp_path / "MLmodel").write_text(f"{GOOD}a: {tag.format(marker=marker)}")
    with pytest.raises(TrustError, match="not readable as YAML"):
        ModelDescription.read(tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "text", ["", "flavors", "[]", "flavors: []", "flavors: {}", "flavors: {sklearn: 3}", "flavors: {1: {}}", "{}"]
)
def test_yaml_that_is_no_mlmodel_is_refused(text, tmp_path):
    (tmp_path / "MLmodel").write_text(text)
    with pytest.raises(TrustError, match=r"names no flavors"):
        ModelDescription.read(tmp_path)


@pytest.mark.parametrize(
    "make", [lambda path: None, lambda path: path.mkdir(), lambda path: path.symlink_to("/etc/hosts")]
)
def test_no_mlmodel_file(make, tmp_path):
    make(tmp_path / "MLmodel")
    with pytest.raises(ArtifactsMissingError, match=r"has no MLmodel file"):
        ModelDescription.read(tmp_path)


def test_what_mlflow_writes_is_read(saved):
    description = ModelDescription.read(saved)
    assert (description.loader_module, description.flavor) == ("mlflow.sklearn", "sklearn")
    assert description.paths() == {"python_function.model_path": "model.skops", "sklearn.pickled_model": "model.skops"}


def test_aliases_within_reason_are_read(tmp_path):
    """PyYAML writes them for any object that occurs twice."""
    types = ["a", "b"]
    text = yaml.safe_dump({"flavors": {"python_function": {"x": types}, "sklearn": {"x": types}}})
    assert "&id001" in text
    (tmp_path / "MLmodel").write_text(text)
    assert ModelDescription.read(tmp_path).flavors["sklearn"]["x"] == types


@pytest.mark.slow
def test_a_signature_of_twenty_thousand_columns_is_read(tmp_path):
    columns = ", ".join(f'{{"name": "column {n}", "type": "double", "required": true}}' for n in range(20_000))
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(yaml.safe_load(GOOD) | {"signature": {"inputs": f"[{columns}]"}}))
    assert (tmp_path / "MLmodel").stat().st_size > 1_000_000
    ModelDescription.read(tmp_path)


def test_the_limit_of_depth_is_exact(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("[" * DEEPEST + "]" * DEEPEST)
    assert read_yaml(path)
    path.write_text("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))
    with pytest.raises(RefusedYamlError, match=r"more than 32 deep"):
        read_yaml(path)


pieces = st.sampled_from(
    [*"abc01:-,[]{}&*!?|>'\"%@`#~ \n\t<", "!!int ", "!!timestamp ", "<<: ", "&a ", "*a ", ": ", "\n- "]
)


@settings(max_examples=300, deadline=None)
@given(text=st.lists(pieces, max_size=30).map("".join))
def test_whatever_is_in_the_file_it_is_read_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("yaml") / "MLmodel"
    path.write_text(text)
    try:
        found = read_yaml(path)
    except RefusedYamlError:
        return
    # NaN is the one value that is not itself.
    assert repr(found) == repr(yaml.safe_load(text))
