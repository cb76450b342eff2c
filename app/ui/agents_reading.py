"""What the Agents page reads: people on duty or not, one profile, and the house around them."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.ui import queries
from core.routing import holidays, profiles, teams, territories, time_off
from core.routing.directory import Directory
from core.viewer import Viewer
from core.views import people
from core.views.agents import TeamRow, list_teams
from core.views.people import PersonRow
from core.words import Role


def directory() -> Directory:
    """The house as routing sees it."""
    return queries.routing_state().house.directory


def list_people(viewer: Viewer) -> tuple[PersonRow, ...]:
    house = directory()
    with queries.reading() as session:
        return people.list_people(session, viewer, house, now=queries.now())


def profile(agent_id: str) -> profiles.Profile:
    """Raises NotFound."""
    with queries.reading() as session:
        return profiles.get(session, agent_id)


def times_off(viewer: Viewer, agent_id: str) -> list[time_off.Off]:
    with queries.reading() as session:
        return time_off.list_time_off(session, viewer, agent_id=agent_id)


def list_holidays(viewer: Viewer) -> list[holidays.StoredHoliday]:
    with queries.reading() as session:
        return holidays.list_holidays(session, viewer)


@dataclass(frozen=True, kw_only=True)
class Places:
    rows: list[territories.StoredTerritory]
    covered: Mapping[str, int]
    """Territory -> how many agents cover it."""
    shared: list[str]
    """What two of them hold, though neither lies inside the other."""


def places() -> Places:
    with queries.reading() as session:
        return Places(
            rows=territories.list_territories(session),
            covered=territories.coverage(session),
            shared=[text for _, _, text in territories.shared(session)],
        )


def teams_of(viewer: Viewer) -> tuple[TeamRow, ...]:
    with queries.reading() as session:
        return list_teams(session, viewer)


def team(team_id: str) -> teams.StoredTeam:
    """Raises NotFound."""
    with queries.reading() as session:
        return teams.get(session, team_id)


def managers() -> dict[str, str]:
    """Who may manage a team: id to name."""
    with queries.reading() as session:
        return teams.managers(session)


def candidates() -> dict[str, str]:
    """Who may be in a team: id to name."""
    with queries.reading() as session:
        return teams.candidates(session)


def may_change(viewer: Viewer, team_id: str | None) -> bool:
    """Whether this viewer changes the whole profile of somebody in this team."""
    return viewer.role is Role.ADMIN or (viewer.role is Role.MANAGER and team_id in viewer.team_ids)
