"""The policy in shadow: what it would have done with each alert, from the very loads the real decision saw; moves nothing.

Costs nothing where no policy is in shadow: whether one is, is read once for each version of the house.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import log
from core.db.base import table_of
from core.db.tables import Agent, Alert, Contact, Decision, Policy, User
from core.errors import Invalid
from core.routing import policy_content
from core.routing.capacity import Load
from core.routing.choosing import Choice, choose
from core.routing.policies import SHADOW, StoredPolicy
from core.routing.queues import Queues
from core.routing.roster import Roster, roster
from core.routing.state import House, State
from core.routing.strategy import Case
from core.viewer import Viewer, alert_scope
from core.words import Role

MOST_DECISIONS = 50_000
MOST_EXAMPLES = 20
_log = log.get(__name__)


class Shadow:
    """One policy in shadow, ready to choose."""

    def __init__(self, policy_id: str, house: House) -> None:
        self.policy_id, self.house = policy_id, house
        self._roster: Roster | None = None

    def roster(self, now: datetime) -> Roster:
        kept = self._roster
        if kept is None or not kept.since <= now < kept.until:
            kept = self._roster = roster(self.house.directory, now)
        return kept


def of(session: Session, state: State) -> Shadow | None:
    """The policy in shadow beside the state's house."""
    if state.shadow is None or state.shadow[0] is not state.house:
        state.shadow = (state.house, _read(session, state.house))
    return state.shadow[1]


def _read(session: Session, house: House) -> Shadow | None:
    row = session.execute(select(Policy.id, Policy.content).where(Policy.status == SHADOW)).one_or_none()
    if row is None:
        return None
    try:
        return Shadow(row.id, policy_content.as_house(house, row.content))
    except Invalid:
        _log.exception("shadow_unreadable", policy_id=row.id)  # it must not stop anybody's alert
        return None


class Beside:
    """The shadow of one batch."""

    def __init__(
        self,
        shadow: Shadow,
        loads: Mapping[str, Load],
        *,
        trigger: str,
        at_most: Mapping[str, int] | None,
        now: datetime,
    ) -> None:
        self.shadow, self.trigger = shadow, trigger
        self.queues = Queues(shadow.house.directory, shadow.roster(now), loads, at_most=at_most)

    def note(self, case: Case, *, exclude: frozenset[int], seed: int | None) -> dict[str, Any]:
        """What it would do with this alert now."""
        house = self.shadow.house
        case = replace(case, units=house.units.of(case.priority, case.alert_type))
        choice = choose(case, house=house, queues=self.queues, trigger=self.trigger, exclude=exclude, seed=seed)
        return {
            "policyId": self.shadow.policy_id,
            "agentId": house.directory.agents[choice.position].id if choice.position is not None else None,
            "strategy": choice.strategy,
            "rule": choice.rule.name if choice.rule else None,
            "overflow": choice.overflow,
            "reason": choice.reason,
        }

    def follow(self, case: Case, choice: Choice) -> None:
        """The real decision stands: the loads are the real ones."""
        assert choice.position is not None
        self.queues.hand(choice.position, case.units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One agent over the days of a shadow."""

    agent_id: str
    name: str
    real: int
    """Alerts they got."""
    shadow: int
    """Alerts they would have got."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    alert_id: str
    contact: str
    alert_type: str
    priority: str
    decided_at: datetime
    agent: str | None
    """Who got it; None: nobody."""
    instead: str | None
    """Who would have."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """How a policy compared while it was in shadow."""

    since: datetime | None
    decisions: int
    agreed: int
    capped: bool
    """Only the newest decisions were looked at."""
    agents: tuple[Moved, ...]
    """Of this viewer's agents, the largest difference first."""
    examples: tuple[Example, ...]
    """The newest decisions in which they differ."""


def comparison(session: Session, policy: StoredPolicy, viewer: Viewer) -> Seen:
    """What was noted of this policy since it went into shadow, over alerts this viewer may see."""
    table = table_of(Decision).c
    rows = session.execute(
        select(
            table.alert_id,
            table.agent_id,
            table.decided_at,
            table.shadow,
            Alert.alert_type,
            Alert.priority,
            Contact.name,
            Contact.id.label("contact_id"),
        )
        .join(Alert, Alert.id == table.alert_id)
        .join(Contact, Contact.id == Alert.contact_id)
        .where(table.shadow.is_not(None), alert_scope(viewer))
        .where(table.decided_at >= policy.shadowed_at if policy.shadowed_at else table.shadow.is_not(None))
        .order_by(table.decided_at.desc(), table.id.desc())
        .limit(MOST_DECISIONS)
    ).all()
    noted = [row for row in rows if row.shadow["policyId"] == policy.id]
    real, instead = Counter(row.agent_id for row in noted), Counter(row.shadow["agentId"] for row in noted)
    people = {row.id: row for row in session.execute(select(User.id, User.name))}
    teams = _teams(session)
    shown = [
        Moved(agent_id=one, name=people[one].name, real=real[one], shadow=instead[one])
        for one in sorted({*real, *instead} - {None})
        if one in people and (viewer.role is Role.ADMIN or teams.get(one) in viewer.team_ids)
    ]
    others = [row for row in noted if row.agent_id != row.shadow["agentId"]]
    return Seen(
        since=policy.shadowed_at,
        decisions=len(noted),
        agreed=len(noted) - len(others),
        capped=len(rows) == MOST_DECISIONS,
        agents=tuple(sorted(shown, key=lambda one: (-abs(one.shadow - one.real), one.name))),
        examples=tuple(
            Example(
                alert_id=row.alert_id,
                contact=row.name or row.contact_id,
                alert_type=row.alert_type,
                priority=row.priority,
                decided_at=row.decided_at,
                agent=people[row.agent_id].name if row.agent_id in people else None,
                instead=people[row.shadow["agentId"]].name if row.shadow["agentId"] in people else None,
                why=row.shadow["reason"],
            )
            for row in others[:MOST_EXAMPLES]
        ),
    )


def _teams(session: Session) -> dict[str, str | None]:
    return dict(session.execute(select(Agent.id, Agent.team_id)).all())
