"""What happens when nobody acts in time, as values: steps, each so long after the one before, and what each does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.errors import Invalid
from core.words import Priority

REMIND, OTHER_CHANNEL, COVER, NEXT, MANAGER, EVERYONE, WEBHOOK = (
    "remind",
    "other_channel",
    "cover",
    "next",
    "manager",
    "everyone",
    "webhook",
)
DEEDS = (REMIND, OTHER_CHANNEL, COVER, NEXT, MANAGER, EVERYONE, WEBHOOK)
HANDS_OVER = frozenset({COVER, NEXT})
"""These give the alert to somebody else, whose own clock then begins."""
_PARAMS = {COVER: frozenset({"agentId"}), WEBHOOK: frozenset({"endpointId"})}
UNITS = ("minutes", "hours", "workingHours", "workingDays")
MOST_STEPS = 20
MOST_REPEATS = 10
_MOST_TEXT = 2_000
_LONGEST = {"minutes": 60 * 24 * 30, "hours": 24 * 30, "workingHours": 400, "workingDays": 60}
_FIELDS = {
    "name",
    "description",
    "teamId",
    "priorities",
    "alertTypes",
    "steps",
    "repeat",
    "ackTimeout",
    "onCall",
    "enabled",
}


@dataclass(frozen=True, slots=True)
class Wait:
    """A stretch of wall time, or of the owner's working time."""

    unit: str
    """One of UNITS."""
    number: float

    @property
    def is_working(self) -> bool:
        return self.unit in ("workingHours", "workingDays")

    @property
    def wall(self) -> timedelta:
        """Of minutes, hours and working hours; a working day is as long as the owner's."""
        return timedelta(minutes=self.number) if self.unit == "minutes" else timedelta(hours=self.number)

    def plain(self) -> dict[str, float]:
        return {self.unit: int(self.number) if self.number == int(self.number) else self.number}


@dataclass(frozen=True, slots=True)
class Step:
    after: Wait
    """Since the step before, or since the owner was first reached on duty."""
    deed: str
    """One of DEEDS."""
    agent_id: str | None = None
    """For `cover`: who it is where the owner has nobody standing in."""
    endpoint_id: str | None = None
    """For `webhook`: the other system that is told (core.delivery.endpoint_book)."""

    def plain(self) -> dict[str, Any]:
        params = {"agentId": self.agent_id} if self.agent_id else {}
        if self.endpoint_id:
            params["endpointId"] = self.endpoint_id
        return {"after": self.after.plain(), "do": self.deed, "params": params}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A checked policy. The defaults have ids that start with `default-` and version 0."""

    id: str
    name: str
    steps: tuple[Step, ...]
    description: str = ""
    team_id: str | None = None
    """None: every team's."""
    priorities: tuple[str, ...] = ()
    """Empty: all."""
    alert_types: tuple[str, ...] = ()
    """Empty: all."""
    repeat: int = 0
    """How often it begins again after its last step."""
    ack_timeout: Wait | None = None
    """Acknowledged and nothing done for so long: the clock runs on."""
    on_call: tuple[str, ...] = ()
    """Users who are told at once of an alert that finds nobody on duty."""
    enabled: bool = True
    version: int = 0

    @property
    def is_default(self) -> bool:
        return self.id.startswith("default-")

    def fits(self, *, team_id: str | None, priority: str, alert_type: str) -> bool:
        return (
            self.enabled
            and self.team_id in (None, team_id)
            and (not self.priorities or priority in self.priorities)
            and (not self.alert_types or alert_type in self.alert_types)
        )

    def rank(self) -> tuple[bool, bool, bool, str]:
        """The most specific first: of a team, of a type, of a priority."""
        return (self.team_id is None, not self.alert_types, not self.priorities, self.id)

    def step_at(self, done: int) -> Step | None:
        """The step after so many; None when the last repeat has ended."""
        if not self.steps or done >= len(self.steps) * (self.repeat + 1):
            return None
        return self.steps[done % len(self.steps)]

    def plain(self) -> dict[str, Any]:
        """As people write it."""
        return {
            "name": self.name,
            "description": self.description,
            "teamId": self.team_id,
            "priorities": list(self.priorities),
            "alertTypes": list(self.alert_types),
            "steps": [step.plain() for step in self.steps],
            "repeat": self.repeat,
            "ackTimeout": self.ack_timeout.plain() if self.ack_timeout else None,
            "onCall": list(self.on_call),
            "enabled": self.enabled,
        }


def _default(priority: Priority, wait: Wait) -> Policy:
    return Policy(
        id=f"default-{priority.lower()}",
        name=f"{priority.title()}: four others, then the manager",
        priorities=(priority,),
        steps=(*[Step(wait, NEXT)] * 4, Step(wait, MANAGER)),
    )


DEFAULTS: dict[str, Policy] = {
    Priority.CRITICAL: _default(Priority.CRITICAL, Wait("minutes", 5)),
    Priority.HIGH: _default(Priority.HIGH, Wait("minutes", 30)),
    Priority.MEDIUM: _default(Priority.MEDIUM, Wait("workingHours", 4)),
    Priority.LOW: _default(Priority.LOW, Wait("workingDays", 3)),
}
"""Where no policy of the house's own fits."""


