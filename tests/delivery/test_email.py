"""E-mail against a real SMTP server: what arrives, and what becomes of every way it can go wrong."""

import json
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from pydantic import ValidationError

from core.delivery import DeliveryFailed
from core.delivery.channels import email
from core.delivery.channels.email import Chain, Mailer, Server
from core.settings import Settings
from tests.delivery.making import message, story
from tests.mail import MailServer, free_port, serving

FROM = "Doorbell <bell@doorbell.test>"


def mailer(server: MailServer, *, timeout: float = 5.0) -> Mailer:
    return Mailer(
        Server(scheme="smtp", host="127.0.0.1", port=server.port, user="", password="", timeout=timeout), mail_from=FROM
    )


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def test_an_accepted_mail_carries_what_an_agent_needs(mail_server: MailServer) -> None:
    sender = mailer(mail_server)
    accepted = sender.send(message(priority="CRITICAL"))
    sender.close()
    (mail,) = mail_server.mails
    assert mail_server.recipients == ["agent-1@doorbell.test"]
    assert mail["Subject"] == "Critical: Rosa Diaz is likely to sell"
    assert (mail["To"], mail["From"]) == ("Agent One <agent-1@doorbell.test>", FROM)
    assert mail["Message-ID"] == accepted.provider_id
    assert mail["X-Doorbell-Idempotency-Key"] == "a1:alert_new:s1:agent-1:email"
    for kind in ("plain", "html"):
        text = body(mail, kind)
        for fact in (
            "CRITICAL",
            "Rosa Diaz is likely to sell",
            "Checked the value of the home 10 times in 30 days",
            "82%",
            "71 to 89%",
            "5.7 times the usual",
            "+1 312 555 0142",
            "rosa@example.com",
            "http://127.0.0.1:8501/feed?alert=a1",
            "You cover Oak Park.",
        ):
            assert fact in text, (kind, fact)
    assert body(mail, "html").count("feed?alert=a1") == 1, "one button"


def test_a_retried_mail_has_the_same_message_id_and_another_mail_another(mail_server: MailServer) -> None:
    sender = mailer(mail_server)
    first, again, other = (sender.send(message(key=key)) for key in ("k1", "k1", "k2"))
    sender.close()
    assert first == again != other


def test_the_longest_key_arrives_in_one_piece(mail_server: MailServer) -> None:
    keys = [f"{'a' * 32}:alert_escalated:{'b' * 32}:{'u' * length}:email" for length in (1, 8, 38)]
    sender = mailer(mail_server)
    for key in keys:
        sender.send(message(key=key, title="Ünïcode " * 20))
    sender.close()
    assert mail_server.keys() == keys
    assert mail_server.mails[0]["Subject"] == f"High: {('Ünïcode ' * 20).strip()}"


def test_one_connection_carries_many_mails(mail_server: MailServer) -> None:
    sender = mailer(mail_server)
    for number in range(5):
        sender.send(message(key=f"k{number}"))
    sender.close()
    assert (len(mail_server.mails), mail_server.connections) == (5, 1)


def test_a_connection_that_died_while_idle_is_replaced(mail_server: MailServer) -> None:
    sender = mailer(mail_server)
    sender.send(message(key="k1"))
    sender._idle[0].sock.close()  # type: ignore[union-attr]
    sender.send(message(key="k2"))
    sender.close()
    assert mail_server.keys() == ["k1", "k2"]


@pytest.mark.parametrize("last_word", ["421 Too many for one connection", ""])
def test_a_server_that_ends_connections_after_so_many_mails_costs_none_a_try(
    mail_server: MailServer, last_word: str
) -> None:
    mail_server.per_connection, mail_server.ends_with = 2, last_word
    sender = mailer(mail_server)
    for number in range(5):
        sender.send(message(key=f"k{number}"))
    sender.close()
    assert mail_server.keys() == [f"k{number}" for number in range(5)]
    assert mail_server.connections == 3


def test_a_new_connection_that_is_refused_is_not_tried_for_ever(mail_server: MailServer) -> None:
    mail_server.per_connection = 1
    sender = mailer(mail_server)
    sender.send(message(key="k1"))
    mail_server.reset = "mail"
    assert fails(sender).retryable
    assert len(mail_server.mails) == 1
    assert mail_server.connections == 2


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Rosa\r\nBcc: everyone@example.com", "Rosa Bcc: everyone@example.com is likely to sell"),
        ("Jörg Müller", "Jörg Müller is likely to sell"),
        ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0 is likely to sell"),
    ],
)
def test_a_name_cannot_break_out_of_a_header(mail_server: MailServer, name: str, shown: str) -> None:
    from_name = email.one_line(f"{name} is likely to sell")
    sender = mailer(mail_server)
    sender.send(message(title=from_name, recipient_name=name.replace("\r\n", " ")))
    sender.close()
    (mail,) = mail_server.mails
    assert mail["Subject"] == f"High: {shown}"
    assert mail["Bcc"] is None
    assert mail_server.recipients == ["agent-1@doorbell.test"]


