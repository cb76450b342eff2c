"""Strict turns by virtual time: whoever has been given least is next, and absence earns no credit.

Start-time fair queuing (Goyal, Vin and Cheng, 1996) with people as flows: each alert costs one unit of virtual time, the
smallest is served next, and whoever could not be served is carried along with the smallest of those who could.
"""

from collections.abc import Iterator

from core.routing.directory import Directory
from core.routing.strategy import BY_TURN, Case, Pool, Strategy, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """The team at home in the territory takes turns among itself; without one, or when it is full, the whole house."""
    team = directory.team_of(case.territory)
    if team is not None:
        yield Pool(
            ("team", team.id),
            directory.in_team(team.id),
            lambda agent: (),
            BY_TURN,
            lambda agent: f"It is your turn in {team.name}",
        )
    yield Pool(
        ("everybody", case.alert_type),
        whole_house(directory),
        lambda agent: (),
        BY_TURN,
        lambda agent: (
            f"It is your turn; {spoken(agent, case.alert_type, place=None)[0].lower()}{spoken(agent, case.alert_type, place=None)[1:]}"
        ),
        last_resort=True,
    )


STRATEGY = Strategy(
    id="round_robin",
    title="Turns",
    about="Everybody in turn; coming back from time off brings no flood.",
    pools=pools,
    order=lambda case: (case.opened_at, case.alert_id),
)
