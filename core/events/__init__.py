"""RECORD: behaviour comes in, is validated, de-duplicated and committed; DECIDE claims it from here.

`parse`/`parse_many`/`read_body` turn input into NewEvent, `record` stores them once, `claim` hands unprocessed ones to
one worker at a time and `finish` marks them done.
"""

from core.events.body import Body, read_body
from core.events.claiming import claim, claim_contact, finish, pending
from core.events.parsing import FUTURE_TOLERANCE, OLDEST, category_of, parse, parse_many
from core.events.recording import record
from core.events.shapes import MACHINE_BELOW, NewEvent, Recorded, RecordedEvent, Refusal, made_by_machines

__all__ = [
    "FUTURE_TOLERANCE",
    "MACHINE_BELOW",
    "OLDEST",
    "Body",
    "NewEvent",
    "Recorded",
    "RecordedEvent",
    "Refusal",
    "category_of",
    "claim",
    "claim_contact",
    "finish",
    "made_by_machines",
    "parse",
    "parse_many",
    "pending",
    "read_body",
    "record",
]
