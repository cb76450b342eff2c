"""The best alerts first, each to the best agent who is free: the surest leads go to those who know them best."""

from collections.abc import Iterator

from core.routing.directory import Directory
from core.routing.strategy import BY_LOAD, KNOWS, PREFERS, Case, Pool, Strategy, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """Everybody on duty, ranked by how good they are at this kind of client, wherever they work."""
    kind = case.alert_type
    yield Pool(
        ("best", kind),
        whole_house(directory),
        lambda agent: (-agent.level(kind), not agent.prefers(kind)),
        BY_LOAD,
        lambda agent: spoken(agent, kind, place=None),
        said=(KNOWS, PREFERS),
    )


STRATEGY = Strategy(
    id="confidence_ranking",
    title="Best alerts to the best agents",
    about="The surest alerts are handed out first, each to the most skilled agent who is free.",
    pools=pools,
    order=lambda case: (-case.confidence, case.priority_rank, case.opened_at, case.alert_id),
)
