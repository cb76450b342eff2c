"""Who answers for somebody on time off: their cover, or the cover's cover; pure, and safe against circles."""

from datetime import datetime

from core.routing.directory import Agent, Directory


def is_away(agent: Agent, now: datetime) -> bool:
    return any(starts <= now < ends for starts, ends, _ in agent.time_off)


def stand_in(directory: Directory, agent: Agent, now: datetime) -> Agent | None:
    """The agent themself while not away, else the first of the covers in turn who is not; None where nobody answers."""
    seen: set[str] = set()
    at: Agent | None = agent
    while at is not None and is_away(at, now):
        if at.id in seen:  # Ann covers for Bob, who covers for Ann
            return None
        seen.add(at.id)
        cover = next((cover for starts, ends, cover in at.time_off if starts <= now < ends and cover), None)
        at = directory.by_id.get(cover or "")
    return at
