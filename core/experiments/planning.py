"""How many contacts it takes, and how long until it can tell: formulas, without a database."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import scipy  # not scipy.special: see analysing

from core.errors import Invalid

WEEKS_IN_YEAR = 365.25 / 7
MONTH_WEEKS = WEEKS_IN_YEAR / 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Something a week, with its 95% interval."""

    per_week: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Weeks:
    """Weeks until something is there; None where, at such a rate, it never is."""

    expected: float | None
    low: float | None
    high: float | None


def share_sizes(baseline: float, other: float, *, power: float, alpha: float, ratio: float = 1.0) -> tuple[int, int]:
    """Cases for two shares to be told apart: (with the baseline, with the other), two-sided.

    Fleiss, Levin & Paik 2003, Statistical Methods for Rates and Proportions, (4.14) and (4.18), without the continuity
    correction: the score interval that judges needs none.

    Args:
        ratio: cases of the other a case of the baseline.

    Raises:
        Invalid: shares that are equal, or not between 0 and 1.
    """
    if not (0 < baseline < 1 and 0 < other < 1) or baseline == other:
        raise Invalid("Two different shares between 0 and 1 are needed.", fields={"effect": "leads out of 0-100%"})
    a, b = _quantiles(power, alpha)
    middle = (baseline + ratio * other) / (1 + ratio)
    root = a * math.sqrt((1 + ratio) * middle * (1 - middle)) + b * math.sqrt(
        ratio * baseline * (1 - baseline) + other * (1 - other)
    )
    first = root**2 / (ratio * (other - baseline) ** 2)
    return math.ceil(first - 1e-9), math.ceil(ratio * first - 1e-9)


def mean_sizes(sd: float, effect: float, *, power: float, alpha: float, ratio: float = 1.0) -> tuple[int, int]:
    """Cases for two means to be told apart, two-sided: n = (1 + 1/ratio) * ((z_a + z_b) * sd / effect)^2 (Rosner 2015, 8.26).

    Raises:
        Invalid: no spread or no effect.
    """
    if sd <= 0 or effect == 0:
        raise Invalid("A spread and an effect are needed.", fields={"effect": "must not be 0"})
    a, b = _quantiles(power, alpha)
    first = (1 + 1 / ratio) * ((a + b) * sd / effect) ** 2
    return math.ceil(first - 1e-9), math.ceil(ratio * first - 1e-9)


def smallest_effect(total: float, sizes: Callable[[float], tuple[int, int]], *, most: float) -> float | None:
    """The smallest effect that `total` cases can tell, to 1% of itself; None when even `most` takes more.

    Args:
        sizes: effect -> cases of both sides; fewer for larger effects.
    """

    def takes(effect: float) -> float:
        return sum(sizes(effect))

    if most <= 0 or takes(most) > total:
        return None
    low, high = 0.0, most
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if takes(middle) > total else (low, middle)
        if high - low < high / 100:
            break
    return high


def rate(count: int, weeks: float) -> Rate:
    """Events a week from a count, with the exact Poisson interval (Garwood 1936)."""
    if weeks <= 0:
        return Rate(per_week=0.0, low=0.0, high=0.0)
    low = float(scipy.special.gammaincinv(count, 0.025)) if count else 0.0
    return Rate(
        per_week=count / weeks, low=low / weeks, high=float(scipy.special.gammaincinv(count + 1, 0.975)) / weeks
    )


def weeks_until(total: int, arriving: Rate, *, follow_up_days: float) -> Weeks:
    """Until `total` contacts have come and been followed up."""
    after = follow_up_days / 7

    def at(per_week: float) -> float | None:
        return total / per_week + after if per_week > 0 else None

    return Weeks(expected=at(arriving.per_week), low=at(arriving.high), high=at(arriving.low))


def split(sizes: tuple[int, int], shares: Sequence[float]) -> tuple[int, ...]:
    """How many contacts each variant needs, so that the control and every other have theirs with these shares."""
    control, other = sizes
    total = max(control / shares[0], *(other / share for share in shares[1:]))
    return tuple(math.ceil(total * share - 1e-9) for share in shares)


def _quantiles(power: float, alpha: float) -> tuple[float, float]:
    if not (0 < power < 1 and 0 < alpha < 1):
        raise Invalid("Power and error are shares.", fields={"power": "between 0 and 1", "alpha": "between 0 and 1"})
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(power)