def test_a_name_is_text_in_html_and_never_a_template(mail_server: MailServer) -> None:
    name = "<script>alert(1)</script> {{ 7 * 7 }}"
    html = email.render("alert.html.j2", message(title=name, story=story(contact=name, factors=(name,))))
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{ 7 * 7 }}" in html
    assert name in email.render("alert.txt.j2", message(title=name))


def test_a_notice_without_an_alert_reads_well_too() -> None:
    plain = message(kind="admin_notice", title="2 alerts have nobody", text="2 alerts have nobody", story=None)
    assert "2 alerts have nobody" in email.render("notice.html.j2", plain)
    assert "Open Doorbell: http" in email.render("notice.txt.j2", plain)


def test_a_temporary_refusal_is_retryable(mail_server: MailServer) -> None:
    mail_server.answer = "451 Try again later"
    failure = fails(mailer(mail_server))
    assert (failure.reason, failure.retryable) == ("the mail server said 451 Try again later", True)


def test_a_permanent_refusal_of_the_recipient_is_final(mail_server: MailServer) -> None:
    mail_server.rcpt = "550 No such user here"
    failure = fails(mailer(mail_server))
    assert (failure.reason, failure.retryable) == ("the mail server said 550 No such user here", False)


@pytest.mark.parametrize(
    ("rcpt", "answered"),
    [
        ("550 5.1.1 No such user here", True),
        ("450 4.2.0 Greylisted", True),
        ("421 4.3.2 Closing down", False),
        ("530 5.7.0 Sign in first", False),
        ("550 5.7.1 Relaying denied", False),
    ],
)
def test_a_refused_recipient_says_that_the_server_is_there_unless_it_refuses_us(
    mail_server: MailServer, rcpt: str, answered: bool
) -> None:
    mail_server.rcpt = rcpt
    assert fails(mailer(mail_server)).answered == answered


def test_a_permanent_refusal_of_the_content_is_final(mail_server: MailServer) -> None:
    mail_server.answer = "554 Looks like spam"
    assert not fails(mailer(mail_server)).retryable


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_server_that_hangs_is_given_up_in_time(mail_server: MailServer, step: str) -> None:
    mail_server.hang = step
    failure = fails(mailer(mail_server, timeout=0.2))
    assert (failure.reason, failure.retryable) == ("the mail server did not answer in time", True)


@pytest.mark.parametrize("step", ["rcpt", "data"])
def test_a_connection_that_is_reset_is_retryable(mail_server: MailServer, step: str) -> None:
    mail_server.reset = step
    failure = fails(mailer(mail_server))
    assert failure.retryable
    assert "no connection" in failure.reason


def test_a_server_that_is_not_there_is_retryable() -> None:
    assert fails(mailer(MailServer(port=free_port()))).retryable


def test_a_password_is_never_sent_where_tls_is_asked_for_and_missing(mail_server: MailServer) -> None:
    server = Server(scheme="smtp+starttls", host="127.0.0.1", port=mail_server.port, user="u", password="p")
    assert "STARTTLS" in fails(Mailer(server, mail_from=FROM)).reason


@pytest.mark.parametrize("address", ["a@b.test, c@d.test", "a@b.test\r\nBcc: x@y.test", "nobody", "<a@b.test>"])
def test_an_address_that_is_not_one_is_final(mail_server: MailServer, address: str) -> None:
    sender = mailer(mail_server)
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(message(to=address))
    assert not caught.value.retryable
    assert not mail_server.mails


def test_an_address_with_letters_beyond_ascii_is_written_to_where_the_server_can() -> None:
    with serving() as server:
        sender = mailer(server)
        sender.send(message(to="jörg@doorbell.test"))
        sender.close()
        assert server.recipients == ["jörg@doorbell.test"]
    with serving(MailServer(utf8=False)) as server:
        sender = mailer(server)
        with pytest.raises(DeliveryFailed, match="letters") as caught:
            sender.send(message(to="jörg@doorbell.test"))
        sender.close()
        assert not caught.value.retryable
        assert server.recipients == []


def test_without_a_server_in_the_settings_there_is_no_channel() -> None:
    assert email.CHANNEL.open is not None
    assert email.CHANNEL.open(Settings(smtp_url="")) is None  # type: ignore[arg-type]


