"""Results: whoever wins most of such alerts, with one in ten as a chance for those of whom little is known yet.

The ratio is by empirical Bayes (core.routing.results), so three lucky wins do not make a champion. The tenth is drawn
from the alert's own id: the same alert draws the same lot, and the decision logs how likely its choice was.
"""

from collections.abc import Iterator, Sequence
from hashlib import blake2b

from core.routing.directory import Agent, Directory
from core.routing.strategy import (
    BY_LOAD,
    BY_TURN,
    FEWER,
    PREFERS,
    TOPICS,
    WINS,
    Case,
    Pool,
    Strategy,
    most_urgent_first,
    whole_house,
)

EXPLORED = 0.1
"""The share of alerts given to whoever has the fewest closed: without it a newcomer would never show what they can."""


def pools(case: Case, directory: Directory) -> Iterator[Pool]:
    """Those who cover the area, the smallest first; then everybody."""
    drawn = int.from_bytes(blake2b(case.alert_id.encode(), digest_size=4).digest()) / 2**32
    return _pools(case, directory, explore=drawn < EXPLORED)


def ways(case: Case, directory: Directory) -> Sequence[tuple[float, Iterator[Pool]]]:
    """Both lots with their probabilities."""
    return (
        (EXPLORED, _pools(case, directory, explore=True)),
        (1 - EXPLORED, _pools(case, directory, explore=False)),
    )


def _pools(case: Case, directory: Directory, *, explore: bool) -> Iterator[Pool]:
    kind = case.alert_type
    about = TOPICS.get(kind, "such clients")

    def best(agent: Agent) -> tuple[float, ...]:
        return (-round(agent.result(kind).ratio, 2), not agent.prefers(kind))

    def newest(agent: Agent) -> tuple[float, ...]:
        return (agent.result(kind).closed, not agent.prefers(kind))

    def why(agent: Agent) -> str:
        ratio, closed = agent.result(kind)
        if explore:
            return f"It is your chance with {about}: you have closed {closed} so far"
        if ratio > 1.05:
            return f"You win {ratio:.1f} times as many {about} as others do"
        return f"You do well with {about}" if closed else f"You are next for {about}"

    lot, rank, by = ("explore", newest, BY_TURN) if explore else ("best", best, BY_LOAD)
    said = (FEWER if explore else WINS, PREFERS)
    for territory in directory.around(case.territory):
        yield Pool((lot, territory, kind), directory.covering(territory), rank, by, why, said=said)
    yield Pool((lot, kind), whole_house(directory), rank, by, why, said=said, last_resort=True)


STRATEGY = Strategy(
    id="performance",
    title="Results",
    about="Whoever wins most of such alerts nearby; one in ten goes to those with few so far, so that they can show it.",
    pools=pools,
    order=most_urgent_first,
    ways=ways,
)
