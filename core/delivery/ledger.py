"""What happened to a message beside its tries, each with the named rule that did it: nothing is held back in silence."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import insert
from sqlalchemy.orm import Session

from core.db.tables.acting import DeliveryEvent


class What(StrEnum):
    DEFERRED = "deferred"
    """Not now: it waits for a better time."""
    THROTTLED = "throttled"
    """Not so fast."""
    MERGED = "merged"
    """Another message tells it too."""
    SUPPRESSED = "suppressed"
    LEFT_OUT = "left_out"
    """It went out with the news of others and without its own."""
    REPLAYED = "replayed"
    PROVIDER = "provider"
    """The provider's later word."""
    IGNORED = "ignored"
    """A provider's word that came late, twice, or for what never went out."""


class Rule(StrEnum):
    """Every reason there is for not sending, or not now. Words for people are in WORDS."""

    PREFERENCE_OFF = "preference_off"
    NO_ADDRESS = "no_address"
    NOT_VERIFIED = "not_verified"
    ADDRESS_DISABLED = "address_disabled"
    OPTED_OUT = "opted_out"
    QUIET_HOURS = "quiet_hours"
    WORKING_HOURS = "working_hours"
    HOURLY_DIGEST = "hourly_digest"
    DAILY_DIGEST = "daily_digest"
    LATER_STEP = "later_step"
    CONTACT_STORM = "contact_storm"
    AGENT_STORM = "agent_storm"
    PACE = "pace"
    READ_ALREADY = "read_already"
    ACTED_ALREADY = "acted_already"
    ALERT_CLOSED = "alert_closed"
    NOT_THE_OWNER = "not_the_owner"
    SNOOZED = "snoozed"
    ACCOUNT_INACTIVE = "account_inactive"
    NOT_SET_UP = "not_set_up"
    ENDPOINT_OFF = "endpoint_off"
    OTHER_TEAM = "other_team"
    TOO_LATE = "too_late"
    MERGED = "merged"
    BY_HAND = "by_hand"
    CALLBACK = "callback"
    OUT_OF_ORDER = "out_of_order"


WORDS = {
    Rule.PREFERENCE_OFF: "switched off in the preferences for this priority",
    Rule.NO_ADDRESS: "there is no address for it",
    Rule.NOT_VERIFIED: "the address is not confirmed yet",
    Rule.ADDRESS_DISABLED: "the address was switched off",
    Rule.OPTED_OUT: "the address asked to hear nothing more this way",
    Rule.QUIET_HOURS: "quiet hours: it waits for their end",
    Rule.WORKING_HOURS: "outside working hours: it waits for the next ones",
    Rule.HOURLY_DIGEST: "goes out with the hour's other news",
    Rule.DAILY_DIGEST: "goes out with the day's other news",
    Rule.LATER_STEP: "only if nobody has read it by then",
    Rule.CONTACT_STORM: "many messages about one contact: they go out as one",
    Rule.AGENT_STORM: "many messages in a few minutes: they go out as one",
    Rule.PACE: "held back to keep the provider's pace",
    Rule.READ_ALREADY: "it was read in the app before",
    Rule.ACTED_ALREADY: "somebody acted on the alert before",
    Rule.ALERT_CLOSED: "the alert was closed before it could be sent",
    Rule.NOT_THE_OWNER: "the alert belongs to somebody else now",
    Rule.SNOOZED: "the alert was snoozed before it could be sent",
    Rule.ACCOUNT_INACTIVE: "the account is not active",
    Rule.NOT_SET_UP: "the channel is not set up",
    Rule.ENDPOINT_OFF: "the endpoint was switched off",
    Rule.OTHER_TEAM: "the endpoint was given to another team",
    Rule.TOO_LATE: "it was of no use any more when it could be sent",
    Rule.MERGED: "told in another message",
    Rule.BY_HAND: "queued again by hand",
    Rule.CALLBACK: "said by the provider",
    Rule.OUT_OF_ORDER: "came after newer news and was not taken",
}


def note(
    session: Session,
    delivery_ids: Sequence[str],
    what: What,
    rule: Rule,
    *,
    detail: str | None = None,
    now: datetime,
) -> None:
    """One line in the ledger of each of these deliveries."""
    if delivery_ids:
        session.execute(
            insert(DeliveryEvent),
            [
                {"delivery_id": delivery_id, "at": now, "what": str(what), "rule": str(rule), "detail": detail}
                for delivery_id in delivery_ids
            ],
        )
