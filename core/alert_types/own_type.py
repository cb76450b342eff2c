"""One active alert type of a team's own, compiled: what it thinks of a contact, and why.

On the log-odds scale, so that it explains itself exactly as models do: base + contributions = log-odds. The base is an
ordinary contact, or what the definition says; each condition that holds adds its share; what alerts of this type came to
so far adds the last line. Confidence is the sigmoid of the sum.

How sure: a belief counts as much as WEIGHT worked alerts (a Beta prior), so after 20 right or wrong ones the truth has half
the say. The interval is 90%, by the delta method: the variance of the log-odds of Beta(a, b) is about 1/a + 1/b.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log, sqrt
from typing import Any

from core.alert_types.definition import Definition
from core.alert_types.fields import Facts
from core.alert_types.rules import Condition, holding
from core.scoring import Explanation, Scored
from core.scoring.model import LEAST, MOST, SPREAD

WEIGHT = 20.0
"""Worked alerts that a belief counts for."""
IN_MARKET = 0.10
"""Share of active contacts that are in the market within a year: what an alert of an ordinary contact would be right in."""
TRANSACT = 1 / 3
"""Of right alerts, the share that transacts within the horizon: about what the four shipped models find. As a prior."""
OUTCOMES = "outcomes"
"""The name under which the outcomes so far stand among the contributions."""
MOST_FACTORS = 4


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What became of the alerts of a type."""

    right: int = 0
    wrong: int = 0
    converted: int = 0
    expected: float | None = None
    """The mean confidence the definition alone gave those alerts; None: its belief."""


