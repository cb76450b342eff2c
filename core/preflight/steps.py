"""Escalation policies whose steps reach nobody, or others than they are meant to."""

from collections.abc import Iterator, Sequence

from core.escalation import policy
from core.escalation.policy import DEFAULTS, Policy
from core.preflight.finding import Finding, Severity, counted, listed, people, tab
from core.preflight.people import names_of
from core.preflight.scope import Scope
from core.words import Priority

_LINK = tab("rules", "When nobody answers", "When nobody answers")


def check(scope: Scope) -> Iterator[Finding]:
    enabled = [one for one in scope.facts.policies if one.enabled]
    broken = [one for one in scope.facts.policies if not one.enabled and not one.steps]
    for one in (*enabled, *broken):
        if scope.is_whole or one.team_id is None or scope.sees_team(one.team_id):
            yield from _of_policy(scope, one)
    if scope.is_whole:
        yield from _nobody_to_go_to(scope)
        yield from _without_hours(scope, [*enabled, *_defaults_in_use(enabled)])


def _of_policy(scope: Scope, one: Policy) -> Iterator[Finding]:
    persons, agents = scope.facts.people, scope.facts.house.directory.by_id

    def finding(kind: str, severity: Severity, text: str, todo: str, *causes: str) -> Finding:
        return Finding(
            id=f"{kind}:{one.id}",
            kind=kind,
            severity=severity,
            text=f"“{one.name}”: {text}",
            todo=todo,
            link=_LINK,
            team_ids=(one.team_id,) if one.team_id else (),
            causes=frozenset(causes or (kind,)),
            weight=float(len(one.steps)),
        )

    if not one.steps and not one.enabled:
        text = "it no longer reads, so it is left out and its alerts go by another policy."
        yield finding("policy_unreadable", Severity.SERIOUS, text, "Write its steps anew, or delete it.")
        return
    if not one.steps:
        yield finding(
            "policy_empty",
            Severity.SERIOUS,
            "it has no steps, so nobody is told of what nobody answers.",
            "Add a step.",
        )
        return
    gone = sorted({step.agent_id for step in one.steps if step.agent_id and not _is_here(scope, step.agent_id)})
    if gone:
        text = f"{names_of(scope, gone)}, who is to stand in, {'is' if len(gone) == 1 else 'are'} no longer there."
        yield finding("policy_cover", Severity.ATTENTION, text, "Name somebody else in that step; till then it goes on to the next by routing.", *gone)  # fmt: skip
    silent = sorted({step.endpoint_id for step in one.steps if step.endpoint_id} - scope.facts.systems)
    if silent:
        text = "a system that a step tells is gone or switched off, so that step tells the manager instead."
        yield finding("policy_system", Severity.ATTENTION, text, "Switch it on again, or name another.", *silent)
    inactive = [user_id for user_id in one.on_call if user_id not in persons or not persons[user_id].active]
    if inactive:
        everybody = len(inactive) == len(one.on_call)
        text = f"{names_of(scope, inactive)}, on call, {'is' if len(inactive) == 1 else 'are'} no longer active"
        text += ": nobody is on call." if everybody else "."
        severity = Severity.SERIOUS if everybody else Severity.ATTENTION
        yield finding("policy_on_call", severity, text, "Name somebody who is there.", *inactive)
    if any(step.deed == policy.MANAGER for step in one.steps):
        headless = [team_id for team_id in _reach(scope, one) if not _has_manager(scope, team_id)]
        names = [scope.facts.house.directory.teams[team_id].name for team_id in headless]
        admins = any(person.is_admin for person in persons.values())
        if headless and not admins:
            text = f"its step to the manager reaches nobody in {listed(names)}: there is neither a manager nor an administrator."
            yield finding("policy_manager", Severity.SERIOUS, text, "Name a manager.", *headless)
        elif headless and one.team_id is not None:  # of a policy for every team it is said once, of the team
            text = f"{listed(names)} has no manager, so that step tells the administrators."
            yield finding("policy_manager", Severity.ATTENTION, text, "Name a manager.", *headless)
    if not any(step.deed in policy.HANDS_OVER or step.deed in (policy.MANAGER, policy.EVERYONE) for step in one.steps):
        text = "only the owner is ever told: nobody else hears of an alert that nobody answers."
        yield finding(
            "policy_owner_only", Severity.ATTENTION, text, "Add a step that hands it on or tells the manager."
        )
    alone = [team_id for team_id in _reach(scope, one) if _members(scope, team_id) == 1]
    if one.team_id in alone and any(step.deed == policy.EVERYONE for step in one.steps) and agents:
        text = "its step to everybody of the team tells only the owner: the team has one agent."
        yield finding("policy_alone", Severity.NOTE, text, "Add a step to the manager, or somebody to the team.")


