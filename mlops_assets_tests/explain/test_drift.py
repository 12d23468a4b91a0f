"""Profiles merge in any order to the same bits, and what they say of a change is true."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from mlops_assets.arrow.provenance import Provenance, with_provenance
from mlops_assets.errors import ConfigurationError, TableError
from mlops_assets.explain.drift.aligned_buckets import align_buckets
from mlops_assets.explain.drift.buckets import MOST_BUCKETS, Buckets, count_numbers, midpoints
from mlops_assets.explain.drift.column_profile import merge_profiles, profile_column
from mlops_assets.explain.drift.compare import DriftRow, DriftRules, compare_profiles
from mlops_assets.explain.drift.distances import jensen_shannon_distance, wasserstein_distances
from mlops_assets.explain.drift.drift_table import MOST_GAP, drift_table, largest_gap
from mlops_assets.explain.drift.profile import (
    ALL_ROWS,
    Origin,
    OutputProfile,
    Profile,
    Profiler,
    RowsProfile,
    ledger_columns,
)
from mlops_assets.explain.drift.profile_table import (
    PREVIOUS,
    THIS,
    origins_to_extra,
    profile_table,
    read_profiles,
)
from mlops_assets.explain.drift.profile_tables import profile_inputs
from mlops_assets.explain.drift.significance import (
    adjust_p_values,
    category_p_value,
    ordered_p_value,
    share_p_value,
)

RNG = np.random.default_rng(0)
WIDE = np.ldexp(RNG.normal(size=9_000), RNG.integers(-400, 400, 9_000))
COLUMNS = {
    "normal": pa.array(RNG.normal(size=9_000)),
    "heavy": pa.array(np.exp(RNG.normal(size=9_000) * 3)),
    "any size": pa.array(WIDE),
    "offset": pa.array(RNG.normal(size=9_000) + 1e6),
    "few": pa.array(RNG.integers(0, 50, 9_000)),
    "odd": pa.array([0.0, -0.0, None, float("nan"), float("inf"), -1.5, 5e-324, 1.7e308, -1.7e308] * 1_000),
    "day": pa.array(RNG.integers(0, 20_000, 9_000), pa.timestamp("s")),
    "truth": pa.array(RNG.random(9_000) < 0.3),
    "text": pa.array([f"c{n % 30}" for n in range(9_000)]),
    "many texts": pa.array([f"c{n}" for n in range(9_000)]),
    "list": pa.array([[1.0]] * 9_000),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_profiles_merge_in_any_order_to_the_profile_of_all_rows(name):
    column = COLUMNS[name]
    whole = profile_column(column)
    rng = np.random.default_rng(1)
    cuts = np.sort(rng.integers(0, len(column) + 1, 6))
    pieces = [profile_column(column[at:to]) for at, to in zip([0, *cuts], [*cuts, len(column)], strict=True)]
    merged = merge_profiles(pieces)
    # Sums of pieces are rounded, and merged exactly.
    assert replace(merged, total=whole.total) == whole
    assert float(merged.total) == pytest.approx(float(whole.total), rel=1e-12, abs=1e-9)
    for _ in range(3):
        profiles = [pieces[place] for place in rng.permutation(len(pieces))]
        while len(profiles) > 1:
            # Any two: whatever the brackets are.
            one, other = (profiles.pop(int(rng.integers(len(profiles)))) for _ in range(2))
            profiles.append(one.merged(other))
        assert profiles[0] == merged
    assert whole.known + whole.missing + whole.not_finite == len(column) or whole.kind == "other"


@pytest.mark.parametrize("name", ["normal", "heavy", "any size", "offset", "few"])
def test_buckets_are_as_narrow_as_they_say(name):
    values = np.sort(COLUMNS[name].cast(pa.float64()).to_numpy())
    buckets = count_numbers(values)
    assert len(buckets.places) <= MOST_BUCKETS
    assert buckets.rows == len(values)
    middles = midpoints(buckets.places, buckets.shift)
    np.testing.assert_array_equal(midpoints(buckets.places, np.full(len(middles), buckets.shift)), middles)
    known = np.repeat(middles, buckets.counts)
    np.testing.assert_allclose(known, values, rtol=2.0 ** (buckets.shift - 52), atol=0)
    if name == "few":
        assert buckets.is_exact
        np.testing.assert_array_equal(known, values)


def test_distances_and_p_values_are_those_of_scipy():
    one, other = RNG.integers(0, 40, 700).astype(float), RNG.integers(0, 44, 900).astype(float)
    aligned = align_buckets([(count_numbers(one), count_numbers(other))])
    counts, others = np.diff(aligned.up_to, prepend=0), np.diff(aligned.others_up_to, prepend=0)
    assert (counts.sum(), others.sum()) == (700, 900)
    assert aligned.pairs[0][0].is_exact
    gaps = np.abs(aligned.up_to / 700 - aligned.others_up_to / 900)
    (distance,) = wasserstein_distances(gaps, midpoints(aligned.places, 0), aligned.slices)
    assert distance == pytest.approx(stats.wasserstein_distance(one, other))
    assert jensen_shannon_distance([1, 0], [0, 9]) == 1.0
    assert jensen_shannon_distance([2, 2], [5, 5]) == 0.0
    hundred, three_each = (Buckets(0, np.arange(100), np.full(100, count)) for count in (1, 3))
    assert (hundred.count_between(three_each.tenths), three_each.by_tenths) == ([10] * 10, [30] * 10)
    # One value of half the rows is in one tenth whole.
    half = Buckets(0, np.arange(3), np.array([50, 25, 25]))
    assert half.by_tenths == [0, 0, 50, 0, 0, 0, 25, 0, 25, 0]
    # Values that the reference lacks are beside their neighbours; between two tenths they are in the later one.
    between = Buckets(0, np.array([-5, 49, 50, 51, 200]), np.ones(5, np.int64))
    even = Buckets(0, np.arange(0, 100, 2), np.full(50, 2))
    assert between.count_between(even.tenths) == [1, 0, 0, 0, 0, 3, 0, 0, 0, 1]
    asymptotic = stats.ks_2samp(one, other, method="asymp").pvalue
    assert ordered_p_value(gaps.max(), 700, 900) == pytest.approx(asymptotic, rel=0.2)
    contingency = stats.chi2_contingency(np.stack([counts, others])).pvalue
    assert category_p_value(counts, others) == pytest.approx(contingency)
    two = np.array([[30, 70], [45, 55]])
    assert category_p_value(*two) == pytest.approx(stats.fisher_exact(two).pvalue)
    assert adjust_p_values([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_many_pairs_are_aligned_as_each_by_itself():
    rng = np.random.default_rng(3)
    names = [name for name in COLUMNS if not pa.types.is_list(COLUMNS[name].type)]
    sides = [
        [profile_column(COLUMNS[name].take(rng.integers(0, 9_000, rows))).buckets for name in names]
        for rows in (900, 2_500)
    ]
    pairs = [*zip(*sides, strict=True), *zip(*sides[::-1], strict=True)]
    together = align_buckets(pairs)
    for pair, place in zip(pairs, together.slices, strict=True):
        alone = align_buckets([pair])
        for name in ("places", "up_to", "others_up_to"):
            np.testing.assert_array_equal(getattr(together, name)[place], getattr(alone, name))
        assert (alone.up_to[-1], alone.others_up_to[-1]) == (pair[0].rows, pair[1].rows)
        one, other = alone.pairs[0]
        np.testing.assert_array_equal(alone.places, np.union1d(one.places, other.places))
        np.testing.assert_array_equal(alone.up_to, one.up_to[one.places.searchsorted(alone.places, "right")])


def run_of(columns: dict[str, pa.Array], version: str = "1", **parts) -> Profile:
    profiler = Profiler(list(columns))
    profiler.add(pa.RecordBatch.from_pydict(columns))
    origin = Origin(version, "models:/m/1", parts.pop("digest", "d"), "identity", "TreesExplainer")
    return Profile(origin, {ALL_ROWS: RowsProfile(inputs=profiler.columns(), **parts)})


def history(seed: int, shift: float, rows: int = 800) -> tuple[Profile, Profile, str]:
    """Two runs with 20 columns, of which one is shifted in the second."""
    rng = np.random.default_rng(seed)
    names = [f"x{place}" for place in range(20)]
    moved = names[int(rng.integers(20))]
    common = rng.normal(size=(2, rows))

    def columns(run: int) -> dict[str, pa.Array]:
        made = {}
        for place, name in enumerate(names):
            # Correlated ones, as columns are.
            values = rng.normal(size=rows) + common[run] * (place % 3) + shift * (name == moved) * run
            if place % 5 == 4:
                made[name] = pa.array(np.array(["a", "b", "c", "d"])[np.digitize(values, [-0.7, 0, 0.7])])
            else:
                made[name] = pa.array(
                    np.where(rng.random(rows) < 0.02, np.nan, np.exp(values) if place % 2 else values)
                )
        return made

    return run_of(columns(1), "2"), run_of(columns(0), "1"), moved


CERTAIN_ALONE = DriftRules(psi=0, jensen_shannon=0, missing=0, unseen=0, false_alarm_rate=0.05)


def test_a_shifted_column_is_named_first():
    first = 0
    for seed in range(100):
        run, reference, moved = history(seed, 0.8)
        rows = compare_profiles(run, reference, CERTAIN_ALONE).rows
        first += rows[0].column_name == moved and bool(rows[0].drifted)
    assert first >= 95


def test_there_are_no_more_false_alarms_than_the_rate():
    alarms = sum(
        any(row.drifted for row in compare_profiles(*history(seed, 0.0, 300)[:2], CERTAIN_ALONE).rows)
        for seed in range(200)
    )
    # Ten are the rate; more than 18 would have a chance of one in two hundred.
    assert alarms <= 18


@pytest.mark.parametrize("rates", [0.05, 0.01, 0.001, 0.0001])
@pytest.mark.parametrize("sizes", [(1, 9), (5, 100), (10, 3_000), (40, 40), (300, 1_000), (2_000, 9_000)])
def test_shares_differ_by_chance_no_more_often_than_their_p_value_says(sizes, rates):
    rows, others = sizes
    for both in {1, 2, 3, 5, 9, 17, 59, rows, (rows + others) // 2} - {rows + others}:
        some = np.arange(max(0, both - others), min(rows, both) + 1)
        p_values = np.array([share_p_value(int(each), rows, int(both - each), others) for each in some])
        chances = stats.hypergeom.pmf(some, rows + others, both, rows)
        assert chances[p_values <= rates].sum() <= rates * (1 + 1e-9)


@pytest.mark.parametrize(
    "sizes", [(1, 1), (1, 7), (2, 2), (2, 9), (5, 5), (5, 7), (10, 10), (10, 200), (60, 60), (60, 61)]
)
def test_numbers_differ_by_chance_no_more_often_than_their_p_value_says(sizes):
    rows, others = sizes
    rng = np.random.default_rng(rows)
    for _ in range(30):
        one, other = rng.normal(size=rows), rng.normal(size=others) + rng.choice([0, 1, 3])
        if np.abs(stats.ecdf(one).cdf.evaluate(one) - stats.ecdf(other).cdf.evaluate(one)).max() < 0.4:
            # SciPy is not exact there.
            continue
        exact = stats.ks_2samp(one, other, method="exact")
        p_value = ordered_p_value(exact.statistic, rows, others)
        # Where it could be an alarm.
        assert p_value >= min(exact.pvalue, 0.5) * (1 - 1e-9)
        if rows == others:
            assert p_value == pytest.approx(exact.pvalue)


@pytest.mark.parametrize(
    ("shares", "rows", "others"),
    [([1] * 10, 100, 100_000), ([95, 1, 1, 1, 1, 1], 500, 100_000), ([6, 5, 4, 3, 2, 1], 60, 80)],
)
def test_categories_differ_by_chance_no_more_often_than_their_p_value_says(shares, rows, others):
    rng = np.random.default_rng(1)
    counts = [rng.multinomial(size, np.array(shares) / sum(shares), 8_000) for size in (rows, others)]
    p_values = np.array([category_p_value(*pair) for pair in zip(*counts, strict=True)])
    for rate in (0.05, 0.01, 0.001):
        # Three standard errors of so many draws.
        assert np.mean(p_values <= rate) <= rate + 3 * np.sqrt(rate / len(p_values))


def test_a_run_of_few_rows_raises_no_more_false_alarms_than_the_rate():
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        # A run of ten rows meets what one row in three hundred lacks.
        run, reference = (
            run_of({f"x{n}": pa.array(rng.normal(size=rows), mask=rng.random(rows) < 0.003) for n in range(20)})
            for rows in (10, 3_000)
        )
        alarms += any(row.drifted for row in compare_profiles(run, reference, DriftRules()).rows)
    assert alarms <= 3


def sums_of(rows: int, seed: int, features: tuple[str, ...]) -> dict[str, OutputProfile]:
    profiler = Profiler(features, is_ledger=True)
    profiler.add(ledger_of(rows, seed, features))
    return profiler.outputs()


def ledger_of(rows: int, seed: int, features: tuple[str, ...]) -> pa.RecordBatch:
    rng = np.random.default_rng(seed)
    shap = {f"shap_{name}": rng.normal(size=rows) * 10.0 ** rng.integers(-6, 6) + seed for name in features}
    base = np.full(rows, 0.1 * seed)
    explained = base + sum(shap.values()) + 1e-12
    residual = explained - base - sum(shap.values())
    columns = {"output": ["y"] * rows, "explained_value": explained, "base_value": base, "residual": residual, **shap}
    return pa.RecordBatch.from_pydict(columns).select(ledger_columns(features))


def test_the_change_of_a_mean_is_the_sum_of_its_parts():
    features = tuple(f"f{place}" for place in range(12))
    runs = [run_of({"x": pa.array([1.0, 2.0])}, outputs=sums_of(5_000, seed, features)) for seed in (1, 2)]
    comparison = compare_profiles(runs[1], runs[0], DriftRules())
    assert comparison.not_decomposed is None
    rows = drift_table(comparison).to_pylist()
    assert [row["role"] for row in rows[1:]] == ["explained_value", "base_value", *["attribution"] * 12, "residual"]
    gap = largest_gap(rows)
    assert gap is not None
    assert gap < 1e-14
    total = next(row for row in rows if row["role"] == "explained_value")
    means = [float(ledger_of(5_000, seed, features)["explained_value"].to_numpy().mean()) for seed in (1, 2)]
    assert total["mean_change"] == pytest.approx(means[1] - means[0])
    # A check that can fail: one part is lost.
    assert (largest_gap([row for row in rows if row["column_name"] != "f3"]) or 0) > MOST_GAP
    # Another version's attributions are not subtracted.
    other = run_of({"x": pa.array([1.0])}, digest="e", outputs=runs[0].segments[ALL_ROWS].outputs)
    refused = compare_profiles(runs[1], other, DriftRules())
    assert "another model version" in (refused.not_decomposed or "")
    assert {row.role for row in refused.rows} == {"input"}


def test_what_a_comparison_says_of_odd_columns():
    def columns(texts: list[str | None], number: pa.Array) -> dict[str, pa.Array]:
        return {"text": pa.array(texts), "number": number, "lost": pa.array([None] * 300, pa.float64())}

    before = run_of(columns(["a", "b", None] * 100, pa.array([1.0, 2.0, 3.0] * 100)))
    now = run_of(columns(["a", "z", "b"] * 100, pa.array(["1"] * 300)) | {"new": pa.array([True] * 300)})
    rows = {row.column_name: row for row in compare_profiles(now, before, DriftRules()).rows}
    assert (rows["text"].unseen_categories, rows["text"].unseen_share) == ("z", pytest.approx(1 / 3))
    assert rows["text"].reference_missing_share == pytest.approx(1 / 3)
    assert rows["text"].drifted
    assert rows["text"].rank == 1
    assert rows["number"].note == "the type has changed"
    assert rows["lost"].note == "one side has no values"
    assert rows["new"].note == "the reference does not have this column or segment"


def test_a_profile_is_the_same_after_it_was_stored():
    features = ("f0", "f1")
    profiles = {
        THIS: run_of(COLUMNS, outputs=sums_of(500, 1, features)),
        PREVIOUS: run_of({"x": pa.array([1, 2])}, "0"),
    }
    extra = json.loads(json.dumps(origins_to_extra(profiles)))
    stored = with_provenance(profile_table(profiles).to_reader(), Provenance(extra=extra)).read_all()
    assert read_profiles(stored) == profiles
    # One that was cut off is none, nor is one without rows, or of no run.
    place = stored.schema.get_field_index("counts")
    cut = pa.array([text and text[:-4] for text in stored["counts"].to_pylist()])
    damaged = stored.set_column(place, stored.schema.field("counts"), cut)
    for table in (damaged, stored.slice(0, 0), stored.replace_schema_metadata(None)):
        with pytest.raises(TableError, match="does not hold a profile"):
            read_profiles(table)


def test_segments_are_columns_of_few_values():
    rows = pa.table({"number": range(300), "country": ["NO", None, "SE"] * 100}).to_reader()
    profile = profile_inputs(rows, ["number"], ["country"], "content", "input_samples")
    assert {name: each.inputs["country"].rows for name, each in profile.segments.items()} == {
        ALL_ROWS: 300,
        "country=NO": 100,
        "country=SE": 100,
        "country=(missing)": 100,
    }
    # NaN is missing, and is in no second segment.
    rows = pa.table({"size": pa.array([1.0, np.nan, 2.5] * 10)}).to_reader()
    found = profile_inputs(rows, [], ["size"], "content", "input_samples").segments
    assert {name: each.inputs["size"].rows for name, each in found.items() if name != ALL_ROWS} == {
        "size=(missing)": 10,
        "size=1": 10,
        "size=2.5": 10,
    }
    # Of the table: each batch has few.
    rows = pa.table({"number": range(300)}).to_reader(max_chunksize=100)
    with pytest.raises(ConfigurationError, match="more than 200 values"):
        profile_inputs(rows, [], ["number"], "content", "input_samples")
    with pytest.raises(ConfigurationError, match=r"'nmber'.*'number'"):
        profile_inputs(rows, [], ["nmber"], "content", "input_samples")


def compared(one: pa.Array, other: pa.Array) -> DriftRow:
    run, reference = (
        profile_inputs(pa.table({"x": each}).to_reader(), [], [], "content", "rows") for each in (one, other)
    )
    return compare_profiles(run, reference, DriftRules()).rows[0]


def test_values_that_are_not_compared_have_missing_ones():
    lists = [[1.0]] * 100
    lost = compared(pa.array([*lists, *[None] * 100]), pa.array(lists + lists))
    assert (lost.missing_share, lost.drifted, lost.note) == (0.5, True, "values of this type are not compared")
    assert lost.p_value == pytest.approx(stats.fisher_exact([[100, 100], [0, 200]]).pvalue)
    # Another type is no missing value.
    assert compared(pa.array(lists), pa.array(["a"] * 100)).p_value == 1.0


def test_means_as_far_apart_as_numbers_reach():
    assert compared(pa.array([1.79e308]), pa.array([-1.79e308])).mean_change == np.inf


def test_a_segment_that_one_side_lacks_is_named():
    now, before = (
        profile_inputs(pa.table({"country": texts * 50}).to_reader(), [], ["country"], "content", "rows")
        for texts in (["NO", "FI"], ["NO", "SE"])
    )
    rows = {row.segment: row for row in compare_profiles(now, before, DriftRules()).rows}
    gone, new = rows["country=SE"], rows["country=FI"]
    assert (gone.rows, gone.reference_rows, gone.note) == (0, 50, "only the reference has this column or segment")
    assert (new.rows, new.reference_rows) == (50, 0)
    assert new.note == "the reference does not have this column or segment"
    assert (gone.rank, gone.drifted) == (None, None)
