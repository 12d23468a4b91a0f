"""Which code a kept result depends on: `Work.RESULT_VERSION` must be raised when that code changes what it computes.

``python -m mlops_assets_tests.engines.result_versions`` records the present code in ``result_versions.json``. It
refuses where code changed and `RESULT_VERSION` did not, unless ``--same-results`` states that no result changes.
"""

import argparse
import ast
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "mlops_assets"
ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "mlops_assets_tests" / "result_versions.json"

# The model that the work is done with is deserialized by this module, through an object that no import names.
LOADING = "models.load"

# What work imports and no result depends on. Imports of these are not followed.
WITHOUT_RESULTS = (
    # Names and messages of failures: only results of success are kept.
    "errors",
    "trees.errors",
    # Look classes up by name; the chosen class is part of the identity.
    "strategies",
    "mistakes",
    # Where and when work is done. A change of how results are named or cut loses them, and mixes nothing up.
    "engines",
    # Fetching, verifying and refusing a model: the digest of what is loaded is part of the identity.
    "models",
    # Where rows come from and results go: rows are known by their content.
    "storage",
    "tables",
    "journal",
    "state",
    # What is said meanwhile.
    "progress",
)
# ... except how a model is deserialized and asked, and its answer read.
WITH_RESULTS = (
    LOADING,
    "models.loaded_model",
    "models.native_input",
    "models.booster_categories",
    "models.lightgbm_categories",
    "models.xgboost_categories",
    "models.catboost_categories",
    "models.inner_boosters",
    "models.column_names",
    "models.answers",
    "models.answer_names",
    "models.answer_order",
    "models.answer_values",
    "models.records",
    "models.sklearn_methods",
)


@dataclass(frozen=True)
class Recorded:
    """A kind of work in ``result_versions.json``: its number, and the digest of the code that it covers."""

    version: int
    code: str


@dataclass(frozen=True)
class Kind:
    """A subclass of `Work`, read without importing it."""

    noun: str
    module: str
    version: int


