"""Bars: a figure, what is asked of it, and whether it is met."""

from collections.abc import Mapping
from typing import Any


def at_least(what: str, value: float, goal: float) -> dict[str, Any]:
    return {"bar": f"{what} ≥ {goal:.3f}", "value": value, "met": bool(value >= goal)}


def at_most(what: str, value: float, goal: float) -> dict[str, Any]:
    return {"bar": f"{what} ≤ {goal:.3f}", "value": value, "met": bool(value <= goal)}


def holds(what: str, value: float, met: bool) -> dict[str, Any]:
    return {"bar": what, "value": value, "met": bool(met)}


def beside_plain(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Never behind plain boosting in the same run, in ranking."""
    return [
        at_least(f"{label} beside plain boosting", mean(figures, key), figures["plain_boosting"][key]["mean"])
        for key, label in (("auc", "AUC"), ("pr_auc", "PR-AUC"))
    ]


def mean(figures: Mapping[str, Any], key: str) -> float:
    return float(figures["ours"][key]["mean"])
