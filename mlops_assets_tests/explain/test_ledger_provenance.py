"""How a ledger was made, to and from its metadata: the texts of published tables stay as they are."""

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mlops_assets.arrow.provenance import Provenance
from mlops_assets.errors import ExplanationError
from mlops_assets.explain.explainers.explainer import ExplainConfig, Explainer
from mlops_assets.explain.ledger.provenance import LedgerProvenance
from mlops_assets.explain.ledger.selection import Selection

# As published tables hold it.
EXTRA = {
    "explain_settings": '{"KIND": null, "background_rows": 7, "interactions": 0, "mode": "path_dependent",'
    ' "permutations": 2, "seed": 3, "space": null}',
    "explainer": "TreeExplainer",
    "explainer_reason": "it is a forest",
    "space": "log-odds",
    "output_type": "int64",
    "outputs": '["n\\u00f8", "yes"]',
    "features": '["age", "pay"]',
    "precision": "float32",
    "native_importance": '{"yes": {"age": 0.25, "pay": 1.0}}',
    "background_digest": "",
    "selection": "every row",
    "every_row": "true",
    "in_order_from_start": "true",
}
SETTINGS = ExplainConfig(seed=3, background_rows=7)


class Forest(Explainer):
    """Says what an explainer says of itself, and explains nothing."""

    KIND = "TreeExplainer"

    def __init__(self, subject=None):
        self.reason, self.space = "it is a forest", "log-odds"
        self.features, self.outputs = ("age", "pay"), ("nø", "yes")
        self.output_type = pa.int64()
        self.precision = np.dtype(np.float32)
        self.native_importance = {"yes": {"pay": 1.0, "age": 0.25}}

    def explain(self, inputs):
        raise NotImplementedError

    def predict(self, inputs):
        raise NotImplementedError


def test_the_texts_are_those_of_the_tables_published_so_far():
    assert LedgerProvenance.describe(Forest(), Selection(seed=3), SETTINGS).to_extra() == EXTRA


def test_what_is_written_is_read_again():
    written = LedgerProvenance.describe(Forest(), Selection(seed=3), SETTINGS)
    metadata = Provenance(model="m", extra=written.to_extra()).to_metadata()
    assert LedgerProvenance.of(Provenance.of(pa.schema([], metadata))) == written


def test_what_is_absent_is_none():
    forest = Forest()
    forest.native_importance, forest.background_digest = None, "ab"
    extra = LedgerProvenance.describe(forest, Selection(), SETTINGS).to_extra()
    assert (extra["native_importance"], extra["background_digest"]) == ("null", "ab")
    assert LedgerProvenance.of(Provenance(extra=extra)).native_importance is None
    assert LedgerProvenance.of(Provenance(extra=EXTRA)).background_digest is None


@pytest.mark.parametrize(
    ("selection", "every_row", "in_order"),
    [
        (Selection(seed=9), True, True),
        (Selection(limit=5), False, True),
        (Selection(sample=0.5), False, False),
        (Selection(where="age > 3"), False, False),
    ],
)
def test_the_selection_says_which_rows_are_there(selection, every_row, in_order):
    described = LedgerProvenance.describe(Forest(), selection, SETTINGS)
    assert (described.every_row, described.in_order_from_start) == (every_row, in_order)
    assert described.selection == str(selection)


def test_settings_that_a_ledger_did_not_know_have_their_defaults():
    old = EXTRA | {"explain_settings": '{"KIND": null, "background_rows": 7, "seed": 3}'}
    assert LedgerProvenance.of(Provenance(extra=old)).settings == SETTINGS


def test_an_old_ledger_called_softmax_margins_log_odds():
    old = {name: text for name, text in EXTRA.items() if name != "output_type"}
    assert LedgerProvenance.of(Provenance(extra=old)).space == "softmax margin"
    assert LedgerProvenance.of(Provenance(extra=old)).output_type == pa.string()
    assert LedgerProvenance.of(Provenance(extra=old | {"outputs": '["yes"]'})).space == "log-odds"
    assert LedgerProvenance.of(Provenance(extra=EXTRA)).space == "log-odds"


@pytest.mark.parametrize("name", [name for name in EXTRA if name != "output_type"])
def test_a_missing_key_is_named(name):
    extra = {key: value for key, value in EXTRA.items() if key != name}
    with pytest.raises(ExplanationError, match=rf"{name} is missing.*\(sample_explanations of m\)\. Read"):
        LedgerProvenance.of(Provenance(model="m", extra=extra))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("explain_settings", "{"),
        ("explain_settings", '{"colour": 1}'),
        ("explain_settings", '{"background_rows": 0}'),
        ("space", "furlongs"),
        ("output_type", "furlongs"),
        ("outputs", '{"yes": 1}'),
        ("features", "[1]"),
        ("precision", "int64"),
        ("precision", "cheese"),
        ("native_importance", "[1]"),
        ("native_importance", '{"yes": 3}'),
        ("every_row", "1"),
        ("in_order_from_start", ""),
    ],
)
def test_a_text_that_is_no_value_of_its_key_is_named(name, text):
    with pytest.raises(ExplanationError, match=rf"mlops_assets\.{name} cannot be read"):
        LedgerProvenance.of(Provenance(extra=EXTRA | {name: text}))


def test_a_table_that_is_no_ledger_is_refused():
    with pytest.raises(ExplanationError, match=re.escape("does not describe a ledger")) as refused:
        LedgerProvenance.of(Provenance.of(pa.schema([("a", pa.int64())])))
    assert refused.value.where == "sample_explanations"
    assert refused.value.fix


def test_provenance_is_frozen():
    described = LedgerProvenance.of(Provenance(extra=EXTRA))
    assert replace(described, space="log") != described
    with pytest.raises(AttributeError):
        described.space = "log"
