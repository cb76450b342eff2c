"""Calibrators are kept only where later rows say so, learn no more than their positives allow, and never tie or flip ranks."""

import numpy as np
import pandas as pd
import pytest

from core import errors, scoring
from core.scoring import metrics
from core.scoring.tabular import calibrating, reading, training
from core.scoring.tabular.calibrating import Calibrator


def stream(rows: int, *, level: float = 0.0, slope: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    log_odds = random.normal(-1.5, 1.2, rows)
    return log_odds, (random.random(rows) < 1 / (1 + np.exp(-(level + slope * log_odds)))).astype(float)


def test_what_is_true_already_is_left_raw_or_hardly_moved() -> None:
    log_odds, y = stream(3000)
    found = calibrating.choose(log_odds, y, time=np.arange(3000.0), seed=0).calibrator
    assert np.abs(found(log_odds) - calibrating.RAW(log_odds)).mean() < 0.02


@pytest.mark.parametrize("time", [None, np.arange(3000.0)])
def test_a_wrong_level_and_slope_are_put_right(time: np.ndarray | None) -> None:
    log_odds, y = stream(3000, level=1.0, slope=0.5)
    found = calibrating.choose(log_odds, y, time=time, seed=0)
    new, truth = stream(3000, level=1.0, slope=0.5, seed=1)
    assert found.calibrator.kind in ("platt", "isotonic")
    assert found.gain > 0
    assert metrics.ece(truth, found.calibrator(new)) < 0.04 < metrics.ece(truth, calibrating.RAW(new))


def test_below_50_positives_only_the_level_moves_and_below_200_nothing_is_isotonic() -> None:
    kinds = set()
    for rows, positives in ((400, 40), (900, 150)):
        log_odds = np.sort(np.random.default_rng(0).normal(0, 2, rows))
        y = (np.arange(rows) >= rows - positives).astype(float)
        shuffled = np.random.default_rng(1).permutation(rows)
        kinds.add(calibrating.choose(log_odds[shuffled], y[shuffled], time=None, seed=0).calibrator.kind)
    assert kinds <= {"intercept", "platt"}
    log_odds, y = stream(400, slope=0.2, level=-2.0)
    assert calibrating.choose(log_odds, y, time=None, seed=0).calibrator.kind == (
        "intercept" if y.sum() < 50 else "platt"
    )


def test_a_base_rate_that_moved_lately_is_followed() -> None:
    before, calm = stream(3000)
    after, risen = stream(1500, level=1.5, seed=1)
    log_odds, y = np.concatenate([before, after]), np.concatenate([calm, risen])
    found = calibrating.choose(log_odds, y, time=np.arange(4500.0), seed=0)
    new, truth = stream(2000, level=1.5, seed=2)
    assert found.half_life == calibrating.HALF_LIVES[1]
    assert metrics.ece(truth, found.calibrator(new)) < 0.05


def test_a_slope_that_would_steepen_is_held_back_more_than_one_that_flattens() -> None:
    flat, of_flat = stream(3000, slope=1 / 1.5)
    steep, of_steep = stream(3000, slope=1.5)
    falls = calibrating.fit("platt", flat, of_flat).slope
    rises = calibrating.fit("platt", steep, of_steep).slope
    assert falls < 0.75
    assert 1.0 < rises < calibrating.line(steep, of_steep, above=calibrating.SHRUNK)[0] - 0.05


def test_newer_rows_count_more_in_every_curve_but_not_without_time() -> None:
    before, calm = stream(1000)
    after, risen = stream(1000, level=1.5, seed=1)
    log_odds, y = np.concatenate([before, after]), np.concatenate([calm, risen])
    for kind in ("intercept", "platt", "isotonic"):
        even = calibrating.fit(kind, log_odds, y)(after).mean()
        assert even + 0.02 < calibrating.fit(kind, log_odds, y, weight=calibrating.fading(2000, 0.25))(after).mean()
    assert calibrating.choose(log_odds, y, time=None, seed=0).half_life is None
    assert calibrating.fading(4, None).tolist() == [1, 1, 1, 1]
    assert calibrating.fading(4, 0.5).tolist() == pytest.approx([0.5**1.5, 0.5, 0.5**0.5, 1])


def test_fifty_positives_that_hardly_count_teach_no_slope() -> None:
    log_odds, y = stream(2000, slope=0.4, level=-1.0)
    assert calibrating.fit("platt", log_odds, y, weight=calibrating.fading(2000, 0.02)).slope == 1.0


@pytest.mark.parametrize("early", [0, 100])
def test_rows_that_nearly_all_have_one_time_are_left_raw(early: int) -> None:
    log_odds, y = stream(600)
    time = np.repeat([1.0, 2.0], [early, 600 - early])
    assert calibrating.choose(log_odds, y, time=time, seed=0).calibrator is calibrating.RAW


@pytest.mark.parametrize("kind", ["none", "intercept", "platt", "isotonic"])
def test_every_curve_rises_strictly_and_is_never_0_or_1(kind: str) -> None:
    log_odds, y = stream(1000)
    curve = calibrating.fit(kind, log_odds, y)
    p = curve(np.linspace(log_odds.min() - 1, log_odds.max() + 1, 500))
    assert (np.diff(p) > 0).all()
    assert curve(np.array([-1e9, 1e9])).tolist() == pytest.approx([0.0, 1.0], abs=0.2)
    assert 0 < curve(np.array([-1e9]))[0] < curve(np.array([1e9]))[0] < 1
    again = Calibrator.parse(curve.as_json())
    assert (again(log_odds) == curve(log_odds)).all()
    assert metrics.auc(y, curve(log_odds)) == pytest.approx(metrics.auc(y, log_odds))


def test_a_slope_is_not_learnt_from_fewer_than_50_positives() -> None:
    log_odds, y = stream(2000, slope=0.4, level=-1.0)
    few = np.flatnonzero(np.cumsum(y) <= 49)
    assert calibrating.fit("platt", log_odds[few], y[few]).slope == 1.0
    assert calibrating.fit("platt", log_odds, y).slope < 0.7


@pytest.mark.parametrize(
    "stored",
    [
        {"kind": "platt", "slope": -1, "intercept": 0},
        {"kind": "platt", "slope": 1, "intercept": float("nan")},
        {"kind": "isotonic", "knots": [[0, 1], [0.5, 0.2]]},
        {"kind": "isotonic", "knots": [[0, 1], [0.5]]},
        {"slope": 1, "intercept": 0},
    ],
)
def test_what_is_no_curve_is_refused(stored: dict) -> None:
    with pytest.raises(errors.Invalid):
        Calibrator.parse(stored)


def test_a_level_that_rose_is_told_once_not_by_the_model_and_again_by_its_curve() -> None:
    """The curve is learnt from models of earlier rows, which knew less of the rise than the model it is put on."""
    random = np.random.default_rng(0)
    y = (random.random(1_500) < np.where(np.arange(1_500) < 750, 0.03, 0.25)).astype(float)
    X = pd.DataFrame({"told": random.normal(size=1_500) + y})
    table = reading.table(X, y, np.arange(1_500))
    plan = training.make_plan(table, seed=0, kinds=["logistic"])
    said = scoring.predict(training.train_table(table, seed=0, plan=plan), X.tail(500))
    assert said.mean() == pytest.approx(y[-500:].mean(), abs=0.05)
