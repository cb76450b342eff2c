"""For alerts nobody acted on: a colleague of the one who had it, with the most room, who knows the kind of client."""

from collections.abc import Iterator

from core.routing.directory import Directory
from core.routing.strategy import BY_LOAD, KNOWS, Case, Pool, Strategy, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """The previous owner's team, then those who cover the territory, then everybody. Room counts before skill: it is late."""
    kind = case.alert_type
    before = directory.by_id.get(case.owner_id or case.previous_agent_id or "")
    if before is not None and before.team_id is not None:
        yield Pool(
            ("team", before.team_id, before.id, kind),
            directory.in_team(before.team_id),
            lambda agent: (agent.level(kind) == 0,),
            BY_LOAD,
            lambda agent: f"It waited with {before.name}; {_inside(spoken(agent, kind, place=None))}",
            said=(KNOWS,),
        )
    for territory in directory.around(case.territory):
        place = directory.place(territory)
        yield Pool(
            ("territory", territory, kind),
            directory.covering(territory),
            lambda agent: (agent.level(kind) == 0,),
            BY_LOAD,
            lambda agent, place=place: f"It waited too long; {_inside(spoken(agent, kind, place=place))}",  # type: ignore[misc]
            said=(KNOWS,),
        )
    yield Pool(
        ("everybody", kind),
        whole_house(directory),
        lambda agent: (agent.level(kind) == 0,),
        BY_LOAD,
        lambda agent: f"It waited too long; {_inside(spoken(agent, kind, place=None))}",
        said=(KNOWS,),
    )


def _inside(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


STRATEGY = Strategy(
    id="stale_escalation",
    title="Stale alerts to the next colleague",
    about="An alert nobody touched goes to a colleague with room who has not had it.",
    pools=pools,
    order=lambda case: (case.priority_rank, case.opened_at, case.alert_id),
)
