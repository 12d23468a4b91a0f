"""All cases, from the modules that hold them."""

from collections import Counter

from mlops_assets_tests.zoo import (
    catboost_models,
    lightgbm_models,
    sklearn_composites,
    sklearn_histogram,
    sklearn_inputs,
    sklearn_linear,
    sklearn_trees,
    xgboost_models,
)
from mlops_assets_tests.zoo.case import Case

MODULES = (
    sklearn_trees,
    sklearn_histogram,
    sklearn_linear,
    sklearn_composites,
    sklearn_inputs,
    lightgbm_models,
    xgboost_models,
    catboost_models,
)


def all_cases() -> tuple[Case, ...]:
    """In the order of the printed table."""
    cases = tuple(case for module in MODULES for case in module.CASES)
    repeated = [name for name, count in Counter(case.name for case in cases).items() if count > 1]
    assert not repeated, repeated
    return cases
