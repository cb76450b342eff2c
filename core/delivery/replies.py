"""What people text back, and the digit they press in a call: an alert taken or put off, and STOP, START and HELP."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts, audit, viewer
from core.db.tables.acting import Delivery
from core.db.tables.deciding import Alert
from core.db.tables.people import User
from core.db.tables.reaching import Address
from core.delivery import consent, content, once, phrases, preferences
from core.delivery.channels.sms import gsm7, who
from core.viewer import Viewer, alert_scope
from core.words import Status

STOP = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "ALTO", "BAJA"})
START = frozenset({"START", "UNSTOP", "YES", "ALTA"})
HELP = frozenset({"HELP", "INFO", "AYUDA"})
"""Twilio's own words, which hold those that 47 CFR 64.1200(a)(10) names, and Spanish ones it does not know."""
_TOLD = timedelta(days=14)
_ASKED = timedelta(days=1)
"""How long the numbers of a list count."""
_REMEMBERED = timedelta(days=30)
_MOST = 5
_ACK = re.compile(r"(?:ACK|OK)\s*#?(\d{1,2})?")
_SNOOZE = re.compile(r"SNOOZE(?:\s+#?(\d{1,2}))??(?:\s+(\d{1,3})\s*([MHD]))?")
_MARKS = re.compile(r"(?<!\d)[^\w ]|[^\w ](?!\d)")
_UNITS = {"M": timedelta(minutes=1), "H": timedelta(hours=1), "D": timedelta(days=1)}
_AN_HOUR = timedelta(hours=1)
_WORDS = {
    "en": {
        "stopped": "You will get no more texts or calls from Doorbell. Text START to get them again.",
        "started": "You get texts from Doorbell again. Text STOP to end them.",
        "help": "Doorbell tells you of alerts. Reply ACK to take one, SNOOZE 1H to put it off (30M, 1D), STOP to end texts.",
        "taken": "You have it: {what}.",
        "snoozed": "Put off until {until}: {what}.",
        "none": "No alert we texted you about is waiting.",
        "several": "{count} alerts wait. {list} Reply {how} and the number, as in {how} 1.",
        "number": "There is no alert {number}. {list}",
        "call_taken": "Thank you. You have it.",
        "call_other": "Nothing was changed. Goodbye.",
    },
    "es": {
        "stopped": "No recibirá más mensajes ni llamadas de Doorbell. Envíe START para volver a recibirlos.",
        "started": "Vuelve a recibir mensajes de Doorbell. Envíe STOP para terminarlos.",
        "help": "Doorbell le avisa de alertas. Responda ACK para tomar una, SNOOZE 1H para aplazarla (30M, 1D), STOP para no recibir más.",
        "taken": "Es suya: {what}.",
        "snoozed": "Aplazada hasta {until}: {what}.",
        "none": "No hay ninguna alerta en espera.",
        "several": "{count} alertas en espera. {list} Responda {how} y el número, por ejemplo {how} 1.",
        "number": "No hay alerta {number}. {list}",
        "call_taken": "Gracias. La alerta es suya.",
        "call_other": "No se ha cambiado nada. Adiós.",
    },
}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is texted or said back; empty: nothing."""

    text: str = ""
    language: str = "en"


@dataclass(frozen=True, kw_only=True)
class _Wish:
    do: str
    """ACK or SNOOZE."""
    number: int | None
    wait: timedelta = timedelta()


def texted(session: Session, *, sender: str, text: str, sid: str, keyword: str = "", now: datetime) -> Reply:
    """Take a text from a phone into account. The same one again (by its SID) changes nothing and is not answered.

    Args:
        sender: its number in E.164.
        keyword: STOP, START or HELP where Twilio took it for one and has answered itself.

    Raises:
        DoorbellError: what it asked for cannot be done, in words for its sender.
    """
    if not once.take(session, f"sms:{sid}", until=now + _REMEMBERED, now=now):
        return Reply()
    lines = _lines(text)
    word = lines[0] if lines else ""
    phones = _phones(session, sender)
    language = _language(session, phones)
    if keyword == "STOP" or any(line.replace(" ", "") in STOP for line in lines) or word.startswith("STOP "):
        return _consent(
            session, sender, phones, given=False, text=text, sid=sid, keyword=keyword, language=language, now=now
        )
    if keyword == "START" or word in START:
        return _consent(
            session, sender, phones, given=True, text=text, sid=sid, keyword=keyword, language=language, now=now
        )
    if not phones or keyword:
        return Reply()
    wish = _wish(word)
    if wish is None:
        return Reply(text=gsm7(_say(language, "help"), 306), language=language)
    return Reply(text=gsm7(_do(session, wish, phones, sid=sid, language=language, now=now), 306), language=language)


def pressed(session: Session, *, sid: str, digits: str, now: datetime) -> Reply:
    """Take the digit that was pressed in a call into account: a 1 takes the alert it was about.

    Raises:
        DoorbellError: it cannot be taken, in words for whoever is on the phone.
    """
    delivery = session.scalars(select(Delivery).where(Delivery.provider_id == sid, Delivery.channel == "voice")).first()
    person = viewer.load(session, delivery.user_id) if delivery and delivery.user_id else None
    if delivery is None or delivery.alert_id is None or person is None:
        return Reply()
    language = preferences.load(session, [person.user_id])[person.user_id].language
    if digits != "1" or not once.take(session, f"call:{sid}", until=now + _REMEMBERED, now=now):
        return Reply(text=_say(language, "call_other"), language=language)
    alerts.acknowledge(session, delivery.alert_id, viewer=person, now=now)
    _audit(session, person, delivery.alert_id, "ACK", by="call", sid=sid, now=now)
    return Reply(text=_say(language, "call_taken"), language=language)


def _do(session: Session, wish: _Wish, phones: Sequence[Address], *, sid: str, language: str, now: datetime) -> str:
    waiting = _waiting(session, phones, wish.do, now=now)
    numbered = _numbered(phones, waiting, now=now)
    if wish.number is not None:
        named = numbered[wish.number - 1] if 0 < wish.number <= len(numbered) else None
        person = waiting.get(named or "")
        if named is None or person is None:
            listing = _listing(session, numbered, waiting, language)
            return _say(language, "number" if listing else "none", number=wish.number, list=listing)
        return _take(session, wish, named, person, sid=sid, language=language, now=now)
    if not waiting:
        return _say(language, "none")
    if len(waiting) > 1:
        _ask(phones, list(waiting)[:_MOST], now=now)
        listing = _listing(session, list(waiting)[:_MOST], waiting, language)
        return _say(language, "several", count=len(waiting), list=listing, how=wish.do)
    alert_id, person = next(iter(waiting.items()))
    return _take(session, wish, alert_id, person, sid=sid, language=language, now=now)


def _take(
    session: Session, wish: _Wish, alert_id: str, person: Viewer, *, sid: str, language: str, now: datetime
) -> str:
    what = _what(session, [alert_id], language)[alert_id]
    if wish.do == "ACK":
        alerts.acknowledge(session, alert_id, viewer=person, now=now)
        said = _say(language, "taken", what=what)
    else:
        until = now + wish.wait
        alerts.snooze(session, alert_id, viewer=person, until=until, now=now)
        local = until.astimezone(ZoneInfo(person.timezone))
        said = _say(language, "snoozed", what=what, until=f"{local:%m/%d} {local.hour % 12 or 12}:{local:%M %p}")
    _audit(session, person, alert_id, wish.do, by="sms", sid=sid, now=now)
    return said


def _waiting(session: Session, phones: Sequence[Address], do: str, *, now: datetime) -> dict[str, Viewer]:
    """The alerts that were texted to these phones and can still be answered so, the newest first, each with its reader."""
    people = {phone.user_id: viewer.load(session, phone.user_id) for phone in phones}
    rows = session.execute(
        select(Delivery.user_id, Delivery.alert_id, Delivery.payload)
        .where(
            Delivery.user_id.in_(people),
            Delivery.created_at > now - _TOLD,
            Delivery.address_id.in_([phone.id for phone in phones]),
            Delivery.channel == "sms",
            Delivery.sent_at.is_not(None),
        )
        .order_by(Delivery.sent_at.desc(), Delivery.id.desc())
        .limit(100)
    ).all()
    told: dict[str, str] = {}
    for user_id, alert_id, payload in rows:
        for one in (alert_id, *(item.get("alertId") for item in payload.get("items", ()))):
            if one:
                told.setdefault(one, user_id)
    able: set[str] = set()
    for user_id, person in people.items():
        if person is None:
            continue
        query = select(Alert.id).where(Alert.id.in_(told), Alert.closed_at.is_(None), alert_scope(person))
        if do == "ACK":
            query = query.where(Alert.status == Status.NEW)
        able |= {alert_id for alert_id in session.scalars(query) if told[alert_id] == user_id}
    return {alert_id: found for alert_id, user_id in told.items() if alert_id in able and (found := people[user_id])}


def _numbered(phones: Sequence[Address], waiting: dict[str, Viewer], *, now: datetime) -> list[str]:
    """What a number means: as in the list that was texted last, else the newest first."""
    for phone in phones:
        asked = phone.detail.get("asked")
        if asked and now - datetime.fromisoformat(asked["at"]) < _ASKED:
            return list(asked["alerts"])
    return list(waiting)[:_MOST]


def _ask(phones: Sequence[Address], alert_ids: Sequence[str], *, now: datetime) -> None:
    for phone in phones:
        phone.detail = {**phone.detail, "asked": {"at": now.isoformat(), "alerts": list(alert_ids)}}


def _listing(session: Session, alert_ids: Sequence[str], waiting: dict[str, Viewer], language: str) -> str:
    what = _what(session, [one for one in alert_ids if one in waiting], language)
    return " ".join(f"{n}: {what[one]}." for n, one in enumerate(alert_ids, 1) if one in what)


def _what(session: Session, alert_ids: Sequence[str], language: str) -> dict[str, str]:
    """As in "Rosa D. is likely to sell"."""
    return {
        alert_id: phrases.what(
            row.alert_type, who(row.contact_name or row.contact_id), type_name=row.type_name, language=language
        )
        for alert_id, row in content.brief(session, alert_ids).items()
    }


def _lines(text: str) -> list[str]:
    """Each line in capitals without marks, but for those within a number; phones put a signature under what was written."""
    plain = unicodedata.normalize("NFKC", text).upper()
    found = (" ".join(_MARKS.sub(" ", content.one_line(line)).split()) for line in plain.splitlines())
    return [line for line in found if line]


def _wish(word: str) -> _Wish | None:
    if found := _ACK.fullmatch(word):
        return _Wish(do="ACK", number=int(found[1]) if found[1] else None)
    if found := _SNOOZE.fullmatch(word):
        wait = int(found[2]) * _UNITS[found[3]] if found[2] else _AN_HOUR
        return _Wish(do="SNOOZE", number=int(found[1]) if found[1] else None, wait=wait)
    return None


def _consent(
    session: Session,
    sender: str,
    phones: Sequence[Address],
    *,
    given: bool,
    text: str,
    sid: str,
    keyword: str,
    language: str,
    now: datetime,
) -> Reply:
    """A no to texts is a no to calls too: 47 CFR 64.1200(a)(10) takes these words as one to robotexts and robocalls alike.
    (That it covers unrelated matters of the same sender is put off to 31 January 2027; all of ours are one matter.)"""
    for channel in ("sms", "voice"):
        consent.record(
            session,
            channel=channel,
            address=sender,
            given=given,
            source=consent.Source.REPLY,
            user_id=phones[0].user_id if phones else None,
            proof={"text": content.one_line(text), "sid": sid},
            now=now,
        )
    if keyword or not phones:
        return Reply()
    return Reply(text=gsm7(_say(language, "started" if given else "stopped"), 306), language=language)


def _phones(session: Session, sender: str) -> list[Address]:
    """The confirmed phones with this number, of people who are active."""
    return list(
        session.scalars(
            select(Address)
            .join(User, User.id == Address.user_id)
            .where(Address.channel == "phone", Address.value == sender, Address.verified_at.is_not(None), User.active)
            .order_by(Address.created_at, Address.id)
            .with_for_update(of=Address)
        )
    )


def _language(session: Session, phones: Sequence[Address]) -> str:
    return preferences.load(session, [phones[0].user_id])[phones[0].user_id].language if phones else "en"


def _say(language: str, key: str, /, **values: object) -> str:
    return _WORDS.get(language, _WORDS["en"])[key].format(**values)


def _audit(session: Session, person: Viewer, alert_id: str, word: str, *, by: str, sid: str, now: datetime) -> None:
    audit.record(
        session,
        "alert.answered",
        subject_type="alert",
        subject_id=alert_id,
        actor_id=person.user_id,
        after={"by": by, "word": word, "sid": sid},
        now=now,
    )
