"""Every model of the zoo is explained as its case says, and as the referees say."""

from pathlib import Path

import pytest

from mlops_assets_tests.zoo.case import Case
from mlops_assets_tests.zoo.cases import all_cases
from mlops_assets_tests.zoo.play import play

PLAYED = [
    pytest.param(case, id=f"{case.library}: {case.name}", marks=() if case.quick else pytest.mark.slow)
    for case in all_cases()
]


@pytest.mark.parametrize("case", PLAYED)
def test_a_model_is_explained_as_the_referees_say(case: Case, tmp_path: Path) -> None:
    result = play(case, tmp_path)
    assert result.problem == "", result.reason
