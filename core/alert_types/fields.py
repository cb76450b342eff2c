"""What an alert type of a team's own may look at: numbers of the score's moment, each with its label, unit and range.

`feature.<name>`, `signal.<TYPE>.strength|confidence|count`, `score.<INTENT>.probability|confidence|lift`,
`contact.days_known`, `property.*`, and those of a team's own events (core.scoring.generic): `count:<event name>:30d` … What fair housing law protects is refused with its reason.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from core import fairness
from core import history as histories
from core.errors import Invalid
from core.history import REACH_DAYS, History
from core.scoring import Scored, features, generic, phrase
from core.scoring.registry import Feature
from core.signals import OpenSignal, definitions
from core.signals.posting import CATEGORIES
from core.words import EventType, Intent

LONGEST_FIELD = 120


class Facts(NamedTuple):
    """One contact at one instant."""

    vector: Sequence[float]
    history: History
    signals: Sequence[OpenSignal]
    scores: Mapping[str, Scored]
    """The four intents' scores, by intent."""
    now: datetime


Reader = Callable[[Facts], float | None]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One number that conditions may ask about."""

    name: str
    label: str
    unit: str
    group: str
    """What the page lists it under."""
    read: Reader
    """None is unknown: no comparison with it holds."""
    says: Callable[[float, Facts], str]
    """The value in plain words, for an explanation: "checked the home's value 9 times in 12 days"."""
    least: float | None = 0.0
    most: float | None = None
    whole: bool = False
    """Only whole numbers occur."""
    may_be_unknown: bool = False
    codes: Mapping[str, float] | None = None
    """Words that stand for numbers."""


class Refused(ValueError):
    """The field may not be used; the message says why."""


def field(name: str) -> Field:
    """The field of this name.

    Raises:
        Refused: there is none, or the law forbids to score it; the message is for people.
    """
    if len(name) > LONGEST_FIELD:
        raise Refused(f"a field's name has at most {LONGEST_FIELD} characters")
    return _field(name)


@lru_cache(maxsize=2048)
def _field(name: str) -> Field:
    found = known().get(name)
    if found is not None:
        return found
    if ":" in name or name in generic.ALWAYS:
        return _own(name)
    if named := fairness.protected(name):
        raise Refused(f"it speaks of {named}: fair housing law lets it route an alert, never score one")
    if fairness.free_text(name):
        raise Refused("it is free text, which may speak of anything: it cannot be scored")
    start = name.split(".")[0]
    if start == "feature":
        raise Refused(f"there is no such feature; {_near(name.partition('.')[2], features.NAMES)}")
    if start == "signal":
        raise Refused(
            f"there is no such signal; use signal.<TYPE>.strength, .confidence or .count of {_listed(_SIGNALS)}"
        )
    if start == "score":
        raise Refused(
            f"there is no such score; use score.<INTENT>.probability, .confidence or .lift of {_listed(Intent)}"
        )
    raise Refused(
        "there is no such field; it starts with feature., signal., score., contact., property. or, for own events, count:"
    )


@lru_cache(maxsize=1)
def known() -> Mapping[str, Field]:
    """Every field that has a fixed name, by name: what the page offers, beside counts of own event names."""
    every = [*map(_feature, features.FEATURES), *_signal_fields(), *_score_fields(), *_people_fields()]
    return {each.name: each for each in every}


def _near(name: str, names: Sequence[str]) -> str:
    alike = [each for each in names if set(name.split("_")) & set(each.split("_"))][:4]
    return f"did you mean {_listed(alike)}?" if alike else "GET /alert-types/fields lists them"


def _listed(names: Sequence[str] | type[Intent] | Mapping[str, Any]) -> str:
    return ", ".join(map(str, names))


_UNKNOWABLE = {"share", "strength", "days", "minutes", "homes", "years", "USD", "hour", "code"}


def _feature(feature: Feature) -> Field:
    at, name = features.INDEX[feature.name], feature.name
    signal = name.startswith("signal_") and name not in ("signal_strength", "signal_confidence")
    known_strength = signal or name == "signal_strength"
    bounded = signal or name in ("email_open_rate_90d", "email_click_rate_90d", "signal_confidence")

    def read(facts: Facts) -> float | None:
        x = facts.vector[at]
        return None if x != x else float(x)

    return Field(
        name=f"feature.{name}",
        label=feature.label,
        unit=feature.unit,
        group="Signals" if "signal" in name else "Behaviour and home",
        read=read,
        says=lambda value, facts: phrase(feature, value, facts.history) or f"{feature.label.lower()}: {value:g}",
        least=None if feature.unit == "USD" else 0.0,
        most=23.0 if feature.unit == "hour" else 1.0 if bounded else None,
        whole=feature.unit in ("times", "signals", "homes", "hour", "code"),
        may_be_unknown=feature.unit in _UNKNOWABLE and not known_strength,
        codes=features.DEVICE_CODES if feature.unit == "code" else None,
    )


_SIGNALS: dict[str, str] = {
    **{each.type: each.label for each in definitions()},
    **{kind: kind.replace("_", " ").capitalize() for kind in CATEGORIES},
}


def _signal_fields() -> list[Field]:
    return [
        _signal(kind, label, part) for kind, label in _SIGNALS.items() for part in ("strength", "confidence", "count")
    ]


def _signal(kind: str, label: str, part: str) -> Field:
    def read(facts: Facts) -> float | None:
        of_kind = [signal for signal in facts.signals if signal.type == kind]
        if part == "count":
            return float(len(of_kind))
        return max((getattr(signal, part) for signal in of_kind), default=None)

    def says(value: float, _facts: Facts) -> str:
        words = f"shows the signal {label.lower()}" if value or part != "count" else f"shows no signal {label.lower()}"
        return words if part == "count" else f"{words} ({part} {value:.2g})"

    return Field(
        name=f"signal.{kind}.{part}",
        label=f"Signal: {label.lower()}" + ("" if part == "strength" else f", {part}"),
        unit="signals" if part == "count" else "0 to 1",
        group="Signals",
        read=read,
        says=says,
        most=None if part == "count" else 1.0,
        whole=part == "count",
        may_be_unknown=part != "count",
    )


_TO_DO = {
    Intent.LIKELY_TO_SELL: "to sell",
    Intent.LIKELY_TO_BUY: "to buy",
    Intent.REFINANCE_OPPORTUNITY: "to refinance",
    Intent.INVESTMENT_INTEREST: "to invest",
}


def _score_fields() -> list[Field]:
    return [_score(intent, part) for intent in Intent for part in ("probability", "confidence", "lift")]


def _score(intent: Intent, part: str) -> Field:
    doing = _TO_DO[intent]

    def read(facts: Facts) -> float | None:
        scored = facts.scores.get(intent)
        return None if scored is None else float(getattr(scored, part))

    def says(value: float, _facts: Facts) -> str:
        if part == "lift":
            return f"is {value:.1f} times as likely {doing} as the usual contact"
        return (
            f"is {value:.0%} likely {doing}"
            if part == "probability"
            else f"seems {doing.replace('to ', 'about to ')} (confidence {value:.0%})"
        )

    return Field(
        name=f"score.{intent}.{part}",
        label=f"Score {doing}: {part}",
        unit="times the usual" if part == "lift" else "0 to 1",
        group="Scores",
        read=read,
        says=says,
        most=None if part == "lift" else 1.0,
        may_be_unknown=True,
    )


def _people_fields() -> list[Field]:
    def total(part: str) -> Reader:
        def read(facts: Facts) -> float | None:
            values = [value for home in facts.history.homes if (value := getattr(home, part)) is not None]
            return float(sum(values)) if values else None

        return read

    return [
        Field(
            name="contact.days_known",
            label="Days known",
            unit="days",
            group="Behaviour and home",
            read=lambda facts: float(facts.history.known_days(histories.today(facts.now))),
            says=lambda value, _facts: f"has been known for {value:.0f} days",
            most=float(REACH_DAYS),
            whole=True,
        ),
        Field(
            name="property.estimated_value",
            label="Value of the homes",
            unit="USD",
            group="Behaviour and home",
            read=total("estimated_value"),
            says=lambda value, _facts: f"owns homes worth about ${value:,.0f}",
            may_be_unknown=True,
        ),
        Field(
            name="property.mortgage_balance",
            label="Mortgage balance",
            unit="USD",
            group="Behaviour and home",
            read=total("mortgage_balance"),
            says=lambda value, _facts: f"owes about ${value:,.0f}",
            may_be_unknown=True,
        ),
    ]


_OWN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.: -]*")
_OWN_LABELS = {
    "count": ("“{name}” in {days} days", "times"),
    "share": ("Share of “{name}” in {days} days", "share"),
    "recency": ("Days since “{name}”", "days"),
    "events": ("Everything done in {days} days", "times"),
    "days_active": ("Active days in {days} days", "days"),
    "hour_mean": ("Mean hour (UTC) in {days} days", "hour"),
    "gap_mean": ("Mean days between visits in {days} days", "days"),
    "gap_last": ("Days between the last two visits", "days"),
    "sessions": ("Sessions in {days} days", "times"),
    "minutes": ("Minutes a session in {days} days", "minutes"),
    "first_seen_days": ("Days since first known", "days"),
}
_COUNTED = ("count", "events", "days_active", "sessions")
_OF_AN_EVENT = ("count", "share", "recency")


class _Named(NamedTuple):
    """An event that carries a name and nothing else, to ask the history what it counts as."""

    event_name: str
    event_type: str = EventType.BUTTON_CLICK
    properties: Mapping[str, Any] = MappingProxyType({})


def count_name(event: str, days: int) -> str:
    """The name of the field that counts this event over so many days."""
    return f"count:{history_name(event)}:{days}d"


def history_name(event: str) -> str:
    """An event name as it is counted."""
    return histories.normal(event)


def parts_of_count(name: str) -> tuple[str, int] | None:
    """(event name, days) of a count's field; None for any other field."""
    what, _, rest = name.partition(":")
    event, _, days = rest.rpartition(":")
    return (event, int(days[:-1])) if what == "count" and event and days[:-1].isdecimal() else None


