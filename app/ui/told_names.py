"""Names of people to choose from, as they stand in an address: without an e-mail unless two have the same name."""

from collections import Counter
from collections.abc import Sequence

from core.views.told_people import ToldPerson


def labelled(people: Sequence[ToldPerson]) -> dict[str, str]:
    """Label to id, in the same order."""
    often = Counter(one.name for one in people)
    return {one.name if often[one.name] == 1 else f"{one.name} ({one.email})": one.id for one in people}
