"""Sizes as in the textbooks, and as simulation finds them."""

import numpy as np
import pytest
from scipy import stats

from core.errors import Invalid
from core.experiments import planning


@pytest.mark.parametrize(
    ("baseline", "other", "size"), [(0.6, 0.7, 356), (0.1, 0.2, 199), (0.5, 0.4, 388), (0.05, 0.1, 435)]
)
def test_sizes_of_two_shares_are_the_textbooks(baseline: float, other: float, size: int) -> None:
    """Fleiss, Levin & Paik 2003, table A.4 and its formula without the continuity correction, power 0.8 at 0.05."""
    assert planning.share_sizes(baseline, other, power=0.8, alpha=0.05) == (size, size)


def test_sizes_of_two_means_are_the_textbooks() -> None:
    """Half a standard deviation takes 63 a side by the normal formula."""
    assert planning.mean_sizes(1.0, 0.5, power=0.8, alpha=0.05) == (63, 63)
    assert planning.mean_sizes(2.0, 1.0, power=0.9, alpha=0.05, ratio=2) == (64, 127)


def test_an_unequal_split_has_the_power_it_was_planned_for() -> None:
    alerted, withheld = planning.share_sizes(0.06, 0.025, power=0.8, alpha=0.05, ratio=0.25)
    random = np.random.default_rng(3)
    a, b = random.binomial(alerted, 0.06, 20_000), random.binomial(withheld, 0.025, 20_000)
    both = (a + b) / (alerted + withheld)
    z = (a / alerted - b / withheld) / np.sqrt(both * (1 - both) * (1 / alerted + 1 / withheld))
    assert np.mean(np.abs(z) > 1.96) == pytest.approx(0.8, abs=0.03)


def test_the_smallest_effect_takes_just_what_there_is() -> None:
    def sizes(effect: float) -> tuple[int, int]:
        return planning.share_sizes(0.5, 0.5 + effect, power=0.8, alpha=0.05)

    effect = planning.smallest_effect(600, sizes, most=0.49)
    assert effect is not None
    assert sum(sizes(effect)) <= 600 < sum(sizes(effect * 0.98))
    assert planning.smallest_effect(4, sizes, most=0.49) is None


def test_a_rate_has_its_exact_interval() -> None:
    found = planning.rate(10, 1.0)
    assert (found.low, found.high) == pytest.approx((4.7954, 18.3904), abs=1e-4)
    assert planning.rate(0, 2.0).low == 0
    assert planning.rate(0, 1.0).high == pytest.approx(stats.chi2.ppf(0.975, 2) / 2)


def test_weeks_count_the_follow_up_and_nothing_arriving_never_tells() -> None:
    found = planning.weeks_until(100, planning.rate(50, 10.0), follow_up_days=14)
    assert found.expected == pytest.approx(22)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 22 < found.high
    assert planning.weeks_until(100, planning.rate(0, 10.0), follow_up_days=14).expected is None


def test_every_variant_has_its_size_with_its_share() -> None:
    assert planning.split((356, 356), (0.5, 0.5)) == (356, 356)
    assert planning.split((100, 100), (0.6, 0.2, 0.2)) == (300, 100, 100)


@pytest.mark.parametrize(("baseline", "other"), [(0.5, 0.5), (0.9, 1.2), (0.0, 0.1)])
def test_shares_that_are_none_are_refused(baseline: float, other: float) -> None:
    with pytest.raises(Invalid):
        planning.share_sizes(baseline, other, power=0.8, alpha=0.05)
