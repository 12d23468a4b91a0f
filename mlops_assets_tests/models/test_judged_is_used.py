"""What is judged is what is used: the MLmodel file in every encoding of a locale, and every address of artifacts."""

import builtins
import gc
import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from shutil import which
from urllib.parse import unquote, urlsplit

import mlflow.pyfunc
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from mlops_assets.errors import MlopsAssetsError, RegistryError
from mlops_assets.models import working_copy
from mlops_assets.models.artifact_address import ArtifactAddress
from mlops_assets.models.artifact_place import ENDPOINT, split_service
from mlops_assets.models.load import load_by_flavor
from mlops_assets.models.mlmodel import ModelDescription
from mlops_assets.models.mlmodel_yaml import RefusedYamlError, parse_yaml, write_yaml
from mlops_assets.models.skops import judge as judge_room
from mlops_assets.models.working_copy import WorkingCopy
from mlops_assets_tests.models.conftest import REFERENCE, edit_mlmodel, judge
from mlops_assets_tests.waiting import LONGEST_SECONDS

ENCODINGS = ["utf-8", "latin-1", "cp1252", "ascii", "cp1251", "euc_jp", "mac_roman"]


def locale_of(monkeypatch, encoding):
    """Files that are opened as text without an encoding are read in this one, as under such a locale."""
    real = io.open

    def opened(file, mode="r", buffering=-1, encoding_of_the_caller=None, *rest, **options):
        chosen = options.pop("encoding", encoding_of_the_caller)
        if "b" not in mode and chosen is None:
            chosen = encoding
        return real(file, mode, buffering, chosen, *rest, **options)

    monkeypatch.setattr(builtins, "open", opened)


def second_flavors(saved, marker):
    """U+0145 is two bytes in UTF-8, of which the second ends a line in Latin-1: what follows is no comment there."""
    code = saved / "code"
    code.mkdir()
    (code / "hostile_loader.py").write_text(
        f"open({str(marker)!r}, 'wb').close()\ndef _load_pyfunc(path):\n    return None\n"
    )
    text = (saved / "MLmodel").read_text()
    hidden = "flavors: {python_function: {loader_module: hostile_loader, code: code}}"
    (saved / "MLmodel").write_bytes((text + f"# \u0145{hidden}\n").encode())


def test_the_attack_is_live(saved, marker, monkeypatch):
    """MLflow alone runs it, so that the next test says something."""
    second_flavors(saved, marker)
    locale_of(monkeypatch, "latin-1")
    with suppress(MlflowException):  # the loader returns no model
        mlflow.pyfunc.load_model(str(saved))
    assert marker.exists()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_comment_that_is_none_in_another_encoding_runs_nothing(saved, marker, iris, monkeypatch, encoding):
    second_flavors(saved, marker)
    locale_of(monkeypatch, encoding)
    judge(saved)
    loaded = load_by_flavor(saved, REFERENCE)
    assert len(loaded.predict(iris[0])) == len(iris[0])
    assert not marker.exists()


UNDER_A_LOCALE = """
import json, locale, sys
from contextlib import suppress
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
from mlflow.exceptions import MlflowException

from mlops_assets.models.load import load_by_flavor
from mlops_assets_tests.models.conftest import REFERENCE, judge

folder, marker = Path(sys.argv[1]), Path(sys.argv[2])
locale.setlocale(locale.LC_ALL, "")
judge(folder)
answers = load_by_flavor(folder, REFERENCE).predict(pd.read_parquet(sys.argv[3]))
found = {"encoding": open(folder / "MLmodel").encoding, "rows": len(answers), "ours ran it": marker.exists()}
# MLflow alone, afterwards.
with suppress(MlflowException, UnicodeDecodeError):
    mlflow.pyfunc.load_model(str(folder))
print(json.dumps(found | {"MLflow ran it": marker.exists()}))
"""


