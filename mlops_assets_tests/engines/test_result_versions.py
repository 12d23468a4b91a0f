"""Kept results: code that changes them raises `RESULT_VERSION`; what cannot change them does not count."""

import pytest

from mlops_assets.engines.work import Work
from mlops_assets.explain.compare.other_version import OtherVersionWork
from mlops_assets.explain.ledger.interaction_work import InteractionWork
from mlops_assets.explain.ledger.work import ExplainWork
from mlops_assets.scoring.predict import PredictWork
from mlops_assets_tests.engines.result_versions import RECORDED, ROOT, Sources, main, read_present, read_recorded

COMMAND = "python -m mlops_assets_tests.engines.result_versions"
SOURCES = Sources(ROOT)

WORK = '''"""Work."""
from typing import TYPE_CHECKING, ClassVar
from mlops_assets.errors import Failed
from mlops_assets.sums import add

if TYPE_CHECKING:
    from mlops_assets.unused import Other

class Adding(Work):
    noun: ClassVar[str] = "additions"
    RESULT_VERSION: ClassVar[int] = 1

    def open(self):
        from mlops_assets.deferred import scale

        return lambda x: scale(add(x, 1))
'''
PACKAGE = {
    "work.py": WORK,
    "sums.py": "LEAST = 0\ndef add(a: int, b: int) -> int:\n    return a + b\n",
    "other_sums.py": "def add(a, b):\n    return a - b\n",
    "deferred.py": (
        "from mlops_assets.errors import Failed\n"
        "def scale(x):\n"
        "    assert x is not None, 'no x'\n"
        "    if x < 0:\n"
        "        raise Failed(f'{x} is below 0')\n"
        "    return x * 2\n"
    ),
    "errors.py": "class Failed(Exception): ...\n",
    "unused.py": "class Other: ...\n",
}


@pytest.mark.parametrize("kind", SOURCES.kinds(), ids=lambda kind: kind.noun)
def test_code_that_changes_results_changes_their_version(kind):
    recorded, now = read_recorded(RECORDED).get(kind.noun), read_present(SOURCES)[kind.noun]
    assert recorded == now, (
        f"The code that kept {kind.noun} depend on changed. Where a result may change, raise RESULT_VERSION in "
        f"mlops_assets/{kind.module.replace('.', '/')}.py and run: {COMMAND}\nElse run: {COMMAND} --same-results\n"
        f"The modules are {', '.join(SOURCES.covered(kind.module))}"
    )


def test_every_kind_of_work_is_covered():
    direct = [kind for kind in Work.__subclasses__() if kind.__module__.startswith("mlops_assets.")]
    subclasses = {*direct, *(kind for one in direct for kind in one.__subclasses__())}
    assert subclasses == {ExplainWork, InteractionWork, OtherVersionWork, PredictWork}
    assert {(kind.noun, kind.RESULT_VERSION) for kind in subclasses} == {
        (kind.noun, kind.version) for kind in SOURCES.kinds()
    }


def test_what_computes_is_covered_and_what_fetches_is_not():
    covered = {kind.noun: set(SOURCES.covered(kind.module)) for kind in SOURCES.kinds()}
    assert {"models.answers", "signatures.mlflow.model_input", "models.load"} <= covered["predictions"]
    assert {"trees.shap_kernel", "explain.explainers.permutation", "models.load"} <= covered["explanations"]
    for modules in covered.values():
        assert not {"errors", "models.registry", "engines.chunk_store", "storage.locks"} & modules


@pytest.fixture
def package(tmp_path):
    """Writes the package, with files in place of its own (None: without); returns its folder."""

    def write(**files: str | None):
        for name, text in {**PACKAGE, **{f"{name}.py": text for name, text in files.items()}}.items():
            path = tmp_path / "mlops_assets" / name
            path.parent.mkdir(exist_ok=True)
            path.unlink(missing_ok=True)
            if text is not None:
                path.write_text(text)
        return tmp_path

    return write


def digest(root):
    return read_present(Sources(root))["additions"].code


def test_imports_are_followed_but_for_those_of_a_type_checker(package):
    assert Sources(package()).covered("work") == ["deferred", "sums", "work"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"sums": "LEAST = 0\ndef add(a, b):\n    return b + a\n"}, id="code"),
        pytest.param({"sums": PACKAGE["sums.py"].replace("LEAST = 0", "LEAST = 1")}, id="constant"),
        pytest.param({"deferred": PACKAGE["deferred.py"].replace("x * 2", "x * 3")}, id="deferred import"),
        pytest.param({"work": WORK.replace("mlops_assets.sums", "mlops_assets.other_sums")}, id="another definition"),
        pytest.param({"work": WORK.replace("add(x, 1)", "add(x, 2)")}, id="the work"),
    ],
)
def test_what_may_change_a_result_counts(package, files):
    assert digest(package()) != digest(package(**files))


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"errors": "class Failed(ValueError): ...\n"}, id="errors"),
        pytest.param({"unused": "class Other: x = 1\n"}, id="type-only import"),
        pytest.param({"sums": '"""Prose."""\n# A comment.\n' + PACKAGE["sums.py"]}, id="prose"),
        pytest.param({"sums": PACKAGE["sums.py"].replace("a: int", "a: float")}, id="annotation"),
        pytest.param({"deferred": PACKAGE["deferred.py"].replace("is below 0", "< 0")}, id="message of raise"),
        pytest.param({"deferred": PACKAGE["deferred.py"].replace("no x", "nothing")}, id="message of assert"),
        pytest.param(
            {
                "sums": None,
                "additions": PACKAGE["sums.py"],
                "work": WORK.replace("mlops_assets.sums", "mlops_assets.additions"),
            },
            id="a module moves",
        ),
        pytest.param(
            {
                "deferred": PACKAGE["deferred.py"].partition("def ")[0] + "from mlops_assets.scaling import scale\n",
                "scaling": PACKAGE["deferred.py"],
                "work": WORK.replace("mlops_assets.deferred", "mlops_assets.scaling"),
            },
            id="a function moves",
        ),
    ],
)
def test_what_cannot_change_a_result_does_not_count(package, files):
    assert digest(package()) == digest(package(**files))


def test_the_command_refuses_a_change_under_the_same_version(package, tmp_path, capsys):
    recorded = tmp_path / "recorded.json"
    assert main([], package(), recorded) == 0
    first = read_recorded(recorded)
    package(sums=PACKAGE["sums.py"].replace("a + b", "b + a"))
    assert main([], tmp_path, recorded) == 1
    assert "RESULT_VERSION is still 1" in capsys.readouterr().err
    assert read_recorded(recorded) == first
    assert main(["--same-results"], tmp_path, recorded) == 0
    second = read_recorded(recorded)
    assert second["additions"].code != first["additions"].code
    assert second["additions"].version == 1
    package(work=WORK.replace("RESULT_VERSION: ClassVar[int] = 1", "RESULT_VERSION: ClassVar[int] = 2"))
    assert main([], tmp_path, recorded) == 0
    assert read_recorded(recorded)["additions"].version == 2
