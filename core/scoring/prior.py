"""The documented prior: what is believed of each intent before any data, as weights that can be read and argued with.

A weight is what a bin adds to the log-odds (+0.7 doubles the odds). Each is uncertain by a
third of its size: that is what its interval is made of. `docs/scoring.md` says where they come from.
"""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, NamedTuple

from core.words import Intent

UNCERTAIN = 0.35
"""The standard error of a prior weight, as a share of it."""
BASE_ERROR = 0.25
"""The standard error of a prior base, in log-odds."""
CONFIDENCE = {"slope": 1.5, "intercept": 2.5, "ceiling": 1.0}
"""0.5 at a probability of 16%, 0.7 at 25%, 0.8 at 32%, and about 4% for a contact of the base rate."""
PROBABILITY = {"slope": 1.0, "intercept": 0.0, "ceiling": 1.0}

Weights = Mapping[str, tuple[Sequence[float], Sequence[float], float]]
"""Feature to (edges, a value for each bin, value when missing)."""

_RECENCY = ((1, 8, 31, 91), (0.1, 0.05, 0, -0.1, -0.2), -0.2)

SELL: Weights = {
    "value_checks_30d": ((1, 2, 3, 5, 8, 12), (0, 0.25, 0.5, 0.8, 1.2, 1.6, 1.9), 0),
    "signal_frequent_value_checks": ((0.5, 0.8, 1.0), (0, 0.3, 0.5, 0.7), 0),
    "comparable_views_30d": ((1, 2, 4, 7, 12), (0, 0.25, 0.45, 0.8, 1.1, 1.3), 0),
    "market_reports_90d": ((1, 3, 6), (0, 0.15, 0.35, 0.5), 0),
    "document_accesses_30d": ((1, 4, 8, 15), (0, 0.05, 0.15, 0.3, 0.4), 0),
    "document_downloads_30d": ((1, 3, 6), (0, 0.15, 0.35, 0.5), 0),
    "document_shares_30d": ((1, 2, 4), (0, 0.2, 0.45, 0.6), 0),
    "signal_dormant_reactivation": ((0.5,), (0, 0.3), 0),
    "profile_updates_30d": ((1, 2, 4), (0, 0.1, 0.25, 0.35), 0),
    "email_click_rate_90d": ((0.05, 0.2, 0.4), (-0.05, 0, 0.1, 0.2), 0),
    "years_owned": ((2, 5, 12, 20), (-0.4, 0, 0.25, 0.1, 0), 0),
    "loan_to_value": ((0.5, 0.8, 0.95), (0.1, 0, -0.15, -0.4), 0),
    "recent_address_change": ((0.1, 0.5), (0, 0.5, 0.9), 0),
    "recent_job_change": ((0.1, 0.5), (0, 0.35, 0.7), 0),
    "recent_building_permit": ((0.1, 0.5), (0, 0.2, 0.3), 0),
    "tax_change": ((0.1, 0.5), (0, 0.15, 0.3), 0),
    "insurance_claim": ((0.1, 0.5), (0, 0.05, 0.1), 0),
    "days_since_visit": _RECENCY,
}
BUY: Weights = {
    "property_views_30d": ((1, 3, 6, 12, 25), (0, 0.3, 0.7, 1.2, 1.7, 2.0), 0),
    "searches_30d": ((1, 3, 8, 15), (0, 0.25, 0.6, 0.9, 1.1), 0),
    "buying_calculators_30d": ((1, 2, 4), (0, 0.4, 0.7, 1.0), 0),
    "calculator_uses_30d": ((1, 3, 6), (0, 0.1, 0.25, 0.35), 0),
    "comparable_views_30d": ((4, 8), (0, 0.15, 0.3), 0),
    "profile_updates_30d": ((2, 4), (0, 0.15, 0.25), 0),
    "email_click_rate_90d": ((0.05, 0.2, 0.4), (-0.05, 0, 0.1, 0.2), 0),
    "property_count": ((1, 2), (0.3, 0, 0.1), 0),
    "recent_job_change": ((0.1, 0.5), (0, 0.35, 0.7), 0),
    "recent_address_change": ((0.1, 0.5), (0, 0.2, 0.4), 0),
    "credit_inquiry": ((0.1, 0.5), (0, 0.35, 0.7), 0),
    "days_since_visit": _RECENCY,
}
REFINANCE: Weights = {
    "refinance_clicks_90d": ((1, 2, 4, 6), (0, 0.5, 1.0, 1.5, 1.8), 0),
    "signal_refinance_interest": ((0.3, 0.6), (0, 0.3, 0.5), 0),
    "refinance_calculators_30d": ((1, 2, 4), (0, 0.6, 1.0, 1.4), 0),
    "calculator_uses_30d": ((1, 3, 6), (0, 0.15, 0.4, 0.6), 0),
    "document_accesses_30d": ((1, 4, 8, 15), (0, 0.05, 0.15, 0.3, 0.4), 0),
    "document_downloads_30d": ((1, 3, 6), (0, 0.15, 0.3, 0.4), 0),
    "loan_to_value": ((0.05, 0.3, 0.5, 0.8, 0.95), (-2.0, -0.2, 0.1, 0.3, 0.1, -0.3), 0),
    "credit_inquiry": ((0.1, 0.5), (0, 0.5, 0.9), 0),
    "recent_building_permit": ((0.1, 0.5), (0, 0.25, 0.4), 0),
    "years_owned": ((1, 10, 20), (-0.3, 0.1, 0, -0.2), 0),
    "days_since_visit": _RECENCY,
}
INVEST: Weights = {
    "investment_research_30d": ((1, 3, 6, 10), (0, 0.6, 1.3, 1.9, 2.3), 0),
    "property_count": ((2, 3, 5), (0, 0.8, 1.2, 1.4), 0),
    "property_views_30d": ((6, 15), (0, 0.2, 0.4), 0),
    "market_reports_90d": ((1, 3, 6), (0, 0.2, 0.45, 0.6), 0),
    "calculator_uses_30d": ((1, 3, 6), (0, 0.1, 0.25, 0.4), 0),
    "document_downloads_30d": ((1, 3, 6), (0, 0.1, 0.2, 0.3), 0),
    "estimated_equity": ((100_000, 400_000), (-0.1, 0, 0.3), 0),
    "days_since_visit": _RECENCY,
}
WEIGHTS: dict[Intent, Weights] = {
    Intent.LIKELY_TO_SELL: SELL,
    Intent.LIKELY_TO_BUY: BUY,
    Intent.REFINANCE_OPPORTUNITY: REFINANCE,
    Intent.INVESTMENT_INTEREST: INVEST,
}
QUIET = {
    Intent.LIKELY_TO_SELL: 0.018,
    Intent.LIKELY_TO_BUY: 0.015,
    Intent.REFINANCE_OPPORTUNITY: 0.016,
    Intent.INVESTMENT_INTEREST: 0.012,
}
"""The probability of a contact of whom nothing speaks for or against."""
BASE_RATES = {
    Intent.LIKELY_TO_SELL: 0.025,
    Intent.LIKELY_TO_BUY: 0.022,
    Intent.REFINANCE_OPPORTUNITY: 0.023,
    Intent.INVESTMENT_INTEREST: 0.020,
}
"""The share of all contacts who transact within the horizon."""