@pytest.mark.slow
def test_a_process_under_a_latin_1_locale_runs_nothing_of_the_model(saved, marker, iris, tmp_path):
    """Nothing is simulated: the C library's own locale, which is compiled here where the machine has the sources.
    Elsewhere the locale is C, which is ASCII: MLflow alone is harmless there, so that only our part is tried.
    """
    second_flavors(saved, marker)
    iris[0].to_parquet(tmp_path / "rows.parquet")
    name = "en_US.ISO-8859-1"
    command = ["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(tmp_path / name)]
    compiled = which("localedef") is not None and subprocess.run(command, capture_output=True).returncode == 0
    environment = {key: value for key, value in os.environ.items() if key != "LANG" and not key.startswith("LC_")} | {
        **{"LC_ALL": name if compiled else "C", "LOCPATH": str(tmp_path)},
        **{"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    }
    files = [str(each) for each in (saved, marker, tmp_path / "rows.parquet")]
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", UNDER_A_LOCALE, *files],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "encoding": "ISO-8859-1" if compiled else "ANSI_X3.4-1968",
        "rows": len(iris[0]),
        "ours ran it": False,
        "MLflow ran it": compiled,
    }


def test_what_loaders_get_is_what_was_judged_and_nothing_that_mlflow_would_ask_for(saved):
    edit_mlmodel(
        saved,
        lambda content: content.update(
            load_input_example="not a method",
            prompts=["prompts:/x/1"],
            metadata={"note": "Gr\u00fc\u00dfe \U0001f600 \x85 \u2028"},
            saved_input_example_info={"artifact_path": "input_example.json", "type": "dataframe"},
        ),
    )
    description = ModelDescription.read(saved)
    copy = WorkingCopy(description)
    raw = (copy.folder / "MLmodel").read_bytes()
    assert raw.isascii()
    read = yaml.safe_load(raw)
    assert read["flavors"] == description.flavors
    assert read["metadata"] == description.content["metadata"]
    assert {"load_input_example", "prompts", "saved_input_example_info"}.isdisjoint(read)
    copy.remove()
    assert not copy.folder.exists()


def test_the_copy_lives_as_long_as_the_model(saved):
    before = set(working_copy.folders_of_this_process)
    loaded = load_by_flavor(saved, REFERENCE)
    (folder,) = set(working_copy.folders_of_this_process) - before
    assert (folder / "model.skops").samefile(saved / "model.skops") or (folder / "model.skops").is_file()
    del loaded
    gc.collect()
    assert not folder.exists()


def test_the_way_to_a_load_reads_a_skops_file_once(saved, monkeypatch):
    read: list[Path] = []
    schema = judge_room.Schema

    def count(archive):
        read.append(archive)
        return schema(archive)

    monkeypatch.setattr(judge_room, "Schema", count)
    judge(saved)
    load_by_flavor(saved, REFERENCE)
    assert len(read) == 1


def test_a_cache_that_is_gone_at_the_end_of_the_process_is_no_error(tmp_path):
    code = (
        "import shutil, sys; from pathlib import Path; from mlops_assets.models import working_copy; "
        "working_copy._root(Path(sys.argv[1]) / 'working'); shutil.rmtree(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "cache")], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.one_of(
    texts, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False), st.dates(), st.binary(max_size=9)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(content=st.dictionaries(texts, values, max_size=5))
def test_what_is_written_reads_the_same_in_every_encoding(content):
    raw = write_yaml(content)
    for encoding in ENCODINGS:
        read = yaml.safe_load(io.TextIOWrapper(io.BytesIO(raw), encoding=encoding))
        assert read == content


pieces = st.sampled_from(
    [
        *"ab1:-,[]{}&*!?|>'\"%@`#~ \n\t<",
        "\u0145",
        "\x85",
        "\u2028",
        "\u00e9",
        "flavors",
        ": ",
        "\n- ",
        "&a ",
        "*a ",
        "<<: ",
    ]
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(text=st.lists(pieces, max_size=40).map("".join))
def test_what_strangers_write_reads_as_it_was_judged_in_every_encoding(text):
    try:
        judged = {"all": parse_yaml(text.encode())}
        raw = write_yaml(judged)
    except RefusedYamlError:
        return
    for encoding in ENCODINGS:
        assert repr(yaml.safe_load(raw.decode(encoding))) == repr(judged)


NUMBERS = {
    "a number of base 60": "a: " + ":".join(["59"] * 100_000),
    "tagged": "a: !!int '" + ":".join(["1"] * 100_000) + "'",
    "a fraction of base 60": "a: !!float '" + ":".join(["1"] * 100_000) + ".5'",
    "keys of equal hashes": "{" + ", ".join(f"{number * (2**61 - 1)}: 1" for number in range(20_000)) + "}",
    "a long text, over and over": "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 1_000) + "]",
    "half a character": 'a: "\\ud800"',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(NUMBERS))
def test_values_that_cost_more_than_their_size_are_refused(name):
    with pytest.raises(RefusedYamlError):
        parse_yaml(NUMBERS[name].encode())


# --- addresses ---

SCHEMES = ["", "file:", "file://", "file:///", "s3://", "gs://", "http://", "HTTPS://", "mlflow-artifacts:", "wasbs://"]
PARTS = [
    *(
        "models",
        "evil",
        "m",
        "1",
        "a",
        "box@account.example",
        "user:pw@host",
        "[::1]:80",
        "host:5000",
        "H\u00d6ST",
        "x y",
    ),
    *(
        "@",
        "?",
        "#",
        "\\",
        "%",
        "%2e",
        "%2E%2e",
        "%252e",
        "%2f",
        "%00",
        "%41",
        "%c3%a9",
        "%ff",
        "..",
        ".",
        "",
        "\u0145",
    ),
    *("\n", "\x00", "\u202e", ";p=1", "~", "a=b&c", ":", "*"),
]
addresses = st.builds(
    lambda scheme, parts, joins: scheme + "".join(part + join for part, join in zip(parts, joins, strict=False)),
    st.sampled_from(SCHEMES),
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=6),
    st.lists(st.sampled_from(["/", "/", "/", "//", "", "@"]), min_size=6, max_size=6),
)


def parsed(text):
    try:
        return ArtifactAddress.parse(text)
    except RegistryError:
        return None


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None)
@given(text=addresses)
def test_an_address_is_one_value_however_it_is_read(text):
    address = parsed(text)
    if address is None:
        return
    # Shown, and read again where it was kept.
    shown = ArtifactAddress.parse(str(address))
    assert shown == address
    assert str(shown) == str(address)
    assert ".." not in address.path.split("/")
    if address.scheme == "file":
        return
    # Fetched: as the standard library and MLflow's repositories take it apart.
    split = urlsplit(address.url)
    assert (split.scheme, split.query, split.fragment) == (address.scheme, "", "")
    assert split.netloc.rpartition("@")[2] == address.host.rpartition("@")[2]
    if address.scheme in ("s3", "gs"):
        assert (split.netloc, split.path) == (address.host, address.path)
    if address.scheme in ("http", "https", "mlflow-artifacts"):
        assert unquote(split.path) == address.path
    # Without a user, unless it is a container.
    assert address.scheme == "wasbs" or "@" not in address.host


