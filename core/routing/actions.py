"""The five actions of a rule, checked when it is saved and compiled to what the choosing needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.routing import fields
from core.routing.fields import Facts
from core.routing.values import check_value, refusal

_MOST_PARAMS = 20
OWN_TERRITORY = "${alert.territory}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a rule's action asks for, templates filled in: who may be chosen, or who is to be told."""

    kind: str
    agent_ids: tuple[str, ...] = ()
    territory: str | None = None
    skills: tuple[tuple[str, int], ...] = ()
    """(skill, least level), all wanted."""
    user_ids: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    kind: str
    params: Mapping[str, Any]
    wish: Callable[[Facts], Wish] = field(compare=False)


def compile_action(raw: object, *, at: str) -> Action:
    """Read and compile {type, params}.

    Raises:
        Invalid: naming the wrong part.
    """
    if not isinstance(raw, Mapping):
        raise refusal(at, "an action is {type, params}")
    if unknown := sorted(set(raw) - {"type", "params"}, key=str):
        raise refusal(f"{at}.{unknown[0]}", "an action has type and params")
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in _COMPILERS:
        raise refusal(f"{at}.type", f"use one of {', '.join(_COMPILERS)}")
    params = raw.get("params") or {}
    if not isinstance(params, Mapping) or len(params) > _MOST_PARAMS:
        raise refusal(f"{at}.params", f"give an object with at most {_MOST_PARAMS} values")
    for name, value in params.items():
        if not isinstance(name, str):
            raise refusal(f"{at}.params", "names are text")
        check_value(value, at=f"{at}.params.{name}")
    return Action(kind=kind, params=dict(params), wish=_COMPILERS[kind](params, f"{at}.params"))


def _assign_to_agent(params: Mapping[str, Any], at: str) -> Callable[[Facts], Wish]:
    name = "agentId" if "agentId" in params else "agentIds"
    value = params.get(name)
    if not isinstance(value, str | list) or not value:
        raise refusal(f"{at}.agentId", "name the agent, or a template such as ${metadata.previousAgentId}")
    read = _texts(value, f"{at}.{name}")
    return lambda facts: Wish(kind="assign_to_agent", agent_ids=read(facts))


def _assign_to_territory(params: Mapping[str, Any], at: str) -> Callable[[Facts], Wish]:
    value = params.get("territory", OWN_TERRITORY)
    if not isinstance(value, str) or not value:
        raise refusal(f"{at}.territory", "name one territory, or leave it out for the alert's own")
    read = _texts(value, f"{at}.territory")

    def wish(facts: Facts) -> Wish:
        found = read(facts)
        return Wish(kind="assign_to_territory", territory=found[0] if found else None)

    return wish


def _assign_by_skill(params: Mapping[str, Any], at: str) -> Callable[[Facts], Wish]:
    value = params.get("requiredSkills", params.get("skills", []))
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(skill, str) and skill for skill in value):
        raise refusal(f"{at}.requiredSkills", "give a list of skills; the empty one asks for none")
    level = params.get("minLevel", 1)
    if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
        raise refusal(f"{at}.minLevel", "a level is 1 to 5")
    territory = params.get("territory")
    if territory is not None and not isinstance(territory, str):
        raise refusal(f"{at}.territory", "name one territory")
    skills = _texts(value, f"{at}.requiredSkills")
    place = _texts(territory, f"{at}.territory") if territory else None

    def wish(facts: Facts) -> Wish:
        where = place(facts) if place else ()
        return Wish(
            kind="assign_by_skill",
            skills=tuple((skill, level) for skill in skills(facts)),
            territory=where[0] if where else None,
        )

    return wish


def _escalate(params: Mapping[str, Any], at: str) -> Callable[[Facts], Wish]:
    return lambda facts: Wish(kind="escalate", roles=("manager",))


def _notify(params: Mapping[str, Any], at: str) -> Callable[[Facts], Wish]:
    readers = []
    for name in ("userId", "userIds", "agentId", "agentIds"):
        if name in params:
            if not isinstance(params[name], str | list) or not params[name]:
                raise refusal(f"{at}.{name}", "name at least one user")
            readers.append(_texts(params[name], f"{at}.{name}"))
    roles = params.get("roles", [params["role"]] if "role" in params else [])
    if not isinstance(roles, list) or not set(map(str, roles)) <= {"manager", "admin"}:
        raise refusal(f"{at}.roles", "use manager or admin")
    if not readers and not roles:
        raise refusal(f"{at}.userIds", "say who is told: userIds, or roles with manager or admin")
    told = tuple(roles)

    def wish(facts: Facts) -> Wish:
        users = tuple(dict.fromkeys(user for read in readers for user in read(facts)))
        return Wish(kind="notify", user_ids=users, roles=told)

    return wish


_COMPILERS: dict[str, Callable[[Mapping[str, Any], str], Callable[[Facts], Wish]]] = {
    "assign_to_agent": _assign_to_agent,
    "assign_to_territory": _assign_to_territory,
    "assign_by_skill": _assign_by_skill,
    "escalate": _escalate,
    "notify": _notify,
}
KINDS = tuple(_COMPILERS)


def _texts(value: str | list[Any], at: str) -> Callable[[Facts], tuple[str, ...]]:
    """A closure giving the texts a value names; a template may give one, a list of them, or nothing."""
    fill = fields.template(value, field=at)
    if fill is None:
        fixed = tuple(_flat(value))
        return lambda facts: fixed
    filled = fill
    return lambda facts: tuple(_flat(filled(facts)))


def _flat(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for item in value for text in _flat(item)]
    return [value] if isinstance(value, str) and value else []
