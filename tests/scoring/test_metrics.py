"""The measures agree with scikit-learn and with sums done by hand."""

import numpy as np
import pytest
from sklearn import metrics as sklearns
from sklearn.linear_model import LogisticRegression

from core import errors
from core.scoring import metrics


def sample(rows: int = 400, *, seed: int = 0, ties: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    p = np.clip(random.beta(1, 5, rows), 0.01, 0.99)
    if ties:
        p = np.round(p, 1).clip(0.05, 0.95)
    return (random.random(rows) < p).astype(int), p, random.random(rows)


@pytest.mark.parametrize("ties", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_measures_agree_with_sklearn(ties: bool, weighted: bool) -> None:
    y, p, weight = sample(ties=ties)
    w = weight if weighted else None
    assert metrics.auc(y, p, w) == pytest.approx(sklearns.roc_auc_score(y, p, sample_weight=w))
    assert metrics.average_precision(y, p, w) == pytest.approx(sklearns.average_precision_score(y, p, sample_weight=w))
    assert metrics.brier(y, p, w) == pytest.approx(sklearns.brier_score_loss(y, p, sample_weight=w))
    assert metrics.log_loss(y, p, w) == pytest.approx(sklearns.log_loss(y, p, sample_weight=w))
    line = LogisticRegression(C=1e9, tol=1e-10).fit(np.log(p / (1 - p))[:, None], y, sample_weight=w)
    slope, intercept = metrics.calibration(y, p, w)
    assert slope == pytest.approx(line.coef_[0, 0], abs=1e-3)
    assert intercept == pytest.approx(line.intercept_[0], abs=1e-3)


def test_ece_is_the_weighted_gap_of_the_bins() -> None:
    y, p = [0, 1, 0, 1], [0.12, 0.14, 0.92, 0.98]
    # bins 0.1-0.2: observed 0.5, predicted 0.13; 0.9-1: observed 0.5, predicted 0.95
    assert metrics.ece(y, p) == pytest.approx(0.5 * 0.37 + 0.5 * 0.45)
    assert metrics.ece(y, p, bins=2, mass=True) == pytest.approx(0.5 * 0.37 + 0.5 * 0.45)


def test_precision_at_counts_ties_at_the_border_by_their_mean() -> None:
    y, p = [1, 0, 1, 0, 0, 0, 0, 0, 0, 0], [0.9, 0.5, 0.5, 0.5, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert metrics.precision_at(y, p, share=0.1) == 1.0
    assert metrics.precision_at(y, p, share=0.2) == pytest.approx((1 + 1 / 3) / 2)
    assert metrics.precision_at(y, p, share=1.0) == pytest.approx(0.2)


def test_a_single_class_has_no_auc() -> None:
    for y in ([0, 0], [1, 1]):
        assert np.isnan(metrics.auc(y, [0.1, 0.2]))
        assert np.isnan(metrics.calibration(y, [0.1, 0.2]).slope)
    assert np.isnan(metrics.average_precision([0, 0], [0.1, 0.2]))
    assert metrics.brier([0, 0], [0.1, 0.2]) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("y", "p"),
    [
        ([0, float("nan")], [0.1, 0.2]),
        ([0, 1], [0.1, float("nan")]),
        ([0, 2], [0.1, 0.2]),
        ([0, 1], [0.1, 1.2]),
        ([0, 1, 1], [0.1, 0.2]),
        ([], []),
    ],
)
def test_what_cannot_be_measured_is_refused(y: list[float], p: list[float]) -> None:
    with pytest.raises(errors.Invalid):
        metrics.log_loss(y, p)


def test_bootstrap_intervals_hold_the_value_and_repeat_with_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    y, p, _ = sample(800, ties=False)
    found = metrics.bootstrap(y, p, tuple(metrics.MEASURES), seed=3)
    assert found == metrics.bootstrap(y, p, tuple(metrics.MEASURES), seed=3)
    assert found["auc"].value == metrics.auc(y, p)
    assert found["auc"].low < found["auc"].value < found["auc"].high
    # Hanley & McNeil's standard error of this AUC is about 0.02
    assert 0.05 < found["auc"].high - found["auc"].low < 0.13
    monkeypatch.setattr(metrics, "RESAMPLED_AT_ONCE", 7 * 800)
    in_blocks = metrics.bootstrap(y, p, ("auc",), seed=3)
    assert in_blocks["auc"].low == pytest.approx(found["auc"].low, abs=0.01)


def test_the_paired_difference_knows_the_better_score() -> None:
    y, p, _ = sample(800, ties=False)
    worse = np.clip(p + np.random.default_rng(1).normal(0, 0.2, len(p)), 0.01, 0.99)
    found = metrics.bootstrap_difference(y, p, worse, "log_loss", seed=0)
    assert found.high < 0
    same = metrics.bootstrap_difference(y, p, p, "auc", seed=0)
    assert same == (0.0, 0.0, 0.0)


def test_reliability_rows_add_up() -> None:
    y, p, _ = sample(500, ties=False)
    table = metrics.reliability(y, p)
    assert sum(row.rows for row in table) == 500
    assert sum(row.rows * row.observed for row in table) == pytest.approx(y.sum())
    assert all(row.observed_low <= row.observed <= row.observed_high for row in table)


def test_psi_and_ks_see_a_shift_and_missing_values() -> None:
    random = np.random.default_rng(0)
    before, same, moved = random.normal(size=2000), random.normal(size=2000), random.normal(1.0, 1.0, 2000)
    assert metrics.psi(before, same) < 0.03
    assert metrics.psi(before, moved) > 0.5
    gone = np.where(random.random(2000) < 0.3, np.nan, same)
    assert metrics.psi(before, gone) > 0.25
    assert metrics.psi(np.zeros(500), np.where(np.arange(500) < 100, 1.0, 0.0)) > 0.25
    assert metrics.ks(before, same)[1] > 0.01
    distance, p_value = metrics.ks(before, moved)
    assert distance == pytest.approx(0.38, abs=0.05)
    assert p_value < 1e-6


def test_observed_over_expected_of_the_top() -> None:
    assert metrics.observed_over_expected([1, 0, 0, 0], [0.5, 0.1, 0.1, 0.1], share=0.25) == pytest.approx(2.0)
    assert metrics.observed_over_expected([1, 0, 0, 0], [0.5, 0.1, 0.2, 0.2]) == pytest.approx(1.0)