@pytest.mark.slow
@settings(max_examples=1_000, deadline=None)
@given(
    text=addresses,
    folder=st.sampled_from(
        ["s3://models", "s3://models/m", "/models/m", "http://host:5000/a", "wasbs://box@account.example/m"]
    ),
)
def test_below_is_what_is_opened(text, folder):
    """Whatever is judged to be in an allowed folder is asked for at that host, in that folder."""
    address, allowed = parsed(text), ArtifactAddress.parse(folder)
    if address is None or not address.is_below(allowed):
        return
    assert (address.scheme, address.host) == (allowed.scheme, allowed.host)
    asked = address.path if address.scheme in ("file", "s3", "wasbs") else unquote(urlsplit(address.url).path)
    assert (asked.rstrip("/") + "/").startswith(allowed.path.rstrip("/") + "/")


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    names=st.lists(
        st.sampled_from(["a", "b c", "%41", "x?y", "x#y", "@", "\u00e9", "a;b", "...", "~"]), min_size=1, max_size=3
    )
)
def test_the_local_folder_that_is_judged_is_the_one_that_is_read(tmp_path_factory, names):
    folder = tmp_path_factory.mktemp("local").joinpath(*names)
    folder.mkdir(parents=True)
    for written in (str(folder), folder.as_uri()):
        address = ArtifactAddress.parse(written)
        assert Path(address.path) == folder
        assert address.is_below(ArtifactAddress.parse(str(folder.parent)))


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("s3://evil/x@models/churn/1", "s3://models"),
        ("s3://evil@models/churn/1", "s3://models"),
        ("s3://models@evil/churn/1", "s3://models"),
        ("s3://models\\@evil/churn", "s3://models"),
        ("s3://models#@evil/churn", "s3://models"),
        ("s3://models?@evil/churn", "s3://models"),
        ("s3://models//churn/1", "s3://models/churn"),
        ("s3://models/./churn/1", "s3://models/churn"),
        ("s3://models/evil/..%2fchurn", "s3://models/churn"),
        ("wasbs://evil@account.example/m", "wasbs://models@account.example/m"),
        ("http://host/m/%2e%2e/evil", "http://host/m"),
        ("http://host/m/%252e%252e/evil", "http://host/m"),
        ("http://evil#@host/m", "http://host/m"),
        ("http://host:80@evil/m", "http://host:80/m"),
        ("file:///evil?/models/m", "/models"),
        ("file:///evil#/models", "/models"),
        ("file:///models?x", "/models"),
        ("file://evil/models/m", "/models"),
        ("file:///models/%2e%2e/evil", "/models"),
        ("file:///models%00/m", "/models"),
        ("mlflow-artifacts://evil/m", "mlflow-artifacts:/m"),
    ],
)
def test_addresses_that_pretend(address, allowed):
    judged = parsed(address)
    assert judged is None or not judged.is_below(ArtifactAddress.parse(allowed))


def test_a_folder_whose_name_looks_like_a_query_is_looked_at_and_read(saved, asked, registry, cache):
    """Links are looked for in the very folder that is copied."""
    for name in ("folder?x", "folder#x", "a%41", "x y", "@"):
        folder = saved.with_name(name)
        folder.mkdir()
        for file in saved.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        pinned = asked.pin("named", registry_add(registry, folder.as_uri()), cache)
        assert pinned.location == folder.as_uri()
        (folder / "model.skops").unlink()
        (folder / "model.skops").symlink_to("/etc/hostname")
        with pytest.raises(MlopsAssetsError, match="leads out of the model"):
            asked.pin("named", int(pinned.version), cache)


def registry_add(registry, source):
    if not registry.client.search_registered_models("name = 'named'"):
        registry.client.create_registered_model("named")
    return int(registry.client.create_model_version("named", source=source).version)


def test_the_service_of_an_address_is_on_its_host():
    address = ArtifactAddress.parse("mlflow-artifacts:/1/m x")
    assert split_service(address, "https://u:p@ml.example/base/") == ("https://ml.example/base/api/2.0", "1/m x")
    written = ArtifactAddress.parse(f"https://ml.example/base/api/2.0{ENDPOINT}/1/m%20x")
    assert split_service(written, "") == ("https://ml.example/base/api/2.0", "1/m x")
    assert json.dumps(str(written))
