"""REHEARSE: the same alerts handed out twice in virtual time, by the house as it is and as it might be, and what differs.

calendar (who works when) + people (how fast, how long, how well, as measured) -> replaying -> measuring -> comparing
"""

from core.routing.rehearsal.comparing import Comparison, rehearse
from core.routing.rehearsal.people import People
from core.routing.rehearsal.replaying import Past, replay

__all__ = ["Comparison", "Past", "People", "rehearse", "replay"]
