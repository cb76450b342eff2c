"""The loader of the signals found in events: every file of `catalog`, by name, checked once."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from core.signals import catalog
from core.signals.definition import SignalDefinition


@cache
def definitions() -> tuple[SignalDefinition, ...]:
    """All definitions, in the order of their names."""
    found = []
    for module in sorted(iter_modules(catalog.__path__), key=lambda each: each.name):
        signal = import_module(f"{catalog.__name__}.{module.name}").SIGNAL
        if signal.type.lower() != module.name:
            raise ValueError(f"{module.name}.py defines {signal.type}: the file's name must be the type in lower case")
        found.append(signal)
    return tuple(found)


@cache
def by_type() -> dict[str, SignalDefinition]:
    return {each.type: each for each in definitions()}
