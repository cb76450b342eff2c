"""Definitions to start from: each is a whole alert type as people write it, to be changed before it is saved."""

from collections.abc import Mapping
from typing import Any


def _when(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


TEMPLATES: tuple[Mapping[str, Any], ...] = (
    {
        "name": "Insurance claim and value check",
        "description": "A claim on the home, and then a look at what it is worth: often the start of a move.",
        "kind": "rule",
        "horizonDays": 90,
        "definition": {
            "rule": {
                "all": [
                    _when("signal.INSURANCE_CLAIM.strength", "exists", True),
                    _when("feature.value_checks_30d", "greater_than", 0),
                ]
            },
            "confidence": {"belief": 0.6},
        },
    },
    {
        "name": "Visited the open-house page twice",
        "description": "Came back to the page of an open house within two weeks.",
        "kind": "rule",
        "horizonDays": 60,
        "definition": {
            "rule": {"all": [_when("count:open_house_view:14d", "greater_than", 1)]},
            "confidence": {"belief": 0.55},
        },
    },
    {
        "name": "Back after a silence and reading reports",
        "description": "Quiet for months, now in the documents and the market reports again.",
        "kind": "rule",
        "horizonDays": 120,
        "definition": {
            "rule": {
                "all": [
                    _when("signal.DORMANT_REACTIVATION.strength", "exists", True),
                    {
                        "any": [
                            _when("feature.market_reports_90d", "greater_than", 0),
                            _when("feature.email_open_rate_90d", "greater_than", 0.5),
                        ]
                    },
                ]
            },
            "confidence": {"belief": 0.55},
        },
    },
    {
        "name": "Equity rich and calculating",
        "description": "Much equity and a calculator in use: each further sign adds to how sure the alert is.",
        "kind": "rule",
        "horizonDays": 180,
        "definition": {
            "rule": {
                "all": [
                    _when("feature.estimated_equity", "greater_than", 200_000),
                    _when("feature.calculator_uses_30d", "greater_than", 0),
                ]
            },
            "confidence": {
                "base": 0.0,
                "points": [
                    {"when": _when("feature.value_checks_30d", "greater_than", 2), "add": 0.5},
                    {"when": _when("feature.comparable_views_30d", "greater_than", 1), "add": 0.4},
                    {"when": _when("feature.days_since_visit", "greater_than", 14), "add": -0.6},
                ],
            },
        },
    },
)
