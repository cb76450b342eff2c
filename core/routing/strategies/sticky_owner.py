"""The same person again: whoever has or had this contact, so that a client tells their story once."""

from collections.abc import Iterator

from core.routing.directory import Directory
from core.routing.strategy import BY_LOAD, Case, Pool, Strategy, most_urgent_first, spoken, whole_house


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """The agent with a standing relation, or of the last alert; only where nothing else is to be tried, everybody."""
    before = directory.by_id.get(case.previous_agent_id or "")
    if before is not None:
        because = f"You cover for {case.covered}, who knows this client" if case.covered else "You know this client"
        yield Pool(
            ("sticky", before.id, case.covered), (before.position,), lambda agent: (), BY_LOAD, lambda agent: because
        )
    yield Pool(
        ("everybody", case.alert_type),
        whole_house(directory),
        lambda agent: (),
        BY_LOAD,
        lambda agent: spoken(agent, case.alert_type, place=None),
        last_resort=True,
    )


STRATEGY = Strategy(
    id="sticky_owner",
    title="The agent who knows the client",
    about="Whoever has or had the client; name what follows for clients nobody knows.",
    pools=pools,
    order=most_urgent_first,
)
