"""The best for all together: a backlog is matched to agents at once, so that no early alert takes a later one's best agent.

One alert alone goes to whoever suits it best; several are matched by core.routing.matching.
"""

from collections.abc import Iterator

from core.routing.directory import Agent, Directory
from core.routing.strategy import BY_LOAD, SUITS, Case, Pool, Strategy, fit, most_urgent_first, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """Those who cover the area, the smallest first; then everybody; each by how well they suit the alert."""
    kind = case.alert_type

    def rank(agent: Agent) -> tuple[float, ...]:
        return (-round(fit(agent, kind), 2),)

    for territory in directory.around(case.territory):
        place = directory.place(territory)
        yield Pool(
            ("fit", territory, kind),
            directory.covering(territory),
            rank,
            BY_LOAD,
            lambda agent, place=place: spoken(agent, kind, place=place),  # type: ignore[misc]
            said=(SUITS,),
        )
    yield Pool(
        ("fit", kind),
        whole_house(directory),
        rank,
        BY_LOAD,
        lambda agent: spoken(agent, kind, place=None),
        said=(SUITS,),
        last_resort=True,
    )


STRATEGY = Strategy(
    id="optimal_batch",
    title="The best for all together",
    about="Alerts that arrive together are matched to agents all at once: the most wins to be expected in all.",
    pools=pools,
    order=most_urgent_first,
    matches_batches=True,
)