def choose(policies: Sequence[Policy], *, team_id: str | None, priority: str, alert_type: str) -> Policy:
    """The most specific enabled policy that fits, else the default of the priority."""
    fitting = [one for one in policies if one.fits(team_id=team_id, priority=priority, alert_type=alert_type)]
    return min(fitting, key=Policy.rank) if fitting else DEFAULTS[priority]


def read(policy_id: str, raw: object, *, version: int = 0) -> Policy:
    """Check a policy as people write it; unknown fields are refused.

    Raises:
        Invalid: naming each wrong field.
    """
    if not isinstance(raw, Mapping):
        raise Invalid("The policy is not valid.", fields={"policy": "give an object"})
    wrong = {str(name): "there is no such field in a policy" for name in raw if name not in _FIELDS}
    name, description = raw.get("name"), raw.get("description") or ""
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= 120 or "\x00" in name:
        wrong["name"] = "give a name of 1 to 120 characters"
    if not isinstance(description, str) or len(description) > _MOST_TEXT or "\x00" in description:
        wrong["description"] = f"text of at most {_MOST_TEXT} characters"
    team_id = raw.get("teamId")
    if team_id is not None and not isinstance(team_id, str):
        wrong["teamId"] = "a team's id, or nothing for every team"
    lists = {part: _names(raw.get(part), part, wrong) for part in ("priorities", "alertTypes", "onCall")}
    if unknown := set(lists["priorities"]) - set(Priority):
        wrong["priorities"] = f"{min(unknown)} is none of {', '.join(Priority)}"
    repeat = raw.get("repeat", 0)
    if isinstance(repeat, bool) or not isinstance(repeat, int) or not 0 <= repeat <= MOST_REPEATS:
        wrong["repeat"] = f"a whole number, 0 to {MOST_REPEATS}"
    if not isinstance(raw.get("enabled", True), bool):
        wrong["enabled"] = "true or false"
    steps = _steps(raw.get("steps"), wrong)
    ack = raw.get("ackTimeout")
    ack_timeout = None if ack is None else _wait(ack, "ackTimeout", wrong)
    if wrong:
        raise Invalid("The policy is not valid.", fields=wrong)
    assert isinstance(name, str)
    return Policy(
        id=policy_id,
        name=name.strip(),
        description=description,
        team_id=team_id or None,
        priorities=lists["priorities"],
        alert_types=lists["alertTypes"],
        steps=steps,
        repeat=repeat,
        ack_timeout=ack_timeout,
        on_call=lists["onCall"],
        enabled=raw.get("enabled", True),
        version=version,
    )


def _names(value: object, at: str, wrong: dict[str, str]) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > 100 or not all(_is_name(one) for one in value):
        wrong[at] = "a list of at most 100 names"
        return ()
    return tuple(dict.fromkeys(value))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 64 and "\x00" not in value


def _steps(value: object, wrong: dict[str, str]) -> tuple[Step, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_STEPS:
        wrong["steps"] = f"a list of 1 to {MOST_STEPS} steps"
        return ()
    return tuple(step for number, raw in enumerate(value) if (step := _step(raw, f"steps.{number}", wrong)))


def _step(raw: object, at: str, wrong: dict[str, str]) -> Step | None:
    if not isinstance(raw, Mapping) or set(raw) - {"after", "do", "params"}:
        wrong[at] = 'a step is {"after": {"minutes": 5}, "do": "next", "params": {}}'
        return None
    wait = _wait(raw.get("after"), f"{at}.after", wrong)
    deed = raw.get("do")
    if deed not in DEEDS:
        wrong[f"{at}.do"] = f"one of {', '.join(DEEDS)}"
    params = raw.get("params") or {}
    allowed = _PARAMS.get(deed, frozenset()) if isinstance(deed, str) else frozenset()
    if not isinstance(params, Mapping) or set(params) - allowed or not all(_is_name(one) for one in params.values()):
        wrong[f"{at}.params"] = "cover takes an agentId, webhook an endpointId; the others take nothing"
        return None
    if deed == WEBHOOK and "endpointId" not in params:
        wrong[f"{at}.params"] = "name the endpoint that is told: endpointId"
        return None
    if wait is None or deed not in DEEDS:
        return None
    return Step(wait, str(deed), params.get("agentId"), params.get("endpointId"))


def _wait(raw: object, at: str, wrong: dict[str, str]) -> Wait | None:
    if not isinstance(raw, Mapping) or len(raw) != 1 or (unit := next(iter(raw))) not in UNITS:
        wrong[at] = f'one of {", ".join(UNITS)} with a number, such as {{"minutes": 5}}'
        return None
    number = raw[unit]
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= _LONGEST[unit]:
        wrong[at] = f"above 0, at most {_LONGEST[unit]} {unit}"
        return None
    return Wait(unit, float(number))
