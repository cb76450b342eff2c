"""A small brokerage to look at: two teams, and who sees what of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.viewer import Viewer
from tests import factories as make


@dataclass(frozen=True, kw_only=True)
class Brokerage:
    """Ada is admin; Mia manages north (Ann, Bob), Max manages south (Cal)."""

    ada: Viewer
    mia: Viewer
    max: Viewer
    ann: Viewer
    bob: Viewer
    cal: Viewer

    @property
    def everybody(self) -> tuple[Viewer, ...]:
        return self.ada, self.mia, self.max, self.ann, self.bob, self.cal


def open_brokerage(session: Session, *, timezone: str = "America/Chicago", now: datetime) -> Brokerage:
    make.admin(session, "ada", timezone=timezone, now=now)
    for team, boss in (("north", "mia"), ("south", "max")):
        make.team(session, team, now=now)
        make.manager(session, boss, of=[team], timezone=timezone, now=now)
    for agent, team in (("ann", "north"), ("bob", "north"), ("cal", "south")):
        make.agent(session, agent, team_id=team, timezone=timezone, now=now)
    session.flush()
    names = ("ada", "mia", "max", "ann", "bob", "cal")
    return Brokerage(**{name: make.viewer(session, name) for name in names})
