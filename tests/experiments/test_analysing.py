"""What an experiment may say, and when: nothing before a planned look, and no more errors than it states."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from core.experiments import analysing
from core.experiments.definition import Kind, Metric
from tests.experiments.making import a_unit, an_experiment, stopped


def test_a_fixed_horizon_shows_counts_only_until_the_planned_size(now: datetime) -> None:
    experiment = an_experiment(now, total=100)
    units = [a_unit(one, "withheld" if one % 5 == 0 else "alerted", float(one % 5 != 0), now=now) for one in range(150)]
    last = sorted(one.matures_at for one in units)[99]
    before = analysing.analyse(experiment, units, now=last - timedelta(seconds=1))
    assert (before["state"], before["results"], before["tiers"], before["readAt"]) == ("not_yet", [], [], None)
    assert [(one["entered"], one["counted"]) for one in before["variants"]] == [(120, 79), (30, 20)]
    after = analysing.analyse(experiment, units, now=last)
    (result,) = after["results"]
    assert after["state"] == "final"
    assert (result["this"]["hits"], result["this"]["total"]) == (80, 80)
    assert (result["other"]["hits"], result["other"]["total"]) == (0, 20)
    assert result["verdict"] == "higher"
    # Later arrivals are not looked at: reading on would be another look.
    assert analysing.analyse(experiment, units, now=last + timedelta(days=300))["results"] == after["results"]


def test_open_horizons_are_left_out_and_counted(now: datetime) -> None:
    experiment = an_experiment(now, total=10)
    units = [a_unit(one * 240, "withheld" if one % 5 == 0 else "alerted", 1.0, now=now) for one in range(20)]
    told = analysing.analyse(experiment, units, now=now + timedelta(days=150))
    assert [one["waiting"] for one in told["variants"]] == [12, 3]
    assert told["contacts"]["counted"] == 5
    assert told["state"] == "not_yet"


def test_a_page_opened_every_week_is_wrong_no_more_often_than_stated(now: datetime) -> None:
    """Nothing differs; whoever stops at the first week that shows a difference is wrong at most 5% of the time."""
    random = np.random.default_rng(2)
    experiment = an_experiment(now, kind=Kind.ROUTING, metric=Metric.CONVERSION, total=240, looks=4, withheld=0.5)
    wrong = plain = 0
    trials = 400
    for _ in range(trials):
        variants, values = random.integers(0, 2, 240), random.binomial(1, 0.3, 240)
        units = [
            a_unit(one, "b" if variants[one] else "control", float(values[one]), now=now, days=1) for one in range(240)
        ]
        told = [analysing.analyse(experiment, units, now=now + timedelta(days=day)) for day in range(3, 12)]
        wrong += any(each["results"] and each["results"][0]["verdict"] != "cannot_tell" for each in told)
        plain += any(_plain(variants[:size], values[:size]) for size in range(40, 241, 20))
    assert wrong / trials <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / trials)
    assert plain / trials > 0.1


def _plain(variants: "np.ndarray", values: "np.ndarray") -> bool:
    a, b = values[variants == 0], values[variants == 1]
    spread = np.sqrt(values.mean() * (1 - values.mean()) * (1 / len(a) + 1 / len(b)))
    return bool(abs(a.mean() - b.mean()) > 1.96 * spread)


def test_looks_come_at_their_sizes_with_wider_intervals_first(now: datetime) -> None:
    experiment = an_experiment(now, total=100, looks=2, withheld=0.5)
    units = [a_unit(one, "withheld" if one % 2 else "alerted", float(one % 3 == 0), now=now) for one in range(100)]
    half, full = (sorted(one.matures_at for one in units)[size - 1] for size in (50, 100))
    first = analysing.analyse(experiment, units, now=half)
    assert (first["state"], first["looks"], first["contacts"]["counted"]) == (
        "interim",
        {"planned": 2, "reached": 1},
        50,
    )
    between = analysing.analyse(experiment, units, now=full - timedelta(seconds=1))
    assert between["results"] == first["results"]
    last = analysing.analyse(experiment, units, now=full)
    assert last["state"] == "final"
    assert _width(first) > 1.7 * _width(last)


def _width(told: dict[str, list[dict[str, float]]]) -> float:
    return told["results"][0]["high"] - told["results"][0]["low"]


def test_an_experiment_whose_time_is_over_is_read_with_what_came(now: datetime) -> None:
    experiment = replace(an_experiment(now, total=1000), ends_at=now + timedelta(days=30))
    units = [a_unit(one, "withheld" if one % 5 == 0 else "alerted", float(one % 2), now=now) for one in range(60)]
    last = max(one.matures_at for one in units)
    assert analysing.analyse(experiment, units, now=last - timedelta(seconds=1))["state"] == "not_yet"
    told = analysing.analyse(experiment, units, now=last)
    assert told["state"] == "final"
    assert told["results"][0]["this"]["total"] == 48


@pytest.mark.parametrize(("looks", "shown"), [(1, 1), (4, 0)])
def test_an_early_stop_is_said_and_shows_no_more_than_is_honest(looks: int, shown: int, now: datetime) -> None:
    experiment = an_experiment(now, total=1000, looks=looks)
    units = [a_unit(one, "withheld" if one % 5 == 0 else "alerted", float(one % 2), now=now) for one in range(60)]
    at = now + timedelta(days=110)
    told = analysing.analyse(stopped(experiment, at=at), units, now=at)
    assert told["state"] == "stopped_early"
    assert len(told["results"]) == shown
    assert "before the planned size" in told["limits"][0]


def test_a_broken_split_is_a_plain_warning(now: datetime) -> None:
    experiment = an_experiment(now)
    fair = [a_unit(one, "withheld" if one % 5 == 0 else "alerted", 1.0, now=now) for one in range(500)]
    broken = [a_unit(one, "withheld" if one % 8 == 0 else "alerted", 1.0, now=now) for one in range(500)]
    assert analysing.split_check(experiment, fair) == {"p": 1.0, "warning": None}
    found = analysing.split_check(experiment, broken)
    assert found["p"] < 0.001
    assert "planned shares" in found["warning"]
    assert analysing.split_check(experiment, []) == {"p": None, "warning": None}


def test_means_are_compared_by_the_bootstrap_and_repeat(now: datetime) -> None:
    experiment = an_experiment(now, kind=Kind.ROUTING, metric=Metric.RESPONSE_SECONDS, total=100, withheld=0.5, days=7)
    random = np.random.default_rng(4)
    units = [
        a_unit(one, key, float(random.exponential(mean)), now=now, days=7)
        for one, (key, mean) in enumerate([("control", 3600.0), ("b", 1200.0)] * 50)
    ]
    told = analysing.analyse(experiment, units, now=now + timedelta(days=60))
    (result,) = told["results"]
    assert result["low"] < -2400 < result["high"] < 0
    assert result["verdict"] == "lower"
    assert analysing.analyse(experiment, units, now=now + timedelta(days=60)) == told


def test_the_effect_of_a_holdout_is_told_by_tier(now: datetime) -> None:
    experiment = an_experiment(now, total=100)
    units = [
        replace(a_unit(one, "withheld" if one % 5 == 0 else "alerted", 1.0, now=now), tier=tier)
        for one, tier in enumerate(["HIGH", "MEDIUM"] * 50)
    ]
    told = analysing.analyse(experiment, units, now=now + timedelta(days=365))
    assert [(one["tier"], one["this"]["total"] + one["other"]["total"]) for one in told["tiers"]] == [
        ("HIGH", 50),
        ("MEDIUM", 50),
    ]
