"""docs/trust.md names, for each promise, the tests that keep it."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "trust.md").read_text("utf-8")


def test_each_promise_has_tests_that_exist():
    table = PAGE.partition("## Promises")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 12
    for row in rows:
        files = re.findall(r"`([\w/.]+)`", row.split("|")[2])
        assert files, row
        for name in files:
            path = ROOT / "mlops_assets_tests" / name
            tests = [path] if path.is_file() else sorted(path.glob("test_*.py"))
            assert tests, name
            assert all("def test_" in test.read_text("utf-8") for test in tests), name
