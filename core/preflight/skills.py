"""What rules and strategies ask for and nobody has, or nobody has who is there; types of alert that nobody prefers."""

from collections.abc import Iterator

from core.preflight.areas import LEAST_HOURS, everybody
from core.preflight.coverage import hours
from core.preflight.finding import Finding, Severity, counted, listed, people, tab, why_away
from core.preflight.scope import Scope
from core.preflight.spans import minus

_BY_SKILL = "skill"


def check(scope: Scope) -> Iterator[Finding]:
    if not scope.coverage.regular:
        return
    for (skill, least), rules in sorted(_asked(scope).items()):
        yield from _of_skill(scope, skill, least, rules)
    if scope.is_whole:
        yield from _of_types(scope)


def _asked(scope: Scope) -> dict[tuple[str, int], list[str]]:
    """(skill, least level) -> the rules that ask for it. What a template fills in is not known beforehand."""
    found: dict[tuple[str, int], list[str]] = {}
    for rule in scope.facts.house.rules.rules:
        for action in rule.actions:
            if action.kind != "assign_by_skill":
                continue
            asked = action.params.get("requiredSkills", action.params.get("skills", []))
            for skill in [asked] if isinstance(asked, str) else asked:
                if "${" not in skill:
                    names = found.setdefault((skill, action.params.get("minLevel", 1)), [])
                    names += [rule.name] if rule.name not in names else []
    return found


def _of_skill(scope: Scope, skill: str, least: int, rules: list[str]) -> Iterator[Finding]:
    able = scope.facts.house.directory.able(((skill, least),)) & scope.coverage.regular
    asked = f"“{skill}”" + (f" at level {least} or more" if least > 1 else "")
    who = f"the {'rule' if len(rules) == 1 else 'rules'} {listed([f'“{name}”' for name in rules])}"
    if not able:
        if scope.is_whole:
            yield Finding(
                id=f"skill-nobody:{skill}:{least}"[:200],
                kind="skill_nobody",
                severity=Severity.SERIOUS,
                text=f"Nobody has the skill {asked} that {who} ask{'s' if len(rules) == 1 else ''} for.",
                todo="Add it to somebody's profile, or change the rule: it finds nobody.",
                link=tab("rules", "Rules", "The rules"),
                causes=frozenset({skill}),
                weight=5 + len(rules),
            )
        return
    if able.isdisjoint(scope.members):
        return
    house = scope.coverage.gaps(everybody(scope))
    missed = minus(scope.coverage.gaps(able).missed, house.missed)
    if hours(missed) < LEAST_HOURS:
        return
    zone = scope.coverage.zone
    days = sorted({begins.astimezone(zone).date() for begins, _ in missed})
    yield Finding(
        id=f"skill-away:{skill}:{least}"[:200],
        kind="skill_away",
        severity=Severity.ATTENTION,
        text=(
            f"On {counted(len(days), 'day')} nobody with the skill {asked} is there at times when somebody usually is: "
            f"{scope.named(able)} {'has' if len(able) == 1 else 'have'} it; {who} ask{'s' if len(rules) == 1 else ''} for it."
        ),
        todo="Name a cover who has it, or add it to one more profile.",
        link=people(agent_id=next(iter(scope.ids(able)), ""), label="Time off and cover"),
        spans=tuple(missed),
        agent_ids=scope.ids(able),
        team_ids=scope.teams_of(able),
        causes=why_away(scope.agents(able), missed),
        weight=hours(missed),
    )


def _of_types(scope: Scope) -> Iterator[Finding]:
    house = scope.facts.house
    agents = [house.directory.agents[one] for one in sorted(scope.coverage.regular)]
    unwanted = [name for kind, name in scope.facts.alert_types.items() if not any(one.prefers(kind) for one in agents)]
    if unwanted:
        yield Finding(
            id="types-unwanted",
            kind="type_unwanted",
            severity=Severity.ATTENTION,
            text=f"Nobody lists {listed(unwanted)} among the types they take: such alerts go to whoever has room.",
            todo="Add the type to a profile, or empty a list: the empty one takes everything.",
            link=people(label="Profiles"),
            causes=frozenset(unwanted),
            weight=float(len(unwanted)),
        )
    chains = [(house.default_strategy, *house.fallbacks)]
    chains += [(team.default_strategy, *team.fallbacks) for team in house.directory.teams.values()]
    if not any(_BY_SKILL in chain for chain in chains):
        return
    unknown = [name for kind, name in scope.facts.alert_types.items() if not any(one.level(kind) for one in agents)]
    if unknown:
        yield Finding(
            id="types-unknown",
            kind="type_unknown",
            severity=Severity.ATTENTION,
            text=f"Alerts are given by skill, and nobody has one for {listed(unknown)}.",
            todo="Add the skill to a profile, such as “seller” or the type's own name.",
            link=people(label="Profiles"),
            causes=frozenset(unknown),
            weight=float(len(unknown)),
        )