def test_the_url_names_scheme_port_and_sign_in() -> None:
    server = Server.parse("smtp+starttls://me%40x.test:s%3Acret@mail.example.com")
    assert (server.host, server.port, server.user, server.password) == ("mail.example.com", 587, "me@x.test", "s:cret")
    assert Server.parse("smtps://mail.example.com").port == 465


def fails(sender: Mailer) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(message())
    sender.close()
    return caught.value


class Clock:
    """Seconds, moved by hand."""

    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def second() -> Iterator[MailServer]:
    with serving() as server:
        yield server


def chain(*servers: MailServer, clock: Clock, timeout: float = 5.0) -> Chain:
    return Chain([mailer(server, timeout=timeout) for server in servers], clock=clock)


@pytest.mark.parametrize("how", ["dead", "reset mail", "hang rcpt", "421 rcpt", "554 data", "451 data"])
def test_the_next_server_takes_what_the_first_surely_did_not(
    mail_server: MailServer, second: MailServer, how: str
) -> None:
    match how:
        case "dead":
            mail_server.port = free_port()
        case "reset mail" | "hang rcpt":
            setattr(mail_server, *how.split())
        case "421 rcpt":
            mail_server.rcpt = "421 Not now"
        case _:
            mail_server.answer = f"{how.split()[0]} No"
    sender = chain(mail_server, second, clock=Clock(), timeout=1.0 if how.startswith("hang") else 5.0)
    accepted = sender.send(message())
    sender.close()
    assert (len(mail_server.mails), len(second.mails)) == (0, 1)
    assert accepted.provider == "127.0.0.1"
    assert second.mails[0]["Message-ID"] == accepted.provider_id


@pytest.mark.parametrize("step", ["reset", "hang"])
def test_what_the_first_may_have_taken_is_not_given_to_the_next(
    mail_server: MailServer, second: MailServer, step: str
) -> None:
    setattr(mail_server, step, "data")
    sender = chain(mail_server, second, clock=Clock(), timeout=1.5)
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(message())
    assert caught.value.retryable
    assert second.mails == []
    sender.send(message())
    sender.close()
    assert len(second.mails) == 1, "the retry goes to the one that works"


def test_a_failing_server_is_tried_last_for_a_minute(mail_server: MailServer, second: MailServer) -> None:
    clock = Clock()
    mail_server.rcpt = "421 Not now"
    sender = chain(mail_server, second, clock=clock)
    sender.send(message(key="k1"))
    connections = mail_server.connections
    mail_server.rcpt = "250 OK"
    clock.at = 59.0
    sender.send(message(key="k2"))
    assert (mail_server.connections, len(second.mails)) == (connections, 2)
    clock.at = 61.0
    sender.send(message(key="k3"))
    sender.close()
    assert (len(mail_server.mails), len(second.mails)) == (1, 2)


def test_where_all_refuse_it_is_tried_again_if_one_of_them_may_change_its_mind(
    mail_server: MailServer, second: MailServer
) -> None:
    mail_server.rcpt, second.rcpt = "550 No such user", "451 Try later"
    sender = chain(mail_server, second, clock=Clock())
    with pytest.raises(DeliveryFailed, match="451") as caught:
        sender.send(message())
    assert caught.value.retryable
    second.rcpt = "550 No such user"
    with pytest.raises(DeliveryFailed, match="550") as final:
        sender.send(message())
    sender.close()
    assert not final.value.retryable


def test_several_servers_are_set_with_spaces(mail_server: MailServer, second: MailServer) -> None:
    settings = Settings(smtp_url=f"{mail_server.url}  {second.url}", mail_from=FROM)  # type: ignore[arg-type]
    mail_server.rcpt = "421 Not now"
    sender = email.CHANNEL.open(settings) if email.CHANNEL.open else None
    assert sender is not None
    sender.send(message())
    sender.close()
    assert len(second.mails) == 1
    with pytest.raises(ValidationError, match="several with spaces"):
        Settings(smtp_url=f"{mail_server.url},{second.url} nowhere")  # type: ignore[arg-type]


def test_mails_by_sendgrid_carry_what_its_events_name_them_by(mail_server: MailServer) -> None:
    server = Server(scheme="smtp", host="127.0.0.1", port=mail_server.port, user="", password="")
    sender = Mailer(server, mail_from=FROM, sendgrid=True)
    accepted = sender.send(message(key="k" * 128))
    plain = mailer(mail_server)
    plain.send(message())
    sender.close()
    plain.close()
    arguments = json.loads(str(mail_server.mails[0]["X-SMTPAPI"]))
    assert arguments == {"unique_args": {"doorbell_id": accepted.provider_id}}
    assert mail_server.mails[0]["Subject"] == mail_server.mails[1]["Subject"]
    assert mail_server.mails[1]["X-SMTPAPI"] is None
