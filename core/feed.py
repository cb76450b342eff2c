"""Tell the change feed about alerts: payload and audience made from the rows as they now stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from core import changes, wire
from core.changes import Audience
from core.db.base import table_of
from core.db.tables import Agent, Alert, Contact, Team
from core.words import ChangeKind


def tell_alerts(
    session: Session,
    kind: ChangeKind,
    alert_ids: Sequence[str],
    *,
    lost: Mapping[str, str | None] | None = None,
    now: datetime,
) -> None:
    """One change per alert, in the order given.

    Args:
        lost: alert id -> the agent who owned it until now, None for the pool. Those who cannot see it any more (that
            agent, the manager of the team it left, everybody who saw it in the pool) are told its id and nothing more.
    """
    lost = lost or {}
    session.flush()
    rows: Sequence[Any] = session.connection().execute(_statement(), {"ids": list(alert_ids)}).all()
    found = {row.id: row for row in rows}
    managers = _managers(session, {agent_id for agent_id in lost.values() if agent_id})
    for alert_id in alert_ids:
        row = found[alert_id]
        owner = row.assigned_agent_id
        losers: tuple[str, ...] = ()
        loser = lost.get(alert_id)
        if loser is not None and loser != owner:
            team_id, manager_id = managers.get(loser, (None, None))
            losers = (loser,)
            if manager_id and team_id != row.team_id:
                losers += (manager_id,)
        audience = Audience(
            agents=(owner,) if owner else (),
            teams=(row.team_id,) if row.team_id else (),
            pool=owner is None,
            lost=losers,
            was_pool=owner is not None and alert_id in lost and loser is None,
        )
        changes.tell(session, kind, subject_id=alert_id, audience=audience, payload=wire.alert(row, row), now=now)


@cache
def _statement() -> Select[Any]:
    """What goes over the wire of an alert and its contact, and the owner's team: without the explanations, which weigh most."""
    alert, contact, agent = table_of(Alert).c, table_of(Contact).c, table_of(Agent).c
    return (
        select(*(alert[name] for name in wire.OF_ALERT), *(contact[name] for name in wire.OF_CONTACT), agent.team_id)
        .join(Contact, contact.id == alert.contact_id)
        .outerjoin(Agent, agent.id == alert.assigned_agent_id)
        .where(alert.id.in_(bindparam("ids", expanding=True)))
    )


def _managers(session: Session, agent_ids: set[str]) -> dict[str, tuple[str | None, str | None]]:
    """Agent id -> (team id, that team's manager)."""
    if not agent_ids:
        return {}
    rows = session.execute(
        select(Agent.id, Agent.team_id, Team.manager_id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .where(Agent.id.in_(agent_ids))
    )
    return {row.id: (row.team_id, row.manager_id) for row in rows}
