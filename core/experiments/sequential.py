"""Looking several times without fooling oneself: boundaries that spend the error over planned looks.

A fixed horizon is one look. With several, each look k has a boundary c_k such that the chance that |Z| ever passes one,
where nothing differs, is alpha in all. Spending function of the O'Brien-Fleming type (Lan & DeMets 1983, Biometrika 70),
each side alpha / 2; crossing probabilities by recursive integration (Armitage, McPherson & Rowe 1969, JRSS A 132). The
interval shown at look k is the repeated confidence interval (Jennison & Turnbull 1989, JRSS B 51): its level belongs to c_k.
"""

from collections.abc import Sequence
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import scipy  # not scipy.special: see analysing
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

_NODES, _WEIGHTS = leggauss(100)
_NEVER = 38.0
"""A boundary that nothing passes."""
Floats = NDArray[np.float64]


def spent(fraction: float, alpha: float) -> float:
    """How much of alpha (two-sided) may be spent by this fraction of the information; all of it at 1."""
    if fraction <= 0:
        return 0.0
    if fraction >= 1:
        return alpha
    return float(4 * scipy.special.ndtr(scipy.special.ndtri(alpha / 4) / np.sqrt(fraction)))


@lru_cache(maxsize=256)
def boundaries(fractions: tuple[float, ...], alpha: float) -> tuple[float, ...]:
    """The boundary of each look, in standard errors: (1.96,) for one look at 0.05.

    Args:
        fractions: of the planned information, growing. The last look spends what is left, also when fewer came than
            planned and it lies below 1.
    """
    found: list[float] = []
    used = 0.0
    walk = _Walk()
    for number, fraction in enumerate(fractions):
        last = number == len(fractions) - 1
        share = (alpha if last else spent(fraction, alpha)) - used
        boundary = _solved(walk, fraction, max(share, 0.0))
        found.append(boundary)
        used += max(share, 0.0)
        walk.stay(fraction, boundary)
    return tuple(found)


def level(boundary: float) -> float:
    """The confidence level of an interval that reaches `boundary` standard errors to each side."""
    return float(2 * scipy.special.ndtr(boundary) - 1)


def power(fractions: Sequence[float], bounds: Sequence[float], drift: float) -> float:
    """The chance to pass a boundary on the upper or lower side at any look.

    Args:
        drift: the mean of Z at full information: effect / standard error of the full size.
    """
    walk, total = _Walk(drift), 0.0
    for fraction, boundary in zip(fractions, bounds, strict=True):
        total += walk.passing(fraction, boundary)
        walk.stay(fraction, boundary)
    return total


@lru_cache(maxsize=256)
def inflation(looks: int, alpha: float, wanted: float) -> float:
    """How many times the fixed size this number of equally spaced looks takes for the same power; 1 for one look."""
    if looks == 1:
        return 1.0
    fractions = equally(looks)
    bounds = boundaries(fractions, alpha)
    normal = NormalDist()
    fixed = normal.inv_cdf(1 - alpha / 2) + normal.inv_cdf(wanted)
    low, high = fixed, fixed * 2
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if power(fractions, bounds, middle) < wanted else (low, middle)
    return (high / fixed) ** 2


def equally(looks: int) -> tuple[float, ...]:
    return tuple((number + 1) / looks for number in range(looks))


class _Walk:
    """The score process B(t) = Z(t) * sqrt(t), mean drift * t, as far as it stayed within the boundaries so far."""

    def __init__(self, drift: float = 0.0) -> None:
        self.drift = drift
        self.fraction = 0.0
        self.points: Floats = np.zeros(1)
        self.mass: Floats = np.ones(1)

    def passing(self, fraction: float, boundary: float) -> float:
        """The chance to be beyond the boundary at this look, having stayed until now."""
        edge, spread, moved = self._step(fraction, boundary)
        outside = scipy.special.ndtr((moved - edge) / spread) + scipy.special.ndtr((-edge - moved) / spread)
        return float(self.mass @ outside)

    def stay(self, fraction: float, boundary: float) -> None:
        """Go on with what stayed within."""
        edge, spread, moved = self._step(fraction, boundary)
        middle = self.drift * fraction
        far = 8 * np.sqrt(fraction)
        low, high = max(-edge, middle - far), min(edge, middle + far)
        points = (low + high) / 2 + (high - low) / 2 * _NODES
        z = (points[:, None] - moved[None, :]) / spread
        density = np.exp(-0.5 * z**2) @ self.mass / (spread * np.sqrt(2 * np.pi))
        self.points, self.mass, self.fraction = points, _WEIGHTS * (high - low) / 2 * density, fraction

    def _step(self, fraction: float, boundary: float) -> tuple[float, float, Floats]:
        step = fraction - self.fraction
        return boundary * float(np.sqrt(fraction)), float(np.sqrt(step)), self.points + self.drift * step


def _solved(walk: _Walk, fraction: float, share: float) -> float:
    low, high = 0.0, _NEVER
    if share <= 1e-14:
        return _NEVER
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if walk.passing(fraction, middle) > share else (low, middle)
    return high
