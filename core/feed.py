"""Tell the change feed about alerts: payload and audience made from the rows as they now stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import changes, wire
from core.changes import Audience
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
    rows = session.execute(
        select(Alert, Contact, Agent.team_id)
        .join(Contact, Contact.id == Alert.contact_id)
        .outerjoin(Agent, Agent.id == Alert.assigned_agent_id)
        .where(Alert.id.in_(alert_ids))
        .execution_options(populate_existing=True)
    ).all()
    found = {row.Alert.id: row for row in rows}
    managers = _managers(session, {agent_id for agent_id in lost.values() if agent_id})
    for alert_id in alert_ids:
        row = found[alert_id]
        owner = row.Alert.assigned_agent_id
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
        changes.tell(
            session, kind, subject_id=alert_id, audience=audience, payload=wire.alert(row.Alert, row.Contact), now=now
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
