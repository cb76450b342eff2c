"""The report: later rows only where time is known, plain boosting beside it, leaks and drift named."""

import json

import numpy as np
import pandas as pd
import pytest

from core import errors, scoring
from core.scoring.tabular import doubts, evaluating, reading
from tests.scoring.tabular.conftest import make


@pytest.fixture(scope="module")
def report() -> scoring.tabular.Report:
    X, y, time = make(500)
    future = np.where(y == 1, 1.0, 0.0) + np.random.default_rng(0).normal(0, 0.25, len(y))
    X["days_to_sale"] = np.where(np.random.default_rng(1).random(len(y)) < 0.1, np.nan, future)
    X["marital_status"] = np.random.default_rng(2).choice(["a", "b"], len(y))
    return scoring.evaluate(X, y.astype(float).where(y.index > 10), time, seeds=2, name="Homes")


def test_a_planted_future_column_is_caught_and_what_is_left_is_said(report: scoring.tabular.Report) -> None:
    leaks = [each.column for each in report.warnings if each.kind == "leak"]
    assert leaks == ["days_to_sale"]
    assert report.without_suspects is not None
    assert report.without_suspects["auc"] < report.metrics["auc"] - 0.05


def test_protected_constant_and_censored_are_named(report: scoring.tabular.Report) -> None:
    named = {(each.kind, each.column) for each in report.warnings}
    assert {("protected", "marital_status"), ("constant", "empty"), ("constant", "constant"), ("censored", "")} <= named
    assert report.rows == 489


def test_the_report_is_ready_for_json_and_reads_well(report: scoring.tabular.Report) -> None:
    told = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert set(told["metrics"]) == set(told["plain"]) == set(evaluating.FIGURES)
    assert told["intervals"]["auc"][0] <= told["metrics"]["auc"] <= told["intervals"]["auc"][1]
    text = str(report)
    assert "Homes: 489 rows" in text
    assert "Forward in time" in text
    assert "days_to_sale alone" in text


def test_rows_of_one_time_are_never_split_and_tests_are_later() -> None:
    X, y, _ = make(300)
    time = np.random.default_rng(0).integers(0, 7, 300)
    read = reading.table(X, y, time)
    (earlier, later), *_ = evaluating._splits(read, 0.2, 3)
    assert read.time is not None
    assert read.time[earlier].max() < read.time[later].min()


def test_without_time_the_splits_are_random_and_the_report_says_so() -> None:
    X, y, _ = make(120)
    found = scoring.evaluate(X[["visits", "source"]], y, seeds=2)
    assert "RANDOM" in found.split
    assert found.seeds == 2
    splits = evaluating._splits(reading.table(X, y), 0.25, 2)
    assert (splits[0][1] != splits[1][1]).any()
    assert [int(y.to_numpy()[later].sum()) for _, later in splits] == [round(0.25 * y.sum())] * 2


def test_rolling_forward_knows_labels_only_after_the_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y, _ = make(300)
    time = np.arange(300)
    seen: list[tuple[int, int]] = []
    real = evaluating.plain

    def watched(rows: pd.DataFrame, labels: np.ndarray, new: pd.DataFrame, *, seed: int) -> np.ndarray:
        seen.append((len(rows), len(new)))
        return real(rows, labels, new, seed=seed)

    monkeypatch.setattr(evaluating, "plain", watched)
    found = scoring.evaluate(X[["visits", "source"]], y, time, seeds=1, windows=3, delay=20)
    assert seen == [(220, 60), (240, 40), (260, 20)]
    assert "labels known 20 rows later" in found.split
    assert found.test_rows == 60


def test_the_curve_that_foretold_best_is_followed() -> None:
    y = np.array([0.0, 1.0, 1.0, 0.0])
    told = np.array([[0.5, 0.5, 0.5, 0.5], [0.2, 0.8, 0.7, 0.3], [0.9, 0.2, 0.3, 0.6]])
    assert evaluating._best(told, y) == 1
    log_odds = np.random.default_rng(0).normal(0, 1, 1500)
    risen = (np.random.default_rng(1).random(1500) < np.where(np.arange(1500) < 1200, 0.2, 0.7)).astype(float)
    *following, raw = evaluating._followed(log_odds, risen)
    levels = dict(zip(evaluating.FOLLOWING, (float(curve(np.zeros(1))[0]) for curve in following), strict=True))
    assert levels[100] > levels[400] > levels[1600]
    assert raw.kind == "none"


def test_drift_and_a_moved_base_rate_are_told() -> None:
    X, y, _ = make(400)
    X = X[["visits"]].assign(price=np.arange(400) // 100)
    y = y.where(y.index < 320, 1)
    y.iloc[-5:] = 0
    found = {each.kind for each in doubts.of_drift(*_halves(X, y))} | {
        each.kind for each in doubts.of_labels(*_halves(X, y), unlabelled=0, untimed=0)
    }
    assert {"drift", "base_rate"} <= found


def _halves(X: pd.DataFrame, y: pd.Series) -> tuple[reading.Table, reading.Table]:
    read = reading.table(X, y, np.arange(len(y)))
    return read.part(slice(0, 320)), read.part(slice(320, None))


def test_an_honest_table_has_no_suspects() -> None:
    X, y, _ = make(400)
    assert doubts.of_leaks(*_halves(X[["visits", "minutes", "source", "returning"]], y)) == []


def test_shuffled_labels_teach_nothing() -> None:
    X, y, time = make(400)
    shuffled = np.random.default_rng(5).permutation(y.to_numpy())
    found = scoring.evaluate(X[["visits", "minutes", "source"]], shuffled, time, seeds=1, test_share=0.4)
    low, high = found.intervals["auc"]
    assert low < 0.5 < high


@pytest.mark.parametrize(
    ("y", "time", "options", "words"),
    [
        (np.zeros(40), None, {}, "All labels are the same"),
        (np.arange(40) % 2, np.ones(40), {}, "same time"),
        ((np.arange(40) < 10).astype(int), np.arange(40), {}, "single label"),
        (np.arange(40) % 2, None, {"windows": 3}, "needs the time"),
        (np.arange(40) % 2, None, {"test_share": 1.5}, "test_share"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(y: object, time: object, options: dict, words: str) -> None:
    with pytest.raises(errors.Invalid, match=words):
        scoring.evaluate(make(40)[0], y, time, **options)


def test_twenty_rows_with_three_positives_get_a_report_with_a_warning() -> None:
    y = np.zeros(20)
    y[[2, 9, 17]] = 1
    found = scoring.evaluate(make(20)[0], y, np.arange(20), seeds=1)
    assert "few_positives" in {each.kind for each in found.warnings}
