"""People who cannot be reached outside the app, are paused, or belong to a team without a head."""

from collections.abc import Iterator

from core.delivery import reachable
from core.preflight.finding import Finding, Severity, counted, listed, people, tab
from core.preflight.scope import Scope


def check(scope: Scope) -> Iterator[Finding]:
    yield from _reach(scope)
    yield from _paused(scope)
    yield from _teams(scope)


def _reach(scope: Scope) -> Iterator[Finding]:
    persons, channels = scope.facts.people, scope.facts.channels
    here = scope.members & scope.coverage.regular
    unreached = frozenset(
        agent.position
        for agent in scope.agents(here)
        if agent.id not in persons or not reachable(persons[agent.id].ways, channels)
    )
    if not unreached:
        return
    if unreached == here and not channels:
        text = "Nobody can be reached outside the app: neither e-mail nor another channel is set up."
        todo = "An admin sets DOORBELL_SMTP_URL and DOORBELL_MAIL_FROM; until then alerts are seen by who looks here."
        link = None
    else:
        text = f"{scope.named(unreached)} cannot be reached outside the app: no confirmed address of theirs fits a channel that is set up."
        todo = "Put their e-mail address right, or have them confirm a phone under Preferences."
        link = people(agent_id=next(iter(scope.ids(unreached)), ""), label="Their profile")
    yield Finding(
        id="unreachable",
        kind="unreachable",
        severity=Severity.SERIOUS,
        text=text,
        todo=todo,
        link=link,
        agent_ids=scope.ids(unreached) if channels else (),
        team_ids=scope.teams_of(unreached) if channels else (),
        causes=frozenset(scope.ids(unreached)) if channels else frozenset({"no channel"}),
        weight=float(len(unreached)),
    )


def _paused(scope: Scope) -> Iterator[Finding]:
    paused = frozenset(
        agent.position for agent in scope.agents(scope.members) if agent.active and agent.paused is not None
    )
    if not paused:
        return
    agents = scope.agents(paused)
    yield Finding(
        id="paused",
        kind="paused",
        severity=Severity.ATTENTION,
        text=(
            f"{scope.named(paused)} {'gets' if len(agents) == 1 else 'get'} nothing new, because messages or alerts "
            f"went unanswered{f': {agents[0].paused}' if len(agents) == 1 and agents[0].paused else '.'}"
        ),
        todo="Ask them to look in, or say on the profile that they are here.",
        link=people(agent_id=agents[0].id),
        agent_ids=scope.ids(paused),
        team_ids=scope.teams_of(paused),
        causes=frozenset(scope.ids(paused)),
        weight=float(len(paused)),
    )


def _teams(scope: Scope) -> Iterator[Finding]:
    directory, persons = scope.facts.house.directory, scope.facts.people
    link = tab("agents", "Teams", "Teams")
    for team in directory.teams.values():
        if not scope.sees_team(team.id):
            continue
        members = [directory.agents[one] for one in directory.in_team(team.id)]
        active = [agent for agent in members if agent.active]
        if not active:
            yield Finding(
                id=f"team-empty:{team.id}",
                kind="team_empty",
                severity=Severity.NOTE,
                text=f"{team.name} has no members.",
                todo="Put people into it, or delete it.",
                link=link,
                team_ids=(team.id,),
            )
            continue
        manager = persons.get(team.manager_id or "")
        if manager is None or not manager.active:
            lost = f"{manager.name}, who managed it, is no longer active" if manager else "nobody manages it"
            yield Finding(
                id=f"team-manager:{team.id}",
                kind="team_manager",
                severity=Severity.ATTENTION,
                text=f"{team.name} has no manager: {lost}. What nobody answers there is told to the administrators.",
                todo=f"Name a manager for its {counted(len(active), 'agent')}.",
                link=link,
                team_ids=(team.id,),
                weight=float(len(active)),
            )


def names_of(scope: Scope, user_ids: list[str]) -> str:
    """People by name; an id that nobody has any more stands for itself."""
    return listed([scope.facts.people[one].name if one in scope.facts.people else one for one in user_ids])