@dataclass
class Sources:
    """The package's modules as syntax trees.

    Attributes
    ----------
    root
        The folder that holds the package.
    package
        Its name.
    """

    root: Path
    package: str = PACKAGE
    _trees: dict[str, ast.Module] = field(default_factory=dict)

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Every module by its name below the package; the package's own ``__init__`` is the empty name."""
        modules = {}
        for path in (self.root / self.package).rglob("*.py"):
            parts = path.relative_to(self.root / self.package).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return modules

    def tree(self, module: str) -> ast.Module:
        if module not in self._trees:
            self._trees[module] = ast.parse(self.modules[module].read_text("utf-8"))
        return self._trees[module]

    def kinds(self) -> list[Kind]:
        """Every subclass of `Work`, by its noun."""
        kinds = []
        for module in self.modules:
            for node in self.tree(module).body:
                if isinstance(node, ast.ClassDef) and any(
                    ast.unparse(base) in ("Work", "ExplainWork") for base in node.bases
                ):
                    values = {
                        ast.unparse(line.target): ast.literal_eval(line.value)
                        for line in node.body
                        if isinstance(line, ast.AnnAssign) and isinstance(line.value, ast.Constant)
                    }
                    kinds.append(Kind(values["noun"], module, values["RESULT_VERSION"]))
        return sorted(kinds, key=lambda kind: kind.noun)

    def imports(self, module: str) -> Iterator[tuple[str, str | None]]:
        """(module, name) for what a module imports from the package, deferred imports too; type-only ones are none."""
        for node in _walk(self.tree(module)):
            if isinstance(node, ast.ImportFrom) and node.module and self._is_own(node.module):
                origin = node.module.removeprefix(self.package).removeprefix(".")
                for alias in node.names:
                    below = f"{origin}.{alias.name}".removeprefix(".")
                    yield (below, None) if below in self.modules else (origin, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if self._is_own(alias.name):
                        yield alias.name.removeprefix(self.package).removeprefix("."), None

    def covered(self, module: str) -> list[str]:
        """The modules that results of work in `module` depend on: what it imports, what these import, and so on."""
        covered, waiting = set(), [module, *([LOADING] if LOADING in self.modules else [])]
        while waiting:
            name = waiting.pop()
            if name not in covered:
                covered.add(name)
                waiting += [origin for origin, _ in self.imports(name) if _has_results(origin)]
        return sorted(covered)

    def digest(self, module: str) -> str:
        """SHA-256 over the code of `covered`, without what cannot change a result; see `normal_form`.

        The same for every version of Python, wherever in the covered modules a definition is, and in whatever order.
        """
        forms = []
        for name in self.covered(module):
            forms += [normal_form(node) for node in _statements(self.tree(name).body)]
            forms += [f"{what} is {self._definition(origin, what)}" for origin, what in self.imports(name) if what]
        return hashlib.sha256("\n".join(sorted(forms)).encode("ascii")).hexdigest()

    def _definition(self, module: str, name: str) -> str:
        """What an imported name is, so that another definition of the same name is not taken for it."""
        if not _has_results(module):
            return ""
        for node in _statements(self.tree(module).body):
            if name in _defined_names(node):
                return hashlib.sha256(normal_form(node).encode("ascii")).hexdigest()
        return ""

    def _is_own(self, module: str) -> bool:
        return module == self.package or module.startswith(f"{self.package}.")


def _has_results(module: str) -> bool:
    excluded = any(module == name or module.startswith(f"{name}.") for name in WITHOUT_RESULTS)
    return bool(module) and (module in WITH_RESULTS or not excluded)


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    if not _is_type_only(node):
        yield node
        for child in ast.iter_child_nodes(node):
            yield from _walk(child)


def _is_type_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without imports, docstrings and what only a type checker reads."""
    return [
        node
        for node in body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        and not _is_type_only(node)
    ]


def _defined_names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


def normal_form(node: object) -> str:
    """Code as text that is the same in every version of Python (`ast.dump` and `ast.unparse` are not).

    Left out: comments, docstrings, imports, annotations, what only a type checker reads, and the messages of `raise`
    and `assert`.
    """
    if isinstance(node, list):
        body = _statements(node) if node and isinstance(node[0], ast.stmt) else node
        return f"[{','.join(map(normal_form, body))}]"
    if isinstance(node, ast.JoinedStr):
        return f"JoinedStr[{','.join(_pieces(node))}]"
    if not isinstance(node, ast.AST):
        return f"{type(node).__name__}:{node!a}"
    fields = {name: value for name, value in ast.iter_fields(node) if value not in (None, []) and name not in _SKIPPED}
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        fields["exc"] = node.exc.func
    if isinstance(node, ast.AnnAssign):
        # In a dataclass a ClassVar is no field.
        fields["annotation"] = "ClassVar" in ast.unparse(node.annotation)
    elif isinstance(node, ast.arg | ast.FunctionDef):
        fields.pop("annotation", None)
        fields.pop("returns", None)
    elif isinstance(node, ast.Assert):
        fields.pop("msg", None)
    return f"{type(node).__name__}({','.join(f'{name}={normal_form(value)}' for name, value in fields.items())})"


_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores", "simple"})


def _pieces(node: ast.JoinedStr) -> Iterator[str]:
    """The pieces of an f-string; versions of Python differ in where its text is cut."""
    text = ""
    for piece in node.values:
        if isinstance(piece, ast.Constant):
            text += str(piece.value)
            continue
        if text:
            yield ascii(text)
        text = ""
        yield normal_form(piece)
    if text:
        yield ascii(text)


def read_present(sources: Sources) -> dict[str, Recorded]:
    """Every kind of work as the code has it now."""
    return {kind.noun: Recorded(kind.version, sources.digest(kind.module)) for kind in sources.kinds()}


def read_recorded(path: Path) -> dict[str, Recorded]:
    """What was recorded; nothing where there is no such file."""
    content = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return {noun: Recorded(**values) for noun, values in content.items()}


def unchanged_versions(before: dict[str, Recorded], now: dict[str, Recorded]) -> list[str]:
    """The kinds whose code changed under the same number."""
    return [
        noun
        for noun, kind in now.items()
        if noun in before and kind.code != before[noun].code and kind.version == before[noun].version
    ]


def main(arguments: list[str], root: Path = ROOT, path: Path = RECORDED) -> int:
    """Record the present code; 1 where a `RESULT_VERSION` has to be raised first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--same-results", action="store_true", help="the code changed, and no result does")
    same_results = parser.parse_args(arguments).same_results
    now = read_present(Sources(root))
    kinds = [] if same_results else unchanged_versions(read_recorded(path), now)
    for noun in kinds:
        print(
            f"The code that {noun} depend on changed, and RESULT_VERSION is still {now[noun].version}. Raise it where "
            "a result may change (in the last bit, too), else repeat this command with --same-results.",
            file=sys.stderr,
        )
    if kinds:
        return 1
    path.write_text(json.dumps({noun: asdict(kind) for noun, kind in now.items()}, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
