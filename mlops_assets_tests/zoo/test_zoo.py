"""Every model of the zoo is explained as its case says, and as the referees say; the docs' table says the same."""

from pathlib import Path

import pytest

from mlops_assets_tests.zoo.case import Case
from mlops_assets_tests.zoo.cases import all_cases
from mlops_assets_tests.zoo.page import read_block, render_tables
from mlops_assets_tests.zoo.play import play

PLAYED = [
    pytest.param(case, id=f"{case.library}: {case.name}", marks=() if case.quick else pytest.mark.slow)
    for case in all_cases()
]


@pytest.mark.parametrize("case", PLAYED)
def test_a_model_is_explained_as_the_referees_say(case: Case, tmp_path: Path) -> None:
    result = play(case, tmp_path)
    assert result.problem == "", result.reason


def test_the_page_is_what_the_cases_say() -> None:
    assert read_block() == render_tables(all_cases()), "Run: python -m mlops_assets_tests.zoo --page"


def test_what_is_not_explained_exactly_has_a_reason() -> None:
    assert [case.name for case in all_cases() if case.outcome != "exact" and not case.reason] == []
