"""Train, predict and explain any table: as it comes, exactly explained, the same after a save."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import errors, scoring
from core.scoring.tabular import reading, training
from core.scoring.tabular.calibrating import Calibrator
from core.scoring.tabular.training import Plan, train_table
from tests.scoring.tabular.conftest import make

Table = tuple[pd.DataFrame, pd.Series, pd.Series]


def test_neither_web_nor_jobs_process_waits_at_its_start_for_what_only_learning_needs() -> None:
    heavy = ("pandas", "sklearn", "scipy.stats", "scipy.optimize", "scipy.special")
    code = f"import app.server, jobs.__main__, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_probabilities_are_never_0_or_1_and_rank_the_positives(table: Table, trained: Any) -> None:
    X, y, _ = make(400, seed=3)
    p = scoring.predict(trained, X)
    assert p.shape == (400,)
    assert ((p > 0) & (p < 1)).all()
    assert p[y == 1].mean() > p[y == 0].mean() + 0.1


def test_contributions_and_base_are_the_log_odds_and_the_calibrator_makes_the_prediction(
    table: Table, trained: Any
) -> None:
    X = make(300, seed=4)[0]
    told = scoring.explain(trained, X)
    assert told.contributions.shape == (300, X.shape[1])
    assert list(told.contributions.columns) == list(X.columns)
    assert np.abs(told.base + told.contributions.sum(axis=1) - told.log_odds).max() < 1e-6
    assert (told.calibrator(told.log_odds) == scoring.predict(trained, X)).all()
    assert (told.probability == scoring.predict(trained, X)).all()
    assert (told.contributions[["empty", "constant", "lead"]] == 0).all(axis=None)


def test_a_blend_and_a_pairwise_model_are_explained_exactly_too(table: Table) -> None:
    X, y, _ = table
    read = reading.table(X, y)
    for weights in ({"pairwise": 1.0}, {"logistic": 0.3, "pairwise": 0.3, "boosting": 0.4}):
        model = train_table(read, seed=0, plan=planned(weights))
        told = scoring.explain(model, X)
        assert np.abs(told.base + told.contributions.sum(axis=1) - told.log_odds).max() < 1e-6
        assert len(told.pairs.columns) > 0
        assert model.kind == ("blend" if len(weights) > 1 else "pairwise")


def planned(weights: dict[str, float]) -> Plan:
    return Plan(weights=weights, calibrator=Calibrator(kind="platt", slope=0.9, intercept=0.1), compared={})


def test_a_saved_model_is_the_same_and_a_changed_file_is_refused(table: Table, trained: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    trained.save(path)
    again = scoring.TabularModel.load(path)
    assert (scoring.predict(again, table[0]) == scoring.predict(trained, table[0])).all()
    stored = json.loads(path.read_text())
    stored["parameters"]["base"] += 0.1
    path.write_text(json.dumps(stored))
    with pytest.raises(errors.Invalid, match="digest"):
        scoring.TabularModel.load(path)
    path.write_text("no model")
    with pytest.raises(errors.Invalid):
        scoring.TabularModel.load(path)


def test_rows_in_another_order_give_the_same_model_again(table: Table) -> None:
    X, y, _ = make(150)
    time = pd.Series(np.arange(150))
    other = np.random.default_rng(0).permutation(150)
    first = scoring.train(X, y, time, seed=2)
    shuffled = scoring.train(X.iloc[other], y.iloc[other], time.iloc[other], seed=2)
    assert shuffled.parameters == first.parameters


def test_columns_may_stand_in_another_order_and_further_ones_are_ignored(table: Table, trained: Any) -> None:
    X = table[0]
    p = scoring.predict(trained, X)
    assert (scoring.predict(trained, X[list(X.columns[::-1])].assign(more=1)) == p).all()


def test_missing_columns_are_named(table: Table, trained: Any) -> None:
    with pytest.raises(errors.Invalid, match="visits, source"):
        scoring.predict(trained, table[0].drop(columns=["visits", "source"]))


def test_new_categories_and_values_out_of_range_are_scored(table: Table, trained: Any) -> None:
    X = table[0].head(4).copy()
    X["source"] = ["never seen", None, "", "mail"]
    X["visits"] = [np.inf, -np.inf, 1e15, np.nan]
    X["pages"] = pd.array([None, 1, 2, 3], dtype="Int64")
    X["joined"] = pd.to_datetime(["2035-01-01", None, "1999-01-01", "2025-02-02"])
    X["returning"] = ["yes?", None, "True", "False"]
    told = scoring.explain(trained, X)
    assert np.isfinite(told.probability).all()
    assert np.abs(told.base + told.contributions.sum(axis=1) - told.log_odds).max() < 1e-6
    assert len(scoring.predict(trained, X.head(0))) == 0


def test_arrays_are_tables_too() -> None:
    X, y, _ = make(200)
    matrix = X[["visits", "minutes"]].to_numpy()
    model = scoring.train(matrix, y.to_numpy())
    assert model.features == ("x0", "x1")
    assert scoring.predict(model, matrix).shape == (200,)


@pytest.mark.parametrize(
    "y",
    [
        lambda y: y.astype(bool),
        lambda y: y.astype(float),
        lambda y: y.map({0: "no", 1: "yes"}),
        lambda y: y.map({0: "False", 1: "True"}).astype("string"),
        lambda y: y.astype("Int64"),
        lambda y: y.astype("boolean"),
        lambda y: y.map({0: -1, 1: 1}),
        lambda y: list(y),
        lambda y: y.astype("category"),
    ],
)
def test_labels_come_in_many_ways(y: Any) -> None:
    truth = make(60)[1]
    assert (reading.labels(y(truth)) == truth.to_numpy()).all()


@pytest.mark.parametrize("y", [[0, 1, 2], [0.2, 0.7], ["red", "blue"], [0, np.inf], ["yes", "maybe"]])
def test_labels_of_other_kinds_are_refused(y: list[Any]) -> None:
    with pytest.raises(errors.Invalid, match="Labels must be"):
        reading.labels(y)


def test_rows_without_a_label_are_censored_and_counted() -> None:
    X, y, time = make(200)
    open_still = y.astype(float).where(np.arange(200) >= 30)
    read = reading.table(X, open_still, time)
    assert len(read.y) == 170
    assert read.unlabelled == 30
    assert scoring.train(X, open_still, time).parameters["trained_on"]["unlabelled"] == 30


@pytest.mark.parametrize(
    ("time", "order"),
    [
        (["2026-03-02", "2025-12-31", "2026-01-15"], [1, 2, 0]),
        (pd.to_datetime(["2026-03-02", "2025-12-31", "2026-01-15"], utc=True), [1, 2, 0]),
        ([30, 10, 20], [1, 2, 0]),
        (["30", "9", "20"], [1, 2, 0]),
        (["2026-W10", "2025-W52", "2026-W02"], [1, 2, 0]),
        (pd.Categorical(["c", "a", "b"], categories=["a", "b", "c"], ordered=True), [1, 2, 0]),
        (pd.PeriodIndex(["2026-03", "2025-12", "2026-01"], freq="M"), [1, 2, 0]),
    ],
)
def test_times_come_in_many_ways(time: Any, order: list[int]) -> None:
    assert np.argsort(reading.times(time)).tolist() == order


def test_names_of_months_are_no_time() -> None:
    with pytest.raises(errors.Invalid, match="Times must be"):
        reading.times(["spring", "autumn"])


@pytest.mark.parametrize(
    ("X", "y", "time", "words"),
    [
        (pd.DataFrame({"a": [1, 2]}), [0], None, "2 rows"),
        (pd.DataFrame({"a": [1, 2]}), [0, 1], [1], "time has 1"),
        (pd.DataFrame({"a": []}), [], None, "no rows"),
        (pd.DataFrame(index=range(2)), [0, 1], None, "no columns"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), [0, 1], None, "stand twice: a"),
        (pd.DataFrame({"a": [1, 2]}), [np.nan, np.nan], None, "No row has a label"),
        ([1, 2], [0, 1], None, "matrix"),
        ([[1, 2], [3]], [0, 1], None, "matrix"),
        (pd.DataFrame({"a": [1, 2]}), [0, 1j], None, "Labels"),
        (pd.DataFrame({"a": [1, 2]}), [0, 1], [1, 2j], "complex"),
        (pd.DataFrame({"a": [1, 2]}), [0, 1], pd.DataFrame({"t": [1, 2]}), "one column"),
        (pd.DataFrame({"a": [1, 2]}), [0, 1], [1, 10**400], "too great"),
    ],
)
def test_what_is_no_table_is_refused(X: Any, y: Any, time: Any, words: str) -> None:
    with pytest.raises(errors.Invalid, match=words):
        scoring.train(X, y, time)


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_single_label_gives_the_prior_alone(rate: float) -> None:
    X = make(30)[0]
    model = scoring.train(X, np.full(30, rate))
    p = scoring.predict(model, X)
    assert (p == p[0]).all()
    assert abs(p[0] - rate) < 0.05
    assert 0 < p[0] < 1


def test_few_positives_stay_near_the_base_rate() -> None:
    X, _, time = make(20)
    y = np.zeros(20)
    y[[3, 9, 15]] = 1
    p = scoring.predict(scoring.train(X, y, time), X)
    assert p.mean() == pytest.approx(0.15, abs=0.08)
    assert p.max() < 0.6


VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.floats(), st.integers(-(2**60), 2**60)), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.text(max_size=4)), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.booleans(), st.text(max_size=2), st.floats()), min_size=12, max_size=12),
    st.lists(st.one_of(st.none(), st.datetimes()), min_size=12, max_size=12),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=VALUES, second=VALUES, new=VALUES)
def test_any_column_is_trained_on_and_scored(first: list[Any], second: list[Any], new: list[Any]) -> None:
    X = pd.DataFrame({"first": pd.Series(first), "second": pd.Series(second, dtype=object)})
    model = scoring.train(X, [0, 1] * 6)
    other = pd.DataFrame({"second": pd.Series(new, dtype=object), "first": pd.Series(new)})
    for rows in (X, other):
        told = scoring.explain(model, rows)
        assert np.isfinite(told.probability).all()
        assert np.abs(told.base + told.contributions.sum(axis=1) - told.log_odds).max() < 1e-6


def test_the_documented_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[3] / "docs" / "library.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(example.replace("rows = 3000", "rows = 200"), names)
    assert names["again"].parameters == names["model"].parameters
    assert np.abs(names["told"].base + names["told"].contributions.sum(axis=1) - names["told"].log_odds).max() < 1e-6


def test_numbers_at_the_end_of_what_a_float_holds_are_saved_too(tmp_path: Path) -> None:
    X = pd.DataFrame({"far": [1e308, -1e308, 0.0] * 20, "farther": [1.5e308, 1.7e308, np.inf] * 20})
    model = scoring.train(X, [0, 1] * 30)
    model.save(tmp_path / "model.json")
    again = scoring.TabularModel.load(tmp_path / "model.json")
    assert np.isfinite(scoring.predict(again, X)).all()


def test_a_column_named_like_a_part_of_a_date_keeps_its_own_term() -> None:
    random = np.random.default_rng(0)
    told = random.normal(size=90)
    X = pd.DataFrame({"when": pd.date_range("2026-01-01", periods=90, freq="D"), "when (weekday)": told})
    model = scoring.train(X, told > 0)
    assert len(set(model.encoder.names)) == len(model.encoder.names) == 3
    added = scoring.explain(model, X).contributions.abs().max()
    assert 3 * added["when"] < added["when (weekday)"]


def test_half_a_character_is_a_category_and_complex_numbers_are_refused_when_scored() -> None:
    X = pd.DataFrame({"word": pd.Series(["\ud800", "plain"] * 20, dtype=object), "size": [1.0, 2.0] * 20})
    model = scoring.train(X, [0, 1] * 20)
    assert np.isfinite(scoring.predict(model, X)).all()
    with pytest.raises(errors.Invalid, match="complex"):
        scoring.predict(model, X.assign(size=1j))


@pytest.mark.parametrize("seed", [-1, 2**32, None, 1.5, "7"])
def test_a_seed_that_is_none_is_refused(seed: Any) -> None:
    with pytest.raises(errors.Invalid, match="seed"):
        scoring.train(pd.DataFrame({"a": [1, 2]}), [0, 1], seed=seed)


def _of_no_column(model: dict[str, Any]) -> None:
    model["terms"]["elsewhere"] = model["terms"]["a"]


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.pop("probability"),
        lambda model: model.update(terms=[1]),
        lambda model: model.update(base=float("nan")),
        lambda model: model["terms"]["a"]["values"].pop(),
        lambda model: model["terms"]["a"]["edges"].append(-1e9),
        _of_no_column,
    ],
)
def test_a_file_that_is_no_model_is_refused_even_with_its_digest(change: Any, tmp_path: Path) -> None:
    model = json.loads(json.dumps(scoring.train(pd.DataFrame({"a": range(40)}), [0] * 20 + [1] * 20).parameters))
    change(model)
    body = json.dumps(model, sort_keys=True, separators=(",", ":"))
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"sha256": hashlib.sha256(body.encode()).hexdigest(), "parameters": model}))
    with pytest.raises(errors.Invalid):
        scoring.TabularModel.load(path)
    path.write_text("[" * 100_000)
    with pytest.raises(errors.Invalid):
        scoring.TabularModel.load(path)


@pytest.mark.parametrize("turned", [False, True])
def test_rows_of_another_regime_lose_their_say_only_where_it_changed(turned: bool) -> None:
    random = np.random.default_rng(0)
    visits, minutes = random.normal(size=(2, 1600))
    says = np.where(np.arange(1600) >= 900, -1.5, 1.5) if turned else np.full(1600, 1.5)
    y = random.random(1600) < 1 / (1 + np.exp(-says * visits))
    table = reading.table(pd.DataFrame({"visits": visits, "minutes": minutes}), y, np.arange(1600))
    found = training._half_life(table, training.held_out(table, seed=0), seed=0)
    assert (found in training.HALF_LIVES) == turned
