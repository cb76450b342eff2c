"""What Twilio says later, what people text back, and the digit they press: signed, in order, once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Delivery
from core.db.tables.acting import DeliveryEvent
from core.db.tables.reaching import Address, Consent
from core.db.tables.running import AuditRow
from tests.providers import twilio
from tests.providers.phones import ANN, BOB, PUBLIC, Phones, phones


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Phones]:
    with phones(database, clock) as running:
        yield running


def texted(office: Phones) -> tuple[str, str]:
    """Ann's phone and the SID of a text to it."""
    address_id = office.confirmed("ann", ANN)
    office.alert("ann")
    return address_id, office.server.sent[-1]["sid"]


def state(office: Phones, sid: str) -> tuple[str, str | None]:
    with office.database.read() as session:
        row = session.scalars(select(Delivery).where(Delivery.provider_id == sid)).one()
        return row.state, row.reason


def ledger(office: Phones) -> list[tuple[str, str | None]]:
    with office.database.read() as session:
        rows = session.execute(select(DeliveryEvent.what, DeliveryEvent.detail).order_by(DeliveryEvent.id))
        return [(row.what, row.detail) for row in rows if row.what in ("provider", "ignored")]


def said(office: Phones, sid: str, *statuses: str, error: str = "", what: str = "Message") -> None:
    for status in statuses:
        form = {f"{what}Sid": sid, f"{what}Status": status, **({"ErrorCode": error} if error else {})}
        assert office.post(what.lower(), form).status_code == 200


def test_statuses_count_in_twilios_order_whatever_order_they_come_in(office: Phones) -> None:
    _, sid = texted(office)
    said(office, sid, "queued", "delivered", "sent", "delivered", "undelivered")
    assert state(office, sid) == ("delivered", None)
    assert [what for what, _ in ledger(office)] == ["provider", "provider", "ignored", "ignored", "ignored"]


def test_a_status_that_comes_before_the_sid_is_written_down_counts(office: Phones) -> None:
    address_id = office.confirmed("ann", ANN)

    def early(request: dict[str, object], sid: str) -> None:
        callback = str(request["StatusCallback"])
        form = {"MessageSid": sid, "MessageStatus": "undelivered", "ErrorCode": "30005"}
        for status in ("sent", "undelivered"):
            answer = office.post("message", {**form, "MessageStatus": status}, query=callback[callback.index("?") :])
            assert answer.status_code == 200

    office.server.before_answering = early
    office.alert("ann")
    sid = office.server.sent[-1]["sid"]
    assert state(office, sid) == ("bounced", "undelivered, Twilio 30005, there is no such phone")
    with office.database.read() as session:
        assert session.get_one(Address, address_id).disabled_at is not None
        assert "early" not in session.scalars(select(Delivery).where(Delivery.provider_id == sid)).one().payload


def test_a_status_for_a_delivery_that_is_not_under_way_is_not_kept(office: Phones) -> None:
    _, sid = texted(office)
    with office.database.read() as session:
        row = session.scalars(select(Delivery).where(Delivery.provider_id == sid)).one()
    form = {"MessageSid": "SM" + "e" * 32, "MessageStatus": "delivered"}
    assert office.post("message", form, query=f"?delivery={row.id}").status_code == 200
    assert office.post("message", form, query="?delivery=none").status_code == 200
    assert state(office, sid) == ("sent", None)


def test_a_text_that_did_not_arrive_says_why(office: Phones) -> None:
    address_id, sid = texted(office)
    said(office, sid, "sent", "undelivered", error="30003")
    assert state(office, sid) == ("bounced", "undelivered, Twilio 30003, the phone is off or out of reach")
    with office.database.read() as session:
        assert session.get_one(Address, address_id).disabled_at is None


@pytest.mark.parametrize(("error", "disabled", "withdrawn"), [("30005", True, 0), ("21610", False, 1)])
def test_a_phone_that_is_gone_or_said_stop_gets_no_more(
    office: Phones, error: str, disabled: bool, withdrawn: int
) -> None:
    address_id, sid = texted(office)
    said(office, sid, "undelivered", "undelivered", error=error)
    office.alert("ann", "Ana Lopez")
    assert len(office.server.sent) == 1
    with office.database.read() as session:
        assert (session.get_one(Address, address_id).disabled_at is not None) is disabled
        assert len(session.scalars(select(Consent)).all()) == withdrawn, "said twice, written once"


def test_what_is_not_signed_by_twilio_changes_nothing(office: Phones) -> None:
    _, sid = texted(office)
    form = {"MessageSid": sid, "MessageStatus": "delivered"}
    url = f"{PUBLIC}/providers/twilio/message"
    for headers in (
        {},
        {"X-Twilio-Signature": "x"},
        twilio.signed(url, form, token="0" * 32),
        twilio.signed(f"{office.web.url}/providers/twilio/message", form),
        twilio.signed(url, {**form, "MessageStatus": "sent"}),
    ):
        assert office.post("message", form, headers=headers).status_code == 403
    assert state(office, sid)[0] == "sent"


