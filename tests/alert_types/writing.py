"""Definitions for tests, made with as little said as possible."""

from typing import Any


def when(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


CLAIM = when("signal.INSURANCE_CLAIM.strength", "exists", True)
CHECKED = when("feature.value_checks_30d", "greater_than", 0)


def a_type(rule: Any = None, *, confidence: Any = None, **values: Any) -> dict[str, Any]:
    """A whole alert type as people write it; by default an insurance claim and a value check."""
    return {
        "name": "Insurance claim and value check",
        "kind": "rule",
        "horizonDays": 60,
        "definition": {"rule": rule or {"all": [CLAIM, CHECKED]}, "confidence": confidence or {"belief": 0.6}},
        **values,
    }