class Story(NamedTuple):
    """A contact as an experienced agent would tell of, and the share of such alerts that agent would call right."""

    features: Mapping[str, float]
    right: float


STORY_ROWS = 60.0
"""A story weighs as much as so many contacts like it."""
_HERE_TODAY = {"days_since_visit": 0.0, "visits_per_week": 0.4, "signal_confidence": 0.99}
STORIES: dict[Intent, Story] = {
    Intent.LIKELY_TO_SELL: Story(
        {
            **_HERE_TODAY,
            "value_checks_30d": 10,
            "comparable_views_30d": 2,
            "signal_frequent_value_checks": 1.0,
            "platform_signals": 1,
            "signal_strength": 1.0,
        },
        0.7,
    ),
    Intent.LIKELY_TO_BUY: Story(
        {
            **_HERE_TODAY,
            "property_views_30d": 25,
            "searches_30d": 10,
            "buying_calculators_30d": 2,
            "calculator_uses_30d": 2,
        },
        0.7,
    ),
    Intent.REFINANCE_OPPORTUNITY: Story(
        {
            **_HERE_TODAY,
            "refinance_clicks_90d": 5,
            "refinance_calculators_30d": 3,
            "calculator_uses_30d": 3,
            "signal_refinance_interest": 1.0,
            "signal_calculator_usage": 0.375,
            "email_signals": 1,
            "platform_signals": 1,
            "signal_strength": 1.375,
        },
        0.7,
    ),
    Intent.INVESTMENT_INTEREST: Story(
        {
            **_HERE_TODAY,
            "investment_research_30d": 12,
            "market_reports_90d": 4,
            "signal_market_report_views": 0.667,
            "property_count": 2,
            "property_views_30d": 12,
            "email_signals": 1,
            "signal_strength": 0.667,
        },
        0.7,
    ),
}
"""What must open an alert whatever a sample says of it; the journeys that are tested are among them."""


def parameters(intent: Intent) -> dict[str, Any]:
    """The prior model of an intent, in the form core.scoring.model reads."""
    quiet = QUIET[intent]
    return {
        "base": round(log(quiet / (1 - quiet)), 6),
        "base_variance": round(BASE_ERROR**2, 6),
        "base_rate": BASE_RATES[intent],
        "probability": dict(PROBABILITY),
        "confidence": dict(CONFIDENCE),
        "terms": {
            name: {
                "edges": [float(edge) for edge in edges],
                "values": [float(value) for value in values],
                "variances": [round((UNCERTAIN * value) ** 2, 6) for value in values],
                "missing": float(missing),
                "missing_variance": round((UNCERTAIN * missing) ** 2, 6),
            }
            for name, (edges, values, missing) in WEIGHTS[intent].items()
        },
    }
