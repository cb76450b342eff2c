"""The demo brokerage: people, homes, a year of history played through the real line, and a live trickle.

The same seed and end give the same contacts, behaviour, alerts and endings. Only ids differ, and with them which of two
equally suited agents gets an alert, since routing breaks ties by the alert's id.
"""

from core.demo.brokerage import ADMIN, AGENT, MANAGER
from core.demo.homeowners import UNSCORED
from core.demo.loading import JOB, SIZES, Size, load
from core.demo.trickle import trickle

__all__ = ["ADMIN", "AGENT", "JOB", "MANAGER", "SIZES", "UNSCORED", "Size", "load", "trickle"]