def _nobody_to_go_to(scope: Scope) -> Iterator[Finding]:
    """The defaults hand an alert to four others: a house of one agent has none."""
    here = scope.coverage.regular
    if len(here) != 1:
        return
    (alone,) = scope.agents(here)
    team = scope.facts.house.directory.teams.get(alone.team_id or "")
    manager = team is not None and _has_manager(scope, team.id)
    told = "its manager is" if manager else "the administrators are"
    admins = any(person.is_admin for person in scope.facts.people.values())
    nobody = not manager and not admins
    yield Finding(
        id="escalation-alone",
        kind="escalation_alone",
        severity=Severity.SERIOUS if nobody else Severity.ATTENTION,
        text=(
            f"{alone.name} is the only agent: what {alone.name} does not answer has nobody to go on to, and "
            + ("nobody is told." if nobody else f"{told} told instead.")
        ),
        todo="Let somebody else take alerts too, or name a manager who looks.",
        link=tab("agents", "Teams", "Teams"),
        agent_ids=(alone.id,),
        causes=frozenset({alone.id}),
    )


def _without_hours(scope: Scope, policies: Sequence[Policy]) -> Iterator[Finding]:
    """Working time of who has no hours set is all the time: the clock runs at night."""
    if not any(step.after.is_working for one in policies for step in one.steps):
        return
    without = [agent for agent in scope.agents(scope.coverage.regular) if not agent.week]
    if not without:
        return
    yield Finding(
        id="escalation-hours",
        kind="escalation_hours",
        severity=Severity.NOTE,
        text=(
            f"{counted(len(without), 'agent')} {'has' if len(without) == 1 else 'have'} no working hours: they count as "
            "there at any hour, and working time runs for them at night too."
        ),
        todo="Set their hours, if they do not mean to answer at night.",
        link=people(agent_id=without[0].id, label="Hours"),
        agent_ids=tuple(agent.id for agent in without),
    )


def _defaults_in_use(policies: Sequence[Policy]) -> list[Policy]:
    """The defaults of priorities for which no policy of every team and type stands."""
    general = [one for one in policies if one.team_id is None and not one.alert_types]
    return [
        DEFAULTS[priority]
        for priority in Priority
        if not any(not one.priorities or priority in one.priorities for one in general)
    ]


def _is_here(scope: Scope, agent_id: str) -> bool:
    agent = scope.facts.house.directory.by_id.get(agent_id)
    return agent is not None and agent.active


def _reach(scope: Scope, one: Policy) -> list[str]:
    """The teams with members whose alerts it may be for."""
    teams = scope.facts.house.directory.teams
    wanted = teams if one.team_id is None else [one.team_id] if one.team_id in teams else []
    return [team_id for team_id in wanted if scope.sees_team(team_id) and _members(scope, team_id)]


def _members(scope: Scope, team_id: str) -> int:
    return len(frozenset(scope.facts.house.directory.in_team(team_id)) & scope.coverage.regular)


def _has_manager(scope: Scope, team_id: str) -> bool:
    manager = scope.facts.people.get(scope.facts.house.directory.teams[team_id].manager_id or "")
    return manager is not None and manager.active
