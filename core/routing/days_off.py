"""Reading which local days are holidays for whom; writing them is core.routing.holidays."""

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Agent, Holiday

NONE: frozenset[date] = frozenset()


def covering(session: Session, agent_ids: Iterable[str]) -> dict[str, frozenset[date]]:
    """Agent -> the days on which they have a holiday; agents without any are left out."""
    wanted = sorted(set(agent_ids))
    days = by_team(session) if wanted else {}
    if not days:
        return {}
    rows = session.execute(select(Agent.id, Agent.team_id).where(Agent.id.in_(wanted)))
    found = {row.id: of_team(days, row.team_id) for row in rows}
    return {agent_id: theirs for agent_id, theirs in found.items() if theirs}


def by_team(session: Session) -> dict[str | None, frozenset[date]]:
    """Team -> its own days off; under None those of everybody."""
    found: dict[str | None, set[date]] = {}
    for team_id, day in session.execute(select(Holiday.team_id, Holiday.day)):
        found.setdefault(team_id, set()).add(day)
    return {team_id: frozenset(days) for team_id, days in found.items()}


def of_team(days: Mapping[str | None, frozenset[date]], team_id: str | None) -> frozenset[date]:
    """The days off of a member of this team."""
    everybody = days.get(None, NONE)
    own = days.get(team_id, NONE) if team_id else NONE
    return everybody | own if own else everybody
