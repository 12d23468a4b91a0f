"""A candidate beside the champion on the rows of the sample whose outcome is known."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlops_assets.arrow.foreign_tables import from_arrow_like
from mlops_assets.performance.outcome_rows import OutcomeColumns
from mlops_assets.performance.problem import Asked
from mlops_assets.validation.known_outcomes import KnownOutcomes, judge_on_outcomes

ROWS = 300
rng = np.random.default_rng(2)
TRUTH = rng.normal(size=ROWS)
GOOD, BAD = TRUTH + rng.normal(0, 0.3, ROWS), TRUTH + rng.normal(0, 0.6, ROWS)


def predictions(values: np.ndarray) -> pa.Table:
    return pa.table(
        {"id": range(ROWS), "prediction": values, "model_version": [1] * ROWS, "model_digest": ["d"] * ROWS}
    )


def known(rows: int, *, blocks: bool = True) -> KnownOutcomes:
    outcomes = pd.DataFrame({"id": range(ROWS + 50), "y": [*TRUTH, *range(50)]}).iloc[ROWS - rows :]
    table = from_arrow_like(outcomes, row_key=["id"], columns=None, limit=None, uri="outcomes.parquet")
    sample = pa.table({"id": range(ROWS)})
    return KnownOutcomes.of_sample(table, sample, ["id"], OutcomeColumns("y"), Asked(), (), 30, blocks=blocks)


@pytest.mark.parametrize(
    ("candidate", "rows", "blocks", "passed", "part"),
    [
        (GOOD, ROWS, True, True, "on 300 rows with an outcome: rmse -"),
        (BAD, ROWS, True, False, "fall beyond chance"),
        (BAD, ROWS, False, True, "outcomes.on_fall is warn"),
        (BAD, 20, True, None, "20 rows of the sample have an outcome"),
    ],
)
def test_a_candidate_is_judged_where_enough_is_known(candidate, rows, blocks, passed, part):
    champion = BAD if candidate is GOOD else GOOD
    verdict, detail = judge_on_outcomes(
        known(rows, blocks=blocks), predictions(champion), predictions(candidate), ["id"]
    )
    assert verdict is passed
    assert part in detail


def test_labels_are_judged_however_outcomes_write_them():
    truth = np.arange(ROWS) % 3 == 0
    wrong = np.where(np.arange(ROWS) % 4 == 0, ~truth, truth)
    table = from_arrow_like(
        pd.DataFrame({"id": range(ROWS), "y": truth}), row_key=["id"], columns=None, limit=None, uri="outcomes.parquet"
    )
    sample = pa.table({"id": range(ROWS)})
    outcomes = KnownOutcomes.of_sample(table, sample, ["id"], OutcomeColumns("y"), Asked(), (), 30, blocks=True)
    verdict, detail = judge_on_outcomes(
        outcomes, predictions(truth.astype(int)), predictions(wrong.astype(int)), ["id"]
    )
    assert verdict is False
    assert "accuracy -0.25" in detail
