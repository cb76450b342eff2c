"""Territory first, then skill, then the smallest load: the house default."""

from collections.abc import Iterator, Sequence

from core.routing.directory import Agent, Directory
from core.routing.strategy import (
    BY_LOAD,
    HOME,
    KNOWS,
    PREFERS,
    Case,
    Pool,
    Strategy,
    most_urgent_first,
    spoken,
    whole_house,
)


def pools(case: Case, directory: Directory) -> Sequence[Pool]:
    """The alert's own territory, then each larger one around it, then everybody."""
    kind, territory = case.alert_type, case.territory
    return directory.remember(("pools", territory, kind), lambda: tuple(_pools(kind, territory, directory)))


def _pools(kind: str, innermost: str | None, directory: Directory) -> Iterator[Pool]:
    for territory in directory.around(innermost):

        def rank(agent: Agent, territory: str = territory) -> tuple[float, ...]:
            return (-agent.level(kind), agent.primary_territory != territory, not agent.prefers(kind))

        place = directory.place(territory)
        yield Pool(
            ("territory", territory, kind),
            directory.covering(territory),
            rank,
            BY_LOAD,
            lambda agent, place=place: spoken(agent, kind, place=place),  # type: ignore[misc]
            said=(KNOWS, HOME, PREFERS),
        )
    yield Pool(
        ("everybody", kind),
        whole_house(directory),
        lambda agent: (-agent.level(kind), not agent.prefers(kind)),
        BY_LOAD,
        lambda agent: spoken(agent, kind, place=None),
        said=(KNOWS, PREFERS),
        last_resort=True,
    )


STRATEGY = Strategy(
    id="territory",
    title="Territory, then skill, then load",
    about="Whoever covers the area, knows the kind of client best, and has the most room.",
    pools=pools,
    order=most_urgent_first,
)
