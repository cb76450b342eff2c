"""Learning from what came of scores: examples, labels, challengers, the registry of model versions, and drift.

`core.learning.loop` decides each night; `core.learning.registry` is the one way a version comes and goes.
"""
