"""Every command and snippet of docs/commands.md and docs/python.md is run, in a project of one's own."""

import re
import shlex
from pathlib import Path

import pytest

from mlops_assets_tests.commands.conftest import command
from mlops_assets_tests.models.test_signed_models import write_key

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parent.parent.parent / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def test_the_commands_of_their_page(project):
    project.run()
    (project.root / "customers.parquet").write_bytes((project.root / "data" / "customers.parquet").read_bytes())
    write_key(project.root, "private.pem")
    lines = [line for block in blocks("commands.md", "bash") for line in block.splitlines()]
    assert len(lines) > 8
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "mlops-assets"
        if arguments[0] == "demo":
            continue
        done = command(project.root, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), (line, done.stderr[-2000:])


def test_the_snippets_of_the_page_on_python(project, customers):
    customers.to_parquet(project.root / "customers.parquet", index=False)
    code = "\n".join(blocks("python.md", "python"))
    before, _, after = code.partition("from mlops_assets import InferSigner")
    guarded = f"{before}\nimport sys\nassert 'dagster' not in sys.modules\nfrom mlops_assets import InferSigner{after}"
    done = command(project.root, python=guarded, MLFLOW_TRACKING_URI=project.registry.uri)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "max_rejected" in done.stdout
    assert "probability\n" in done.stdout
    assert "9 [array([{'column': 'age', 'code': 'missing_value'}]" in done.stdout
