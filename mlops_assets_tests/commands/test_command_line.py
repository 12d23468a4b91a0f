"""The command line itself: light, documented, completed by shells."""

import gc
import io
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_assets.cli import main
from mlops_assets.commands.all_commands import COMMANDS
from mlops_assets.commands.completion import words_of
from mlops_assets.commands.progress import LinesListener, TerminalListener, show_progress
from mlops_assets.progress.report import Reporter, report_to, track
from mlops_assets_tests.progress.clock import Clock

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["score", "--help"], ["completion", "bash"]])
def test_what_needs_no_library_imports_none(arguments):
    code = (
        "import sys; from mlops_assets.cli import main\n"
        f"try: main({arguments})\nexcept SystemExit: pass\n"
        "print(sorted({'dagster', 'mlflow', 'pyarrow', 'numpy', 'pandas', 'yaml'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert done.stdout


def test_version_is_the_installed_one(capsys):
    from importlib.metadata import version

    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"mlops-assets {version('mlops-assets')}\n"


def test_each_command_is_on_its_page_with_all_its_options():
    page = (DOCS / "commands.md").read_text("utf-8")
    sections = dict(re.findall(r"^## `([\w-]+)`\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE))
    assert list(sections) == [command.name for command in COMMANDS if command.name != "explain-receipt"]
    options = {command.name: [word for word in words_of(command) if word.startswith("--")] for command in COMMANDS}
    for name, text in sections.items():
        assert [option for option in options[name] if f"`{option}" not in text and option != "--module"] == [], name
    known = {option for each in options.values() for option in each} | {"--version", "--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", page)) <= known


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_names_every_command_and_option(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in script
    for word in ("max-rejected", "open", "partition"):
        assert word in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("typed", "proposed"),
    [
        ("mlops-assets jo", ["journal"]),
        ("mlops-assets report churn --o", ["--open"]),
        ("mlops-assets completion f", ["fish"]),
        ("mlops-assets explain churn in.parquet out.csv --sa", ["--sample"]),
    ],
)
def test_bash_completes(typed, proposed, capsys, tmp_path):
    main(["completion", "bash"])
    (tmp_path / "c.bash").write_text(capsys.readouterr().out)
    words = typed.split(" ")
    code = (
        f"source {tmp_path / 'c.bash'}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
        '_mlops_assets; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == proposed


def _run_for_a_minute(listener):
    """A stage of 100 rows, of which one is done in a second, up to 60; what is due is reported each half second."""
    clock = Clock()
    reporter = Reporter(listener, clock, background=False)
    with suppress(KeyboardInterrupt), report_to(reporter), track("predicting", 100) as stage:
        for _ in range(60):
            clock.now += 1
            stage.advance()
            reporter.tick()
        raise KeyboardInterrupt


def test_on_a_terminal_there_is_one_line_that_is_overwritten(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    terminal = io.StringIO()
    _run_for_a_minute(TerminalListener(terminal))
    assert "\n" not in terminal.getvalue()
    lines = terminal.getvalue().split("\r\x1b[K")[1:]
    assert len(lines) == 60
    assert lines[24] == "[######------------------]  25 % predicting: 25 of 100 rows, 1.0 rows/s, about 1 min 15 s left"


def test_elsewhere_there_are_few_plain_lines():
    file = io.StringIO()
    _run_for_a_minute(LinesListener(file))
    assert file.getvalue().splitlines() == [
        f"predicting: {done} of 100 rows ({done} %), 1.0 rows/s, about {left} left"
        for done, left in ((10, "1 min 30 s"), (20, "1 min 20 s"), (30, "1 min 10 s"), (40, "1 min"), (50, "50 s"))
    ] + ["predicting: 60 of 100 rows (60 %), 1.0 rows/s, about 40 s left"]


def test_what_is_done_is_shown_on_terminals_alone_and_nothing_of_it_stays(capsys, monkeypatch):
    with show_progress() as show:
        show("loading")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with show_progress() as show:
        show("loading")
    assert capsys.readouterr().err == "\r\x1b[Kloading ...\r\x1b[K"


def test_a_command_looks_for_garbage_less_often_and_leaves_python_as_it_was(monkeypatch):
    before, within = gc.get_threshold(), []
    command = replace(COMMANDS[0], run=lambda _chosen: within.append(gc.get_threshold()) or 0)
    monkeypatch.setattr("mlops_assets.cli.COMMANDS", (command,))
    assert main([command.name]) == 0
    assert within[0][0] > before[0] > 0
    assert gc.get_threshold() == before
