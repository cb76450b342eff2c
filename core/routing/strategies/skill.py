"""Skill first: the best at this kind of client, then nearness, then the smallest load."""

from collections.abc import Iterator

from core.routing.directory import Agent, Directory
from core.routing.strategy import BY_LOAD, PREFERS, Case, Pool, Strategy, most_urgent_first, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """Level by level the near ones and then the rest; only when nobody who knows the kind of client is free, everybody."""
    kind = case.alert_type
    near = directory.around(case.territory)

    def rank(agent: Agent) -> tuple[float, ...]:
        return (not agent.prefers(kind),)

    for level, people in directory.skilled_at(kind):
        for territory in near:
            place = directory.place(territory)
            here = directory.covering(territory)
            yield Pool(
                ("near", kind, str(level), territory),
                [position for position in here if directory.agents[position].level(kind) == level],
                rank,
                BY_LOAD,
                lambda agent, place=place: spoken(agent, kind, place=place),  # type: ignore[misc]
                said=(PREFERS,),
            )
        yield Pool(
            ("level", kind, str(level)),
            people,
            rank,
            BY_LOAD,
            lambda agent: spoken(agent, kind, place=None),
            said=(PREFERS,),
        )
    yield Pool(
        ("everybody", kind),
        whole_house(directory),
        rank,
        BY_LOAD,
        lambda agent: spoken(agent, kind, place=None),
        said=(PREFERS,),
        last_resort=True,
    )


STRATEGY = Strategy(
    id="skill",
    title="Skill, then territory, then load",
    about="Whoever is best at this kind of client, wherever they work.",
    pools=pools,
    order=most_urgent_first,
)
