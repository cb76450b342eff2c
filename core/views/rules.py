"""The rules as their page lists them: in the order they are tried, what each caught lately, and the names rules are told with."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import signals
from core.db.tables import Agent, Alert, AlertType, Decision, Territory, User
from core.routing import doubts, rule_book, rule_words
from core.routing.doubts import Doubt
from core.routing.rule_book import StoredRule
from core.routing.rule_words import Names
from core.signals.posting import CATEGORIES as POSTED
from core.viewer import Viewer, alert_scope
from core.views.card import type_words
from core.words import Intent

DAYS = 30
MOST_TRACES = 2_000
"""Decisions whose traces are read for what rules did without giving the alert to anybody."""


@dataclass(frozen=True, kw_only=True)
class Caught:
    """What a rule did lately, by the decisions on alerts the viewer may see."""

    assigned: int = 0
    nobody_free: int = 0
    """It fitted, and found nobody."""
    told: int = 0
    """It fitted and only tells."""


@dataclass(frozen=True, kw_only=True)
class RuleRow:
    rule: StoredRule
    sentence: str
    caught: Caught
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What may be chosen in a rule: id -> name, in the order people look for them."""

    types: Mapping[str, str]
    territories: Mapping[str, str]
    agents: Mapping[str, str]
    users: Mapping[str, str]
    signals: Mapping[str, str]
    skills: tuple[str, ...]

    @property
    def names(self) -> Names:
        return Names(types=self.types, territories=self.territories, users=self.users, signals=self.signals)


def list_rules(session: Session, viewer: Viewer, *, names: Names, now: datetime) -> tuple[RuleRow, ...]:
    """All rules, in the order they are tried."""
    rules = rule_book.list_rules(session)
    odd = doubts.of_rules(session)
    caught = what_they_caught(session, viewer, now=now) if rules else {}
    return tuple(
        RuleRow(
            rule=rule,
            sentence=rule_words.sentence(rule_book.text(rule), names),
            caught=caught.get(rule.id, Caught()),
            doubts=tuple(odd.get(rule.id, ())),
        )
        for rule in rules
    )


def what_they_caught(session: Session, viewer: Viewer, *, now: datetime) -> dict[str, Caught]:
    """Rule id -> what it did in the last 30 days; telling and finding nobody are read from the newest decisions' traces."""
    lately = (Decision.decided_at > now - timedelta(days=DAYS), alert_scope(viewer))
    counted = session.execute(
        select(Decision.rule_id, func.count())
        .join(Alert, Alert.id == Decision.alert_id)
        .where(*lately)
        .group_by(Decision.rule_id)
    )
    assigned = Counter({rule_id: number for rule_id, number in counted if rule_id})
    traces = session.scalars(
        select(Decision.trace)
        .join(Alert, Alert.id == Decision.alert_id)
        .where(*lately)
        .order_by(Decision.decided_at.desc())
        .limit(MOST_TRACES)
    )
    others: dict[str, Counter[str]] = {"nobody_free": Counter(), "notified": Counter()}
    for trace in traces:
        for one in trace.get("rules", ()):
            if one.get("outcome") in others:
                others[one["outcome"]][one["id"]] += 1
    return {
        rule_id: Caught(
            assigned=assigned[rule_id],
            nobody_free=others["nobody_free"][rule_id],
            told=others["notified"][rule_id],
        )
        for rule_id in {*assigned, *others["nobody_free"], *others["notified"]}
    }


def choices(session: Session) -> Choices:
    """Everything a rule may name, as it is now."""
    agents = session.execute(
        select(Agent.id, User.name, Agent.skills)
        .join(User, User.id == Agent.id)
        .where(User.active)
        .order_by(User.name, Agent.id)
    ).all()
    own = session.execute(select(AlertType.id, AlertType.name).order_by(AlertType.name))
    return Choices(
        types={intent: type_words(intent) for intent in Intent} | _named(own),
        territories=_named(session.execute(select(Territory.id, Territory.name).order_by(Territory.name))),
        agents={row.id: row.name for row in agents},
        users=_named(session.execute(select(User.id, User.name).order_by(User.name))),
        signals={one.type: one.label for one in signals.definitions()}
        | {kind: kind.replace("_", " ").capitalize() for kind in POSTED},
        skills=tuple(sorted({skill for row in agents for skill in row.skills or {}}, key=str.casefold)),
    )


def _named(rows: Any) -> dict[str, str]:
    return {row[0]: row[1] for row in rows}
