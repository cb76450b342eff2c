"""Escalation in words: waits, steps, whom a policy is for, and where an alert stands."""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby

from app.ui import words
from core.escalation import Standing
from core.escalation.policy import COVER, EVERYONE, MANAGER, NEXT, OTHER_CHANNEL, REMIND, WEBHOOK, Policy, Step, Wait
from core.words import Priority

UNITS = {
    "minutes": ("minute", "minutes"),
    "hours": ("hour", "hours"),
    "workingHours": ("working hour", "working hours"),
    "workingDays": ("working day", "working days"),
}
DEEDS = {
    REMIND: "Remind the owner",
    OTHER_CHANNEL: "Tell the owner by another channel",
    COVER: "Give it to whoever stands in for the owner",
    NEXT: "Give it to the next agent",
    MANAGER: "Tell the manager",
    EVERYONE: "Tell everybody on duty in the team",
    WEBHOOK: "Tell another system",
}
_DONE = {
    REMIND: "{told} was reminded",
    OTHER_CHANNEL: "{told} was told by another channel",
    COVER: "went to {agent}, who stands in",
    NEXT: "went to {agent}",
    MANAGER: "{told} was told",
    EVERYONE: "{told} were told",
    WEBHOOK: "{endpoint} was told",
}
_STATES = {
    "running": "Its clock runs.",
    "paused": "Its clock stands still while it is snoozed.",
    "waiting": "Its clock starts when the owner has been told and is on duty.",
    "answered": "Its owner has answered: the clock is stopped.",
    "ended": "Every step has been done; the owner keeps it.",
    "in_pool": "It is in the pool: nobody owns it, and no clock runs.",
    "closed": "It is closed.",
}


def wait(one: Wait) -> str:
    """5 minutes."""
    return f"{one.number:g} {UNITS[one.unit][one.number != 1]}"


def steps(policy: Policy, names: Mapping[str, str]) -> list[str]:
    """One line a step; what repeats is one: "After 5 minutes, 4 times: give it to the next agent"."""
    lines = []
    for step, same in groupby(policy.steps):
        times = len(list(same))
        again = f", {times} times" if times > 1 else ""
        lines.append(f"After {wait(step.after)}{again}: {_deed(step, names)}")
    return lines


def _deed(step: Step, names: Mapping[str, str]) -> str:
    if step.endpoint_id:
        return f"tell {names.get(step.endpoint_id, 'another system')}"
    said = DEEDS[step.deed][0].lower() + DEEDS[step.deed][1:]
    return f"{said}, else to {names.get(step.agent_id, step.agent_id)}" if step.agent_id else said


def reach(policy: Policy, teams: Mapping[str, str]) -> str:
    """Whom it is for."""
    priorities = words.listed([words.PRIORITY[Priority(one)] for one in policy.priorities]) or "All priorities"
    types = words.listed([words.type_words(one) for one in policy.alert_types]) or "all types"
    team = teams.get(policy.team_id, policy.team_id) if policy.team_id else "every team"
    return f"{priorities} · {types} · {team}"


def rest(policy: Policy, names: Mapping[str, str]) -> list[str]:
    """What else it says."""
    found = []
    if policy.repeat:
        found.append(f"Then it begins again, {words.plural(policy.repeat, 'time')}.")
    if policy.ack_timeout:
        found.append(f"Acknowledged and nothing done for {wait(policy.ack_timeout)}: it goes on.")
    if policy.on_call:
        found.append(
            f"On call when nobody is on duty: {words.listed([names.get(one, one) for one in policy.on_call])}."
        )
    return found


def standing(found: Standing, timezone: str, *, now: datetime) -> list[str]:
    """Where an alert stands, as lines."""
    lines = []
    for one in found.done:
        # Where the other system could not be told, somebody was.
        form = _DONE[MANAGER] if one.deed == WEBHOOK and one.told else _DONE.get(one.deed, "")
        said = form.format(
            told=words.listed(list(one.told)) or "nobody",
            agent=one.agent or "nobody",
            endpoint=one.endpoint or "another system",
        )
        lines.append(f"{words.short(one.at, timezone, now=now)}: {said}")
    lines.append(_STATES[found.state])
    if found.next_step is not None:
        said = DEEDS[found.next_step.deed].lower()
        at = (
            f"{words.short(found.next_at, timezone, now=now)}" if found.next_at and found.state == "running" else "Then"
        )
        lines.append(f"{at}: {said}")
    return lines
