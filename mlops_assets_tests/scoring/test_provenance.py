"""How predictions were made, to and from their metadata: the texts of published tables stay as they are."""

import datetime

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.scoring.batch_dependence import BatchDependence
from mlops_assets.scoring.provenance import PredictionsProvenance

EXTRA = {
    "predict_method": "predict_proba",
    "params": '{"depth": 2, "seed": 1}',
    "batches.rows_compared": "96",
    "batches.rows_that_differ": "3",
}
MADE = PredictionsProvenance("predict_proba", {"seed": 1, "depth": 2}, BatchDependence(96, 3))


def test_the_texts_are_those_of_the_tables_published_so_far():
    assert MADE.to_extra() == EXTRA
    assert PredictionsProvenance.of(Provenance(extra=EXTRA)) == MADE


def test_params_without_a_json_form_are_kept_as_text():
    made = PredictionsProvenance("predict", {"day": datetime.date(2026, 1, 2)}, BatchDependence(0, 0))
    assert made.to_extra()["params"] == '{"day": "2026-01-02"}'


def test_a_table_that_does_not_say_was_made_by_predict_alone():
    assert PredictionsProvenance.of(Provenance()) == PredictionsProvenance("predict", {}, BatchDependence(0, 0))
