"""The sentences of messages: what happened, why and how sure, in the reader's language."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from core.delivery.notices import Kind
from core.delivery.speaking import Voice, mark
from core.scoring import features
from core.words import Intent, Priority

_WHAT = {
    Intent.LIKELY_TO_SELL: mark("{contact} is likely to sell"),
    Intent.LIKELY_TO_BUY: mark("{contact} is likely to buy"),
    Intent.REFINANCE_OPPORTUNITY: mark("{contact} may want to refinance"),
    Intent.INVESTMENT_INTEREST: mark("{contact} is looking to invest"),
}
_CHANCE = {
    Intent.LIKELY_TO_SELL: mark("Chance of a sale within 180 days"),
    Intent.LIKELY_TO_BUY: mark("Chance of a purchase within 180 days"),
    Intent.REFINANCE_OPPORTUNITY: mark("Chance of a refinance within 90 days"),
    Intent.INVESTMENT_INTEREST: mark("Chance of an investment within 180 days"),
}
_BEFORE = {
    Kind.ALERT_ESCALATED: mark("Nobody has answered yet: {headline}"),
    Kind.ALERT_ASSIGNED: mark("Now yours: {headline}"),
    Kind.ALERT_RAISED: mark("More urgent now: {headline}"),
}
_AFTER = {
    Kind.ALERT_ESCALATED: mark("{headline} (nobody has answered yet)"),
    Kind.ALERT_ASSIGNED: mark("{headline} (now yours)"),
    Kind.ALERT_RAISED: mark("{headline} (more urgent now)"),
}
_PRIORITY = {
    Priority.CRITICAL: mark("Critical"),
    Priority.HIGH: mark("High"),
    Priority.MEDIUM: mark("Medium"),
    Priority.LOW: mark("Low"),
}
_WHY_YOU = {
    "confidence_ranking": mark("The surest alerts go first, and you were the first who is free."),
    "optimal_batch": mark("Of everybody who is free you fit it best."),
    "performance": mark("Your results with alerts like this are among the best."),
    "round_robin": mark("It was your turn."),
    "skill": mark("You have the skill it asks for."),
    "stale_escalation": mark("It had waited for too long, and you are free."),
    "sticky_owner": mark("You know this client."),
    "territory": mark("It is in your territory."),
    "workload": mark("You have the least to do at the moment."),
    "assign_to_agent": mark("A rule names you."),
    "assign_to_territory": mark("A rule gives it to those of your territory."),
    "assign_by_skill": mark("A rule gives it to those who have your skills."),
    "manual": mark("Somebody gave it to you."),
    "claim": mark("You took it from the pool."),
    "cover": mark("You stand in for a colleague."),
    "rebalanced": mark("The work was evened out."),
    "rebalance_undone": mark("You have it back."),
}
"""By `Decision.strategy`."""
_WHY_OVER = mark("Everybody on duty is full, and you have the least to do.")
INTENTS = frozenset(_WHAT)
_COUNTED = {"times", "homes", "signals", "years", "minutes", "days", "a week"}
"""Units of features whose number says something beside the feature's name."""


def one_line(text: str, limit: int = 200) -> str:
    """Text without line breaks, control or invisible direction characters: safe in a header, a title or a log."""
    visible = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )
    return " ".join(visible.split())[:limit]


def what(alert_type: str, contact: str, *, type_name: str | None = None, language: str = "en") -> str:
    """As in "Ana Lopez is likely to sell"; for a team's own type "Ana Lopez – Open house, twice"."""
    say = Voice(language)
    known = _WHAT.get(alert_type)  # type: ignore[call-overload]
    if known is None:
        return one_line(f"{contact} – {own_words(alert_type, type_name)}")
    return one_line(say(known, contact=contact))


def headline(kind: str, alert_type: str, contact: str, *, type_name: str | None = None, language: str = "en") -> str:
    """As in "Now yours: Ana Lopez is likely to sell"."""
    said = what(alert_type, contact, type_name=type_name, language=language)
    before = _BEFORE.get(kind)  # type: ignore[call-overload]
    return one_line(Voice(language)(before, headline=said)) if before else said


def subject(kind: str, said: str, *, language: str = "en") -> str:
    """The name first and the news after it: a lock screen shows some 40 characters."""
    after = _AFTER.get(kind)  # type: ignore[call-overload]
    return one_line(Voice(language)(after, headline=said)) if after else said


def priority(name: str, *, language: str = "en") -> str:
    known = _PRIORITY.get(name)  # type: ignore[call-overload]
    return Voice(language)(known) if known else name.capitalize()


def chance_label(alert_type: str, *, horizon_days: int | None, say: Voice) -> str:
    """What `Alert.probability` is the chance of; `horizon_days` is that of a team's own type."""
    known = _CHANCE.get(alert_type)  # type: ignore[call-overload]
    if known:
        return say(known)
    if horizon_days:
        return say("Chance that it happens within {days} days", days=horizon_days)
    return say("Chance that it happens")


def own_words(alert_type: str, type_name: str | None) -> str:
    return type_name or alert_type.replace("_", " ").capitalize()


def first_name(contact: str, *, language: str = "en") -> str:
    """The first word of a name: enough to know whom it is about, and little to read over a shoulder.

    A contact without a name is called by its id, which may be a number or an e-mail address: that is nobody's first name.
    """
    first = one_line(contact).split(" ", 1)[0][:40]
    plain = first.replace("-", "").replace("'", "").replace("’", "").replace(".", "")
    return first if plain.isalpha() else Voice(language)(mark("Somebody"))


def factors(top: Sequence[Any], *, language: str = "en") -> tuple[str, ...]:
    """The top factors, at most four: in English the sentence stored with the alert, else the feature's name and number."""
    say = Voice(language)
    texts = (_factor(factor, say) for factor in top if isinstance(factor, Mapping))
    return tuple(one_line(text) for text in texts if text)[:4]


def why_you(strategy: str, reason: str, *, overflow: bool, say: Voice) -> str:
    """Why routing chose the reader: in English as it was stored, else by what decided."""
    if say.language == "en":
        return one_line(reason, 400)
    known = _WHY_OVER if overflow else _WHY_YOU.get(strategy)
    return say(known) if known else ""


def _factor(factor: Mapping[str, Any], say: Voice) -> str:
    label, text = str(factor.get("label") or ""), str(factor.get("text") or factor.get("label") or "")
    said = say(label) if label else ""
    if say.language == "en" or said == label:
        return text
    value = factor.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return said
    unit = features.FEATURES[at].unit if (at := features.INDEX.get(str(factor.get("feature")))) is not None else ""
    if unit in _COUNTED:
        return f"{said}: {say.number(value, digits=0 if float(value).is_integer() else 1)}"
    if unit == "share":
        return f"{said}: {say.percent(value)}"
    return f"{said}: {say.dollars(value)}" if unit == "USD" else said
