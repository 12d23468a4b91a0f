"""docs/errors.md lists every error, and its troubleshooting headings are the beginnings of real messages."""

import ast
import re
from pathlib import Path

import mlops_assets
from mlops_assets import errors
from mlops_assets.errors import MlopsAssetsError

PACKAGE = Path(mlops_assets.__file__).parent
PAGE = (PACKAGE.parent / "docs" / "errors.md").read_text("utf-8")


def subclasses(error: type[MlopsAssetsError]) -> set[type[MlopsAssetsError]]:
    return {error}.union(*(subclasses(kind) for kind in error.__subclasses__()))


def rows() -> dict[str, list[str]]:
    """The table's cells by the error's name."""
    cells = [
        [cell.strip() for cell in line.strip("|\n ").split(" | ")] for line in PAGE.splitlines() if line[:3] == "| `"
    ]
    return {row[0].strip("` "): row[1:] for row in cells}


def test_every_error_is_listed_with_when_and_what_to_do():
    expected = {error.__name__ for error in subclasses(MlopsAssetsError) if error.__module__ == errors.__name__}
    assert set(rows()) == expected
    assert all(len(cells) == 3 and all(len(cell.split()) >= 2 for cell in cells[1:]) for cells in rows().values())


def test_the_parent_of_each_error_is_true():
    for name, (parent, *_) in rows().items():
        assert getattr(errors, name).__base__.__name__ == parent.strip("`")


def literals(path: Path) -> list[str]:
    """The text in a module, its docstrings left out."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings]
    return [node.value for node in constants if isinstance(node.value, str)]


def test_headings_are_how_messages_begin():
    headings = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
    assert len(headings) >= 12
    source = "\n".join(text for path in sorted(PACKAGE.rglob("*.py")) for text in literals(path))
    for heading in headings:
        fixed = max(re.split(r"\.\.\.|`", heading), key=len).strip(" :,(")
        assert len(fixed) > 11, heading
        assert fixed in source, f"no message has {fixed!r}"


def test_settings_on_the_page_exist():
    from mlops_assets_tests.test_messages import GROUPS, dotted, exists, yaml_paths

    # Not the page trust.md.
    named = [path for path in (*dotted(PAGE), *yaml_paths(PAGE)) if path[0] in GROUPS and path[1:] != ["md"]]
    assert len(named) > 8
    assert [path for path in named if not exists(path)] == [["inputs", "pth"]], "the mistake that is shown"
