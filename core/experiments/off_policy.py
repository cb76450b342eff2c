"""What another way of handing out would have brought, estimated from decisions in which chance had a part and said how much.

Each decision logs the `propensity` with which its agent was chosen; weighting what came of it by how much likelier (or less
likely) the other way would have chosen the same agent gives the other way's mean. Self-normalised (Hajek), because the plain
inverse propensity score (Horvitz & Thompson 1952) swings with a few large weights; the variance is the linearised one
(Owen 2013, Monte Carlo theory, 9.2).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """One decision, and what came of it."""

    value: float
    propensity: float
    """With which probability this agent was chosen, as the decision logged it; above 0."""
    wanted: float
    """With which probability the other way would have chosen the same agent for the same alert."""
    group: str = ""
    """Decisions of one group (a contact) may hang together; empty stands for itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    value: float
    low: float
    high: float
    decisions: int
    effective: float
    """As many decisions of the other way's own would say about as much (Kish); where it is small, so is what is known."""


def estimate(logged: Sequence[Logged], *, level: float = 0.95) -> Estimate | None:
    """The other way's mean value with its interval; None where it shares no choice with what was logged.

    It holds for agents whom the logged way gave a chance: one it never chooses cannot be weighted up. Loads are taken as they
    were: what the other way would have left of them is not foreseen.

    Raises:
        ValueError: a propensity that is no probability above 0.
    """
    if any(not 0 < one.propensity <= 1 for one in logged):
        raise ValueError("a propensity is above 0 and at most 1")
    weights = [one.wanted / one.propensity for one in logged]
    total = sum(weights)
    if total <= 0:
        return None
    value = sum(weight * one.value for weight, one in zip(weights, logged, strict=True)) / total
    apart: dict[object, float] = {}
    for number, (weight, one) in enumerate(zip(weights, logged, strict=True)):
        group = one.group or number
        apart[group] = apart.get(group, 0.0) + weight * (one.value - value)
    spread = sum(one**2 for one in apart.values())
    reach = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(spread) / total
    effective = total**2 / sum(weight**2 for weight in weights)
    return Estimate(value=value, low=value - reach, high=value + reach, decisions=len(logged), effective=effective)
