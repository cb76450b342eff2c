"""A chain of strategies as people write it: the one tried first, and those after it."""

from typing import Any

from core.routing.strategies import LEAVE, STRATEGIES


def wrong(default: Any, fallbacks: Any) -> dict[str, str]:
    """What is wrong with it, by field (`default_strategy`, `fallbacks`); empty when nothing is."""
    found = {}
    if default not in STRATEGIES:
        found["default_strategy"] = f"one of {', '.join(STRATEGIES)}"
    known = {*STRATEGIES, LEAVE}
    if not isinstance(fallbacks, list | tuple) or not all(isinstance(one, str) and one in known for one in fallbacks):
        found["fallbacks"] = f"a list of {', '.join(sorted(known))}"
    elif len({default, *fallbacks}) <= len(fallbacks):
        found["fallbacks"] = "names a strategy twice"
    elif LEAVE in fallbacks[:-1]:
        found["fallbacks"] = f"nothing comes after {LEAVE}"
    return found
