"""What an alert weighs in its agent's capacity: units by priority and type, in quarters so that sums stay exact."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Setting
from core.words import Priority

SETTING = "routing"
STEP = 0.25
"""Quarters have no rounding error in binary, so a place given back is exactly the place that was taken."""
MOST = 100.0


@dataclass(frozen=True, kw_only=True)
class Units:
    """An alert weighs its priority's units times its type's factor; whatever is not named weighs 1."""

    priorities: Mapping[str, float] = field(default_factory=dict)
    types: Mapping[str, float] = field(default_factory=dict)

    def of(self, priority: str, alert_type: str) -> float:
        """Units, a multiple of 0.25 and at least that."""
        weight = self.priorities.get(priority, 1.0) * self.types.get(alert_type, 1.0)
        return max(STEP, round(weight / STEP) * STEP)


def load(session: Session) -> Units:
    """As the house has set it."""
    value = session.scalar(select(Setting.value).where(Setting.key == SETTING)) or {}
    return read(value.get("units") or {})


def read(stored: Mapping[str, Any]) -> Units:
    """From a settings row {"priorities": {...}, "types": {...}}."""
    return Units(priorities=stored.get("priorities") or {}, types=stored.get("types") or {})


def wrong(raw: object) -> dict[str, str]:
    """What is wrong with such a setting as somebody wrote it, by field; empty when nothing is."""
    if not isinstance(raw, Mapping) or set(raw) - {"priorities", "types"}:
        return {"units": "give {priorities: {HIGH: 2, ...}, types: {LIKELY_TO_SELL: 1.5, ...}}"}
    found: dict[str, str] = {}
    for part in ("priorities", "types"):
        weights = raw.get(part) or {}
        if not isinstance(weights, Mapping) or len(weights) > 200:
            found[f"units.{part}"] = "a name and a number for each"
            continue
        for name, weight in weights.items():
            if part == "priorities" and name not in set(Priority):
                found[f"units.{part}.{name}"] = f"one of {', '.join(Priority)}"
            elif len(name) > 64 or "\x00" in name:
                found[f"units.{part}"] = "a type's name has at most 64 characters"
            elif isinstance(weight, bool) or not isinstance(weight, int | float) or not STEP <= weight <= MOST:
                found[f"units.{part}.{name}"] = f"a number of units, {STEP} to {MOST:g}"
            elif (weight / STEP) % 1:
                found[f"units.{part}.{name}"] = "in quarters, such as 0.5, 1 or 1.75"
    return found