def test_what_is_about_nothing_of_ours_is_taken_quietly(office: Phones) -> None:
    texted(office)
    said(office, "SM" + "e" * 32, "delivered")
    said(office, "", "delivered")
    said(office, office.server.sent[-1]["sid"], "teleported")
    said(office, "CA" + "e" * 32, "completed", what="Call")
    assert ledger(office) == []


def test_ack_takes_the_alert_and_leaves_an_audit_row(office: Phones) -> None:
    office.confirmed("ann", ANN)
    alert_id = office.alert("ann")
    assert office.text("ack.") == "You have it: Rosa D. is likely to sell."
    with office.database.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.status, alert.acknowledged_at) == ("ACKNOWLEDGED", office.clock.now())
        row = session.scalars(select(AuditRow).where(AuditRow.action == "alert.answered")).one()
        assert (row.actor_id, row.subject_id, row.after["word"]) == ("ann", alert_id, "ACK")  # type: ignore[index]
    assert office.text("ACK") == "No alert we texted you about is waiting."


def test_the_same_text_twice_does_nothing_again(office: Phones) -> None:
    office.confirmed("ann", ANN)
    office.alert("ann")
    sid = {"MessageSid": "SM" + "d" * 32}
    assert office.text("STOP", **sid).startswith("You will get no more")
    office.text("START")
    assert office.text("STOP", **sid) == ""
    office.alert("ann")
    assert len(office.texts()) == 2


def test_of_several_alerts_the_number_says_which(office: Phones) -> None:
    office.confirmed("ann", ANN)
    first, second = office.alert("ann", "Rosa Diaz"), office.alert("ann", "Ana Lopez")
    assert office.text("ACK") == (
        "2 alerts wait. 1: Ana L. is likely to sell. 2: Rosa D. is likely to sell. "
        "Reply ACK and the number, as in ACK 1."
    )
    third = office.alert("ann", "Kim Park")
    assert office.text("ACK 2") == "You have it: Rosa D. is likely to sell.", "the list that was texted counts"
    assert office.text("ack #1") == "You have it: Ana L. is likely to sell."
    assert office.text("ACK 9").startswith("There is no alert 9.") or office.text("ACK 9").startswith("No alert")
    assert office.text("ACK") == "You have it: Kim P. is likely to sell."
    with office.database.read() as session:
        assert {session.get_one(Alert, one).status for one in (first, second, third)} == {"ACKNOWLEDGED"}


@pytest.mark.parametrize(
    ("words", "wait"),
    [
        ("SNOOZE 1H", timedelta(hours=1)),
        ("snooze 30m", timedelta(minutes=30)),
        ("Snooze 1 D", timedelta(days=1)),
        ("SNOOZE", timedelta(hours=1)),
        ("SNOOZE 1 2H", timedelta(hours=2)),
    ],
)
def test_snooze_puts_it_off(office: Phones, words: str, wait: timedelta) -> None:
    office.confirmed("ann", ANN)
    alert_id = office.alert("ann")
    assert office.text(words).startswith("Put off until")
    with office.database.read() as session:
        assert session.get_one(Alert, alert_id).snoozed_until == office.clock.now() + wait


def test_a_snooze_that_is_too_long_is_refused_in_words(office: Phones) -> None:
    office.confirmed("ann", ANN)
    office.alert("ann")
    assert office.text("SNOOZE 99D") == "Snooze until a time within the next 30 days."


@pytest.mark.parametrize(
    "word",
    [
        "STOP",
        "stop",
        "Stopall",
        "UNSUBSCRIBE",
        "cancel",
        "END",
        "quit",
        "revoke",
        "opt out",
        "Opt-out",
        "stop please",
        "Alto",
    ],
)
def test_stop_and_its_kin_end_texts_and_calls(office: Phones, word: str) -> None:
    office.confirmed("ann", ANN)
    office.prefer("ann", matrix={"CRITICAL": {"voice": 0}})
    assert "no more texts or calls" in office.text(word)
    office.alert("ann")
    assert (office.texts(), office.server.calls) == ([], [])
    with office.database.read() as session:
        rows = session.scalars(select(Consent).order_by(Consent.id)).all()
        assert [(one.channel, one.given, one.source, one.user_id) for one in rows] == [
            ("sms", False, "reply", "ann"),
            ("voice", False, "reply", "ann"),
        ]
        assert rows[0].proof["text"] == word
    office.text("START")
    office.alert("ann")
    assert len(office.texts()) == 1


