"""An event column row into the JSON body a client would post."""

from typing import Any

from core.generator.behaviour import EMAIL_CLICK, EMAIL_OPEN, EMAIL_SENT, FLAVOURS, KINDS
from core.generator.mail import subject_of
from core.words import EventCategory, EventType

SITE = "https://port-halden.example"
_SHAPES: dict[str, tuple[EventType, EventCategory, str]] = {
    "page_view": (EventType.PAGE_VIEW, EventCategory.PLATFORM_BEHAVIOR, "/home"),
    "value_check": (EventType.PAGE_VIEW, EventCategory.PLATFORM_BEHAVIOR, "/my-home/value"),
    "comparable_view": (EventType.PROPERTY_VIEW, EventCategory.PROPERTY_RESEARCH, "/comparables"),
    "calculator": (EventType.CALCULATOR_USE, EventCategory.FINANCIAL_TOOLS, "/calculators"),
    "profile_update": (EventType.FORM_SUBMIT, EventCategory.ACCOUNT_MANAGEMENT, "/profile"),
    "document_access": (EventType.DOCUMENT_ACCESS, EventCategory.DOCUMENT_ACTIVITY, "/documents"),
    "document_download": (EventType.DOCUMENT_DOWNLOAD, EventCategory.DOCUMENT_ACTIVITY, "/documents"),
    "document_share": (EventType.DOCUMENT_SHARE, EventCategory.DOCUMENT_ACTIVITY, "/documents"),
    "search": (EventType.SEARCH, EventCategory.PROPERTY_RESEARCH, "/search"),
    "listing_view": (EventType.PROPERTY_VIEW, EventCategory.PROPERTY_RESEARCH, "/listings"),
    "market_report_view": (EventType.PAGE_VIEW, EventCategory.PLATFORM_BEHAVIOR, "/market-report"),
}
_MAIL_TYPES = {
    EMAIL_SENT: EventType.EMAIL_SENT,
    EMAIL_OPEN: EventType.EMAIL_OPEN,
    EMAIL_CLICK: EventType.EMAIL_CLICK,
}
CALCULATORS = {
    "sell": "net_proceeds",
    "buy": "affordability",
    "refinance": "refinance",
    "invest": "rental_yield",
    "dreaming": "affordability",
}
ANY_CALCULATOR = ("affordability", "net_proceeds", "refinance", "property_tax", "rental_yield")
DOCUMENTS = ("closing_statement", "mortgage_statement", "deed", "insurance_policy", "tax_assessment", "inspection")
MORTGAGE = DOCUMENTS.index("mortgage_statement")
_BROWSERS = {
    "desktop": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/128.0 Safari/537.36",
    "mobile": "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "tablet": "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15",
}
_ROBOT = "Mozilla/5.0 (compatible; HaldenBot/2.1; +https://bot.example)"
_SCANNER = "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)"  # gateways pretend to be a browser


def body(*, kind: int, detail: int, device: str, machine: bool, variant: int, visit: str | None) -> dict[str, Any]:
    """Everything but who and when. `variant` is a random number that picks among equals."""
    if kind >= len(KINDS):
        return _mail(kind, campaign=detail, device=device, machine=machine, variant=variant)
    name = KINDS[kind]
    event_type, category, path = _SHAPES[name]
    return {
        "eventType": event_type,
        "eventCategory": category,
        "eventName": name,
        "sessionId": visit,
        "device": device,
        "userAgent": _ROBOT if machine else _BROWSERS[device],
        "pageUrl": SITE + path,
        "properties": _properties(name, FLAVOURS[detail], variant),
    }


def _properties(name: str, flavour: str, variant: int) -> dict[str, Any]:
    if name == "calculator":
        usual = CALCULATORS.get(flavour)
        strays = usual is None or variant % 5 == 0
        return {"calculatorType": ANY_CALCULATOR[variant % 7 % 5] if strays else usual}
    if name.startswith("document"):
        return {
            "documentId": f"d-{variant % 40:02d}",
            "documentType": "mortgage_statement" if flavour == "refinance" else DOCUMENTS[variant % len(DOCUMENTS)],
        }
    if name in ("search", "listing_view"):
        invests = variant % 10 < 6 if flavour == "invest" else variant % 40 == 0
        return {"purpose": "rental_investment" if invests else "home"}
    if name in ("value_check", "comparable_view"):
        return {"propertyId": f"x-{variant % 900:03d}"}
    return {}


def _mail(kind: int, *, campaign: int, device: str, machine: bool, variant: int) -> dict[str, Any]:
    subject = subject_of(campaign)
    properties: dict[str, Any] = {"campaignId": f"{subject}-{campaign:03d}", "type": subject}
    if kind == EMAIL_CLICK:
        properties["url"] = f"{SITE}/m/{subject}/{variant % 1000}"
    return {
        "eventType": _MAIL_TYPES[kind],
        "eventCategory": EventCategory.EMAIL_ENGAGEMENT,
        "eventName": _MAIL_TYPES[kind].lower(),
        "device": None if kind == EMAIL_SENT else device,
        "userAgent": None if kind == EMAIL_SENT else _SCANNER if machine else _BROWSERS[device],
        "properties": properties,
    }
