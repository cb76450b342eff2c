"""Boundaries for several looks: as published, and wrong no more often than they say."""

import numpy as np
import pytest

from core.experiments import sequential

LOOKS = 5


def test_boundaries_are_the_published_ones() -> None:
    """O'Brien-Fleming type spending, two-sided 0.05, five equal looks: as R's ldbounds and gsDesign print them."""
    found = sequential.boundaries(sequential.equally(LOOKS), 0.05)
    assert found == pytest.approx((4.8769, 3.3570, 2.6803, 2.2898, 2.0310), abs=2e-4)
    assert sequential.boundaries((1.0,), 0.05) == pytest.approx((1.95996,), abs=1e-5)


def test_a_last_look_that_comes_early_spends_what_is_left() -> None:
    fractions = (0.2, 0.4, 0.7)
    bounds = sequential.boundaries(fractions, 0.05)
    assert sequential.power(fractions, bounds, 0.0) == pytest.approx(0.05, abs=1e-6)


def test_several_looks_take_a_little_more_for_the_same_power() -> None:
    fractions = sequential.equally(LOOKS)
    more = sequential.inflation(LOOKS, 0.05, 0.8)
    assert 1.01 < more < 1.04
    assert sequential.inflation(1, 0.05, 0.8) == 1.0
    drift = (1.959964 + 0.841621) * np.sqrt(more)
    assert sequential.power(fractions, sequential.boundaries(fractions, 0.05), drift) == pytest.approx(0.8, abs=1e-3)


def test_peeking_is_wrong_no_more_often_than_said_and_the_plain_rule_is() -> None:
    random = np.random.default_rng(11)
    steps = random.standard_normal((40_000, LOOKS))
    z = np.cumsum(steps, axis=1) / np.sqrt(np.arange(1, LOOKS + 1))
    wrong = np.mean((np.abs(z) > sequential.boundaries(sequential.equally(LOOKS), 0.05)).any(axis=1))
    plain = np.mean((np.abs(z) > 1.96).any(axis=1))
    assert wrong == pytest.approx(0.05, abs=0.004)
    assert plain > 0.12
