"""A curve from log-odds to a probability, as it is stored: its value, and the same curve with its intercept moved."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.learning.examples import Floats

LEAST, MOST = 0.0005, 0.9995
Curve = dict[str, Any]


def at(curve: Mapping[str, Any], log_odds: Floats) -> Floats:
    """The curve's value for every row."""
    if "knots" in curve:
        x, y = curve["knots"]
        return np.asarray(np.interp(log_odds, x, y))
    moved = np.clip(curve["intercept"] + curve["slope"] * log_odds, -700, 700)
    return np.asarray(curve.get("ceiling", 1.0) / (1 + np.exp(-moved)))


def shifted(curve: Mapping[str, Any], by: float) -> Curve:
    """The same curve with its intercept moved; of knots, the logit of every value."""
    if "knots" in curve:
        x, y = curve["knots"]
        odds = np.clip(np.asarray(y, dtype=np.float64), LEAST, MOST)
        odds = odds / (1 - odds) * np.exp(by)
        moved = odds / (1 + odds)
        return {"knots": [list(x), [round(float(each), 8) for each in moved]], "kind": "intercept"}
    return {**curve, "intercept": round(curve["intercept"] + by, 6), "kind": "intercept"}
