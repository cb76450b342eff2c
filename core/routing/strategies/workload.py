"""Balance: the smallest share of capacity in use, whoever that is."""

from collections.abc import Iterator

from core.routing.directory import Directory
from core.routing.strategy import BY_LOAD, Case, Pool, Strategy, most_urgent_first, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """The team at home in the territory, then everybody."""
    team = directory.team_of(case.territory)
    if team is not None:
        yield Pool(
            ("team", team.id),
            directory.in_team(team.id),
            lambda agent: (),
            BY_LOAD,
            lambda agent: f"You have the most room in {team.name}",
        )
    yield Pool(
        ("everybody", case.alert_type),
        whole_house(directory),
        lambda agent: (),
        BY_LOAD,
        lambda agent: f"{spoken(agent, case.alert_type, place=None)} with the most room",
        last_resort=True,
    )


STRATEGY = Strategy(
    id="workload",
    title="Workload",
    about="Whoever has the smallest share of their capacity in use.",
    pools=pools,
    order=most_urgent_first,
)
