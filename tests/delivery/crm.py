"""An alert's facts and the endpoints of both CRMs, for the tests of this folder."""

from datetime import UTC, datetime
from typing import Any

from core.delivery.content import Message
from core.delivery.endpoints import Endpoint, Secret
from tests.delivery.making import message
from tests.providers import hubspot, salesforce

LINK = "http://127.0.0.1:8501/feed?alert=a1"
SUMMARY = f"Rosa Diaz is likely to sell (HIGH)\nConfidence 82%, chance 14%\nOpen in Doorbell: {LINK}"


def known(**values: Any) -> dict[str, Any]:
    """What `crm_mapping.facts` gives for one alert."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    return {
        "contact.id": "rosa",
        "contact.name": "Rosa Diaz",
        "contact.firstName": "Rosa",
        "contact.lastName": "Diaz",
        "contact.email": "rosa@example.com",
        "contact.phone": "+1 312 555 0142",
        "home.street": "12 Elm Street",
        "home.city": "Oak Park",
        "home.zip": "60302",
        "home.value": 450_000.0,
        "alert.id": "a1",
        "alert.headline": "Rosa Diaz is likely to sell",
        "alert.type": "LIKELY_TO_SELL",
        "alert.priority": "HIGH",
        "alert.status": "NEW",
        "alert.confidence": 82,
        "alert.probability": 14,
        "alert.lift": 5.7,
        "alert.territory": "oak-park",
        "alert.openedAt": "2026-03-02T15:00:00Z",
        "alert.summary": SUMMARY,
        "alert.link": LINK,
        "agent.name": "Ana",
        "agent.email": "ana@doorbell.test",
        "due": datetime(2026, 3, 2, 19, 0, tzinfo=UTC),
        **named,
    }


def to_salesforce(org: salesforce.Org, *, secret: str = salesforce.SECRET, **config: Any) -> Endpoint:
    return Endpoint(
        id="sf-1",
        name="Sales",
        url=org.url,
        config={"clientId": salesforce.CLIENT_ID, **config},
        secrets=(Secret(value=secret, until=None),),
    )


def to_hubspot(account: hubspot.Account, *, token: str = hubspot.TOKEN, **config: Any) -> Endpoint:
    return Endpoint(
        id="hs-1", name="Marketing", url=account.url, config=config, secrets=(Secret(value=token, until=None),)
    )


def told(endpoint: Endpoint, event: str = "alert:new", **facts: Any) -> Message:
    """The message that tells this endpoint of the alert."""
    return message(
        kind=event, story=None, to="", event={"type": event, "data": {}}, endpoint=endpoint, about=known(**facts)
    )
