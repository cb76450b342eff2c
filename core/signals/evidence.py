"""Confidence as evidence: how unlikely a count is under the contact's own earlier rate, shrunk to the population's.

Gamma-Poisson: the contact's rate has a Gamma(shape, shape / population rate) prior, updated by the earlier count, so
the count in the window is negative binomial; confidence is the probability of a smaller one (the predictive
distribution of Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.6), times the share of events a human made.
"""

from math import exp, log

from core.signals.definition import Match, Prior

MOST = 0.99
"""No count is certain proof."""
LEAST = 0.01


def confidence(match: Match, prior: Prior) -> float:
    """0.01 to 0.99."""
    human_share = match.count / (match.count + match.machine) if match.count else 0.0
    return min(MOST, max(LEAST, below(match, prior) * human_share))


def expected(match: Match, prior: Prior) -> float:
    """How many were to be expected in the window, from the earlier rate shrunk to the population's."""
    shape, rate = _posterior(match, prior)
    return shape / rate * match.exposure


def below(match: Match, prior: Prior) -> float:
    """P(a count smaller than the one seen)."""
    shape, rate = _posterior(match, prior)
    ratio = match.exposure / (rate + match.exposure)
    term = exp(shape * log(1 - ratio))
    total = 0.0
    for k in range(match.count):
        total += term
        term *= (shape + k) / (k + 1) * ratio
    return min(1.0, total)


def _posterior(match: Match, prior: Prior) -> tuple[float, float]:
    return prior.shape + match.earlier, prior.shape / prior.rate + match.earlier_exposure