@pytest.mark.parametrize(
    "text",
    [
        "STOP\n\nSent from my phone",
        "Hello,\r\nstop!",
        "Unsubscribe\n-- \nBob",
        "STOP\u00a0please",
        "stop.thanks",
        "\uff33\uff34\uff2f\uff30",  # as some keyboards of East Asia write STOP
        "ST\u200bOP",
    ],
)
def test_a_stop_is_a_stop_however_it_is_written(office: Phones, text: str) -> None:
    office.confirmed("ann", ANN)
    assert "no more texts or calls" in office.text(text)
    office.alert("ann")
    assert office.texts() == []


def test_a_signature_under_an_answer_is_no_part_of_it(office: Phones) -> None:
    office.confirmed("ann", ANN)
    office.alert("ann")
    assert office.text("ack\n\nSent from my phone") == "You have it: Rosa D. is likely to sell."


@pytest.mark.parametrize("text", ["SNOOZE 1.5H", "SNOOZE 1,5 H", "SNOOZE 1:30H", "ACK 1.2"])
def test_a_number_that_is_no_whole_one_is_not_taken_for_another(office: Phones, text: str) -> None:
    office.confirmed("ann", ANN)
    alert_id = office.alert("ann")
    assert office.text(text).startswith("Doorbell tells you of alerts. Reply ACK")
    with office.database.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.status, alert.snoozed_until) == ("NEW", None)


def test_what_twilio_answered_itself_is_not_answered_twice(office: Phones) -> None:
    office.confirmed("ann", ANN)
    assert office.text("PARAR", OptOutType="STOP") == ""
    office.alert("ann")
    assert office.texts() == []
    assert office.text("HELP", OptOutType="HELP") == ""


def test_help_and_what_is_not_understood_get_the_words_there_are(office: Phones) -> None:
    office.confirmed("ann", ANN)
    assert office.text("HELP").startswith("Doorbell tells you of alerts. Reply ACK")
    assert office.text("who is this?").startswith("Doorbell tells you of alerts. Reply ACK")
    office.prefer("ann", language="es")
    assert office.text("ayuda").startswith("Doorbell le avisa de alertas.")


def test_a_stranger_gets_nothing_and_their_stop_counts(office: Phones) -> None:
    office.confirmed("ann", ANN)
    office.alert("ann")
    for word in ("ACK", "HELP", "hello", "STOP"):
        assert office.text(word, sender=BOB) == ""
    with office.database.read() as session:
        assert session.scalars(select(Consent.address)).all() == [BOB, BOB]


def test_an_alert_that_became_anothers_cannot_be_taken_by_text(office: Phones) -> None:
    office.confirmed("ann", ANN)
    alert_id = office.alert("ann")
    with office.database.write() as session:
        session.get_one(Alert, alert_id).assigned_agent_id = "cal"
    assert office.text("ACK") == "No alert we texted you about is waiting."


def call(office: Phones) -> tuple[str, str]:
    office.confirmed("ann", ANN)
    office.prefer("ann", matrix={"CRITICAL": {"sms": None, "voice": 0}})
    alert_id = office.alert("ann")
    return alert_id, office.server.calls[-1]["sid"]


def test_a_one_in_a_call_takes_the_alert(office: Phones) -> None:
    alert_id, sid = call(office)
    said(office, sid, "in-progress", what="Call")
    answer = office.post("gather", {"CallSid": sid, "Digits": "1"})
    assert office.said(answer, "Say") == "Thank you. You have it."
    said(office, sid, "completed", what="Call")
    assert state(office, sid) == ("delivered", None)
    with office.database.read() as session:
        assert session.get_one(Alert, alert_id).status == "ACKNOWLEDGED"
        row = session.scalars(select(AuditRow).where(AuditRow.action == "alert.answered")).one()
        assert (row.actor_id, row.after["by"]) == ("ann", "call")  # type: ignore[index]
    again = office.post("gather", {"CallSid": sid, "Digits": "1"})
    assert office.said(again, "Say") == "Nothing was changed. Goodbye."


def test_another_digit_and_an_unknown_call_change_nothing(office: Phones) -> None:
    alert_id, sid = call(office)
    assert office.said(office.post("gather", {"CallSid": sid, "Digits": "2"}), "Say").startswith("Nothing")
    assert office.said(office.post("gather", {"CallSid": "CA" + "e" * 32, "Digits": "1"}), "Say") == ""
    with office.database.read() as session:
        assert session.get_one(Alert, alert_id).status == "NEW"


def test_nobody_answering_is_a_call_that_came_back(office: Phones) -> None:
    _, sid = call(office)
    said(office, sid, "no-answer", what="Call")
    assert state(office, sid) == ("bounced", "no-answer, nobody answered")