@dataclass(frozen=True, kw_only=True)
class OwnType:
    id: str
    name: str
    horizon_days: int
    version: str
    """What scores and alerts say they were scored by."""
    definition: Definition
    evidence: Evidence = Evidence()

    @cached_property
    def quiet(self) -> float:
        """How often an alert of an ordinary contact would be right within the horizon."""
        return min(max(IN_MARKET * self.horizon_days / 365, 0.002), 0.3)

    @cached_property
    def shift(self) -> float:
        """Log-odds that the outcomes so far add: 0 without any."""
        seen = self.evidence.right + self.evidence.wrong
        expected = self.definition.belief if self.definition.belief is not None else self.evidence.expected
        if not seen or expected is None:
            return 0.0
        return logit((expected * WEIGHT + self.evidence.right) / (WEIGHT + seen)) - logit(expected)

    @cached_property
    def transacts(self) -> float:
        """Of right alerts, the share that transacts: the prior, shrunk to what happened."""
        return (TRANSACT * WEIGHT + self.evidence.converted) / (
            WEIGHT + max(self.evidence.right, self.evidence.converted)
        )

    def score(self, facts: Facts) -> Scored:
        """Both numbers with their intervals; where no points are asked they are always the same two."""
        if not self._holds(facts):
            return self._outside
        return self._inside if self.definition.belief is not None else self._scored(self._held(facts), holds=True)

    @cached_property
    def _outside(self) -> Scored:
        return self._scored(self._quiet_base(), holds=False)

    @cached_property
    def _inside(self) -> Scored:
        assert self.definition.belief is not None
        return self._scored(logit(self.definition.belief) + self.shift, holds=True)

    def _scored(self, log_odds: float, *, holds: bool) -> Scored:
        told = sigmoid(log_odds - (self.shift if holds else 0.0))
        right, wrong = (self.evidence.right, self.evidence.wrong) if holds else (0, 0)
        error = SPREAD * sqrt(1 / (told * WEIGHT + right) + 1 / ((1 - told) * WEIGHT + wrong))
        share = self.transacts if holds else TRANSACT
        confidence, low, high = (sigmoid(log_odds + step) for step in (0.0, -error, error))
        usual = self.quiet * TRANSACT
        return Scored(
            self.id,
            _bounded(confidence * share),
            _bounded(low * share),
            _bounded(high * share),
            confidence,
            low,
            high,
            confidence * share / usual,
            usual,
            log_odds,
            self.version,
        )

    def explain(self, facts: Facts) -> Explanation:
        """The same number again, with what made it."""
        holds = self._holds(facts)
        base, contributions = self._parts(facts, holds)
        ordered = sorted(contributions, key=lambda each: -abs(each["contribution"]))
        top = [
            {**each, "contribution": round(each["contribution"], 4)}
            for each in sorted(ordered[:MOST_FACTORS], key=lambda each: -each["contribution"])
        ]
        scored = self.score(facts)
        return Explanation(
            base=base,
            contributions=[{key: value for key, value in each.items() if key != "text"} for each in ordered],
            top_factors=top,
            text=_sentence([each["text"] for each in top]) if holds else f"It does not fit “{self.name}” at present.",
            log_odds=scored.log_odds,
            probability=scored.probability,
            confidence=scored.confidence,
            evidence={
                "rows": self.evidence.right + self.evidence.wrong,
                "positives": self.evidence.right,
                "source": "outcomes" if self.evidence.right + self.evidence.wrong else "belief",
            },
        )

    def _holds(self, facts: Facts) -> bool:
        rule = self.definition.rule
        return rule is None or rule.holds(facts)

    def _held(self, facts: Facts) -> float:
        """The log-odds by points, without the parts in words, for the many contacts that get no alert."""
        held = sum(point.add for point in self.definition.points if point.when.holds(facts))
        return self.definition.base + held + self.shift

    def _quiet_base(self) -> float:
        quiet = logit(self.quiet)
        return quiet if self.definition.belief is not None else min(quiet, self.definition.base)

    def _parts(self, facts: Facts, holds: bool) -> tuple[float, list[dict[str, Any]]]:
        """(base, contributions with their words); they add up to the log-odds."""
        if not holds:
            return self._quiet_base(), []
        found: dict[str, dict[str, Any]] = {}
        if self.definition.belief is not None:
            base = logit(self.quiet)
            rule = self.definition.rule
            held = [condition for condition, _ in holding(rule, facts)] if rule is not None else []
            for condition in held:
                _add(found, condition, (logit(self.definition.belief) - base) / len(held), facts)
            if not held:
                base = logit(self.definition.belief)
        else:
            base = self.definition.base
            for point in self.definition.points:
                if point.when.holds(facts):
                    held = [condition for condition, _ in holding(point.when, facts)]
                    for condition in held:
                        _add(found, condition, point.add / len(held), facts)
                    base += 0.0 if held else point.add
        if self.shift:
            found[OUTCOMES] = self._outcomes_line()
        return base, list(found.values())

    def _outcomes_line(self) -> dict[str, Any]:
        seen = self.evidence.right + self.evidence.wrong
        alerts = "alert" if seen == 1 else "alerts"
        return {
            "feature": OUTCOMES,
            "label": "What such alerts came to so far",
            "value": round(self.evidence.right / seen, 4),
            "contribution": self.shift,
            "text": f"of {seen} {alerts} of this type so far, {self.evidence.right} turned out right",
        }


def logit(share: float) -> float:
    return log(share / (1 - share))


def sigmoid(x: float) -> float:
    """Kept from 0 and 1: nothing is shown as impossible or certain."""
    return _bounded(1 / (1 + exp(-x)))


def _bounded(share: float) -> float:
    return min(max(share, LEAST), MOST)


def _add(found: dict[str, dict[str, Any]], condition: Condition, amount: float, facts: Facts) -> None:
    of = condition.field
    value = of.read(facts)
    line = found.setdefault(
        of.name,
        {
            "feature": of.name,
            "label": of.label,
            "value": None if value is None else round(value, 4),
            "contribution": 0.0,
            "text": condition.says[0].lower() + condition.says[1:] if value is None else of.says(value, facts),
        },
    )
    line["contribution"] += amount


def _sentence(texts: Sequence[str]) -> str:
    if not texts:
        return "It fits the conditions of this type."
    text = texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
    return f"{text[0].upper()}{text[1:]}."