def _own(name: str) -> Field:
    """A field over what any team's events have (core.scoring.generic)."""
    if not _OWN.fullmatch(name):
        raise Refused("an event name has letters, digits, spaces, dots, dashes and underscores")
    try:
        parsed = generic.parse(name)
    except Invalid as error:
        raise Refused(error.detail.removeprefix(f"{name}: ").removeprefix(f"{name} ")) from error
    if parsed.kind and parsed.kind not in (counts := histories.kinds(_Named(name.split(":")[1]))):  # type: ignore[arg-type]
        instead = f"; use {parsed.what}:{counts[0]}:{parsed.days}d" if counts and parsed.what != "recency" else ""
        raise Refused(f"events of this name are not counted by it{instead}")
    spoken = histories.normal(name.split(":")[1]).replace("_", " ") if parsed.what in _OF_AN_EVENT else ""
    label, unit = _OWN_LABELS[parsed.what]
    label = label.format(name=spoken, days=parsed.days)

    def read(facts: Facts) -> float | None:
        (x,) = generic.values(facts.history, [name], now=facts.now)
        return None if x != x else float(x)

    return Field(
        name=name,
        label=label,
        unit=unit,
        group="Own events",
        read=read,
        says=partial(_said, parsed.what, spoken, parsed.days, label, unit),
        most=1.0 if unit == "share" else 23.0 if unit == "hour" else None,
        whole=parsed.what in (*_COUNTED, "recency", "first_seen_days"),
        may_be_unknown=parsed.what not in _COUNTED,
    )


def _said(what: str, name: str, days: int, label: str, unit: str, value: float, _facts: Facts) -> str:
    if what == "count" and value <= 0:
        return f"has not done “{name}” in {days} days"
    if what == "count":
        times = "once" if value == 1 else "twice" if value == 2 else f"{value:.0f} times"
        return f"did “{name}” {times} in {days} days"
    if what == "recency":
        return f"did “{name}” today" if value == 0 else f"last did “{name}” {value:.0f} days ago"
    lowered = label[0].lower() + label[1:]
    return f"{lowered}: {value:.0%}" if unit == "share" else f"{lowered}: {value:.1f}".removesuffix(".0")
