"""The closed vocabularies of the domain, each a StrEnum so that the wire, the tables and the code agree."""

from enum import StrEnum


class EventType(StrEnum):
    DOCUMENT_ACCESS = "DOCUMENT_ACCESS"
    DOCUMENT_DOWNLOAD = "DOCUMENT_DOWNLOAD"
    DOCUMENT_SHARE = "DOCUMENT_SHARE"
    PAGE_VIEW = "PAGE_VIEW"
    BUTTON_CLICK = "BUTTON_CLICK"
    FORM_SUBMIT = "FORM_SUBMIT"
    EMAIL_SENT = "EMAIL_SENT"
    EMAIL_OPEN = "EMAIL_OPEN"
    EMAIL_CLICK = "EMAIL_CLICK"
    SEARCH = "SEARCH"
    CALCULATOR_USE = "CALCULATOR_USE"
    PROPERTY_VIEW = "PROPERTY_VIEW"
    ALERT_INTERACTION = "ALERT_INTERACTION"


class EventCategory(StrEnum):
    DOCUMENT_ACTIVITY = "DOCUMENT_ACTIVITY"
    EMAIL_ENGAGEMENT = "EMAIL_ENGAGEMENT"
    PLATFORM_BEHAVIOR = "PLATFORM_BEHAVIOR"
    FINANCIAL_TOOLS = "FINANCIAL_TOOLS"
    PROPERTY_RESEARCH = "PROPERTY_RESEARCH"
    ACCOUNT_MANAGEMENT = "ACCOUNT_MANAGEMENT"


class SignalCategory(StrEnum):
    DOCUMENT_ACTIVITY = "DOCUMENT_ACTIVITY"
    EMAIL_ENGAGEMENT = "EMAIL_ENGAGEMENT"
    PLATFORM_BEHAVIOR = "PLATFORM_BEHAVIOR"
    EXTERNAL_DATA = "EXTERNAL_DATA"
    LIFE_EVENTS = "LIFE_EVENTS"


class Intent(StrEnum):
    LIKELY_TO_SELL = "LIKELY_TO_SELL"
    LIKELY_TO_BUY = "LIKELY_TO_BUY"
    REFINANCE_OPPORTUNITY = "REFINANCE_OPPORTUNITY"
    INVESTMENT_INTEREST = "INVESTMENT_INTEREST"


HORIZON_DAYS = {
    Intent.LIKELY_TO_SELL: 180,
    Intent.LIKELY_TO_BUY: 180,
    Intent.REFINANCE_OPPORTUNITY: 90,
    Intent.INVESTMENT_INTEREST: 180,
}
"""How long the question of each intent stays open after a score."""
TRANSACTION_OF = {
    Intent.LIKELY_TO_SELL: "sale",
    Intent.LIKELY_TO_BUY: "purchase",
    Intent.REFINANCE_OPPORTUNITY: "refinance",
    Intent.INVESTMENT_INTEREST: "investment",
}
"""The kind of transaction that answers it."""


class Priority(StrEnum):
    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"

    @property
    def rank(self) -> int:
        """0 for CRITICAL to 3 for LOW: the order of attention."""
        return _RANK[self]


_RANK = {Priority.CRITICAL: 0, Priority.HIGH: 1, Priority.MEDIUM: 2, Priority.LOW: 3}


class TierMode(StrEnum):
    """What makes an alert urgent: how sure and how strong the evidence is, or what it is expected to bring."""

    CONFIDENCE = "confidence"
    VALUE = "value"


class Status(StrEnum):
    NEW = "NEW"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    IN_PROGRESS = "IN_PROGRESS"
    CONTACTED = "CONTACTED"
    CONVERTED = "CONVERTED"
    DISMISSED = "DISMISSED"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        return self in OPEN_STATUSES


OPEN_STATUSES = (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS, Status.CONTACTED)
CLOSED_STATUSES = (Status.CONVERTED, Status.DISMISSED, Status.EXPIRED)


class Outcome(StrEnum):
    TRUE_POSITIVE = "TRUE_POSITIVE"
    FALSE_POSITIVE = "FALSE_POSITIVE"
    TRUE_NEGATIVE = "TRUE_NEGATIVE"
    FALSE_NEGATIVE = "FALSE_NEGATIVE"
    PENDING = "PENDING"
    EXPIRED = "EXPIRED"


class DismissReason(StrEnum):
    NO_INTEREST = "no_interest"
    DUPLICATE = "duplicate"
    UNREACHABLE = "unreachable"
    WRONG_PERSON = "wrong_person"
    OTHER = "other"


class DeclineReason(StrEnum):
    """Why an agent does not want an alert; none of them says anything about whether the alert was right."""

    TOO_BUSY = "too_busy"
    NOT_MY_AREA = "not_my_area"
    NOT_MY_KIND = "not_my_kind"
    CONFLICT_OF_INTEREST = "conflict_of_interest"
    GOING_AWAY = "going_away"
    OTHER = "other"


class Role(StrEnum):
    AGENT = "agent"
    MANAGER = "manager"
    ADMIN = "admin"


class PoolReason(StrEnum):
    """Why an open alert has no owner. Closed: whatever else stands there is found, put right and told (jobs.reconciling)."""

    NOT_ROUTED_YET = "not_routed_yet"
    NOBODY_ON_DUTY = "nobody_on_duty"
    NOBODY_ELSE = "nobody_else"
    NO_AGENTS = "no_agents"
    LEFT_TO_CLAIM = "left_to_claim"
    OWNER_AWAY = "owner_away"
    OWNER_LEFT = "owner_left"
    REOPENED = "reopened"
    OVER_CAPACITY = "over_capacity"
    DECLINED = "declined"
    """And routing found nobody else."""
    CLAIM_EXPIRED = "claim_expired"
    PUT_BACK = "put_back"
    """By hand, for whoever claims it; after a while routing hands out what is left."""
    BOOKS_DISAGREED = "books_disagreed"
    """It had an owner without an assignment, or neither an owner nor a reason."""


class DeliveryState(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    SUPPRESSED = "suppressed"
    DEAD = "dead"


class ModelStatus(StrEnum):
    TRAINING = "training"
    VALIDATING = "validating"
    SHADOW = "shadow"
    DEPLOYED = "deployed"
    RETIRED = "retired"


class ChangeKind(StrEnum):
    """What the feed tells; the same words are the Socket.IO event names."""

    ALERT_NEW = "alert:new"
    ALERT_UPDATED = "alert:updated"
    ALERT_ASSIGNED = "alert:assigned"
    ALERT_CONVERTED = "alert:converted"
    STATS_UPDATED = "stats:updated"
    NOTIFICATION_NEW = "notification:new"
    SESSION_REVOKED = "session:revoked"
