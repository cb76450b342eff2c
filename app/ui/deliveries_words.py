"""What the screens say of messages: channels, states, and whom a message is for."""

from core.delivery.registry import CHANNELS
from core.views.deliveries import DeliveryRow
from core.words import DeliveryState

STATE = {
    DeliveryState.QUEUED: "Waiting",
    DeliveryState.LEASED: "Being sent",
    DeliveryState.SENT: "Sent",
    DeliveryState.DELIVERED: "Arrived",
    DeliveryState.BOUNCED: "Came back",
    DeliveryState.SUPPRESSED: "Not sent",
    DeliveryState.DEAD: "Given up",
}
_KIND = {
    "alert_new": "New alert",
    "alert_assigned": "Alert given",
    "alert_escalated": "Alert went on",
    "alert_raised": "Alert more urgent",
    "admin_notice": "Notice",
    "digest": "Several at once",
    "test": "Test",
}


def channel(name: str) -> str:
    label = CHANNELS[name].label if name in CHANNELS else name.replace("_", " ")
    return label[:1].upper() + label[1:]


def state(code: str) -> str:
    return STATE.get(DeliveryState(code), code) if code in set(DeliveryState) else code


def kind(code: str) -> str:
    return _KIND.get(code, code.replace("_", " ").replace(":", " ").capitalize())


def whom(row: DeliveryRow) -> str:
    return row.user_name or row.endpoint_name or "–"


def about(row: DeliveryRow) -> str:
    return f"{kind(row.kind)}: {row.contact_name}" if row.contact_name else kind(row.kind)
