"""The strategies, one file each, found by name: the file's name is the strategy's id."""

import pkgutil
from importlib import import_module

from core.routing.strategy import Strategy


def _found() -> dict[str, Strategy]:
    found = {}
    for module in pkgutil.iter_modules(__path__):
        strategy: Strategy = import_module(f"{__name__}.{module.name}").STRATEGY
        assert strategy.id == module.name, f"{module.name} calls itself {strategy.id}"
        found[strategy.id] = strategy
    return found


STRATEGIES: dict[str, Strategy] = _found()
DEFAULT = "territory"
LEAVE = "claim_pool"
"""At the end of a chain of strategies: leave it to whoever takes it from the pool."""
