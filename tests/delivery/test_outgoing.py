"""Calling URLs that people gave: where it goes, where it never goes, and what each misbehaviour is called."""

import ipaddress
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.delivery import DeliveryFailed, outgoing
from core.delivery.outgoing import Answer, Limits
from tests.hostile import (
    HostileServer,
    Resolver,
    answer,
    close,
    garbage,
    half_body,
    hang,
    huge_body,
    redirect,
    reset,
    self_signed,
    serving,
    slow_body,
    slow_headers,
)

HERE = Limits(connect=2.0, total=2.0, private=True)
HURRIED = Limits(connect=2.0, total=0.3, private=True)
OUTSIDE = Limits()


def call(url: str, limits: Limits = HERE) -> Answer:
    return outgoing.call("POST", url, headers={"Content-Type": "text/plain"}, body=b"ding", limits=limits)


def refusal(url: str, limits: Limits = OUTSIDE) -> str:
    with pytest.raises(DeliveryFailed) as caught:
        outgoing.find(url, limits)
    assert not caught.value.retryable
    return caught.value.reason


def failure(url: str, limits: Limits = HERE) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        outgoing.demand(call(url, limits), who="it")
    return caught.value


def test_a_call_arrives_as_it_was_sent(hostile_server: HostileServer, resolver: Resolver) -> None:
    resolver.says("hooks.example", "127.0.0.1")
    hostile_server.will(answer(200, {"X-Said": "yes"}, "thanks"))
    got = call(f"http://hooks.example:{hostile_server.port}/in?team=north")
    assert (got.status, got.body, got.whole, got.headers["x-said"]) == (200, b"thanks", True, "yes")
    (request,) = hostile_server.requests
    assert (request.method, request.target, request.body) == ("POST", "/in?team=north", b"ding")
    assert request.headers["host"] == f"hooks.example:{hostile_server.port}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:5ef5:79fd:0:59d:a0e5:ba1",
    ],
)
def test_addresses_inside_are_refused(address: str, resolver: Resolver) -> None:
    resolver.says("hooks.example", address)
    assert "private network" in refusal("https://hooks.example/in")
    host = f"[{address}]" if ":" in address else address
    assert "private network" in refusal(f"https://{host}/in")


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
)
def test_addresses_of_the_open_internet_are_not(address: str) -> None:
    assert outgoing.is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_other_ways_to_write_loopback_are_refused(host: str) -> None:
    assert "private network" in refusal(f"http://{host}/")


def test_one_private_address_among_public_ones_is_enough(resolver: Resolver) -> None:
    resolver.says("hooks.example", ["93.184.216.34", "10.0.0.1"])
    assert "private network" in refusal("https://hooks.example")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://hooks.example/in", "https://"),
        ("file:///etc/passwd", "https://"),
        ("hooks.example", "https://"),
        ("https://", "https://"),
        ("https://user:secret@hooks.example/", "user name"),
        ("https://hooks.example@10.0.0.1/", "user name"),
        ("https://hooks.example\\@10.0.0.1/", "backslashes"),
        ("https://hooks.example/a b", "spaces"),
        ("https://hooks.example/\r\nHost: evil", "control"),
        ("https://hooks.example:22/", "port 22"),
        ("https://hooks.example:0/", "port 0"),
        ("https://hooks.example:99999/", "web address"),
        ("https://hooks.example/" + "z" * 2000, "longer"),
    ],
)
def test_what_is_no_plain_web_address_is_refused_in_words(url: str, why: str, resolver: Resolver) -> None:
    resolver.says("hooks.example", "93.184.216.34")
    said = refusal(url)
    assert why in said
    assert "secret" not in said


@pytest.mark.parametrize("url", ["https://nobody.example", "https://a..example", f"https://{'a' * 70}.example"])
def test_a_name_that_leads_nowhere_is_tried_again(url: str, resolver: Resolver) -> None:
    with pytest.raises(DeliveryFailed) as caught:
        outgoing.find(url, OUTSIDE)
    assert "web address" in caught.value.reason or (caught.value.retryable and "no address" in caught.value.reason)


def test_a_name_that_answers_differently_the_second_time_is_called_where_it_was_checked(resolver: Resolver) -> None:
    with serving(host="127.0.0.1") as checked, serving(host="127.0.0.2", port=checked.port) as inside:
        resolver.says("rebinding.example", "127.0.0.1", "127.0.0.2")
        assert call(f"http://rebinding.example:{checked.port}/").status == 200
        assert resolver.asked == ["rebinding.example"]
        assert (len(checked.requests), len(inside.requests)) == (1, 0)


def test_the_second_address_is_tried_where_nobody_listens_at_the_first(resolver: Resolver) -> None:
    with serving(host="127.0.0.2") as second:
        resolver.says("hooks.example", ["127.0.0.1", "127.0.0.2"])
        assert call(f"http://hooks.example:{second.port}/").status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_final_and_not_followed(status: int, hostile_server: HostileServer) -> None:
    with serving() as inside:
        hostile_server.will(redirect(f"{inside.url}/latest/meta-data/", status))
        failed = failure(hostile_server.url)
        assert not failed.retryable
        assert "redirects are not followed" in failed.reason
        assert inside.connections == 0


@pytest.mark.parametrize(
    ("status", "retryable", "at_fault"),
    [
        (400, False, False),
        (401, False, True),
        (403, False, True),
        (404, False, True),
        (408, True, True),
        (410, False, True),
        (422, False, False),
        (425, True, True),
        (429, True, True),
        (500, True, True),
        (503, True, True),
    ],
)
def test_what_each_answer_means(status: int, retryable: bool, at_fault: bool, hostile_server: HostileServer) -> None:
    hostile_server.will(answer(status, {"Retry-After": "7"}))
    failed = failure(hostile_server.url)
    assert (failed.retryable, failed.provider_at_fault) == (retryable, at_fault)
    assert failed.answered == (status in (400, 422)), "it is there, and refuses this message alone"
    assert failed.retry_after == (7.0 if retryable else None)
    assert str(status) in failed.reason


def test_retry_after_is_read_in_both_its_forms() -> None:
    date = "Mon, 02 Mar 2026 15:00:00 GMT"
    assert outgoing.retry_after({"Retry-After": "120"}) == 120.0
    assert outgoing.retry_after({"retry-after": "Mon, 02 Mar 2026 15:01:30 GMT", "Date": date}) == 90.0
    assert outgoing.retry_after({"Retry-After": "Mon, 02 Mar 2026 14:00:00 GMT", "Date": date}) == 0.0
    assert outgoing.retry_after({"Retry-After": "Mon, 02 Mar 2020 14:00:00 GMT"}) == 0.0
    for nonsense in ("", "soon", "-5", "1e9", "٣", "Mon, 99 Xyz"):
        assert outgoing.retry_after({"Retry-After": nonsense}) is None


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (hang, "in time"),
        (slow_headers, "in time"),
        (reset, "broke off"),
        (close, "broke off"),
        (garbage, "broke off"),
    ],
    ids=["hang", "slow_headers", "reset", "close", "garbage"],
)
def test_who_misbehaves_is_tried_again(behaviour: object, said: str, hostile_server: HostileServer) -> None:
    hostile_server.will(behaviour)  # type: ignore[arg-type]
    failed = failure(hostile_server.url, HURRIED)
    assert said in failed.reason
    assert failed.retryable
    assert failed.provider_at_fault


@pytest.mark.parametrize("behaviour", [slow_body, half_body, huge_body], ids=["slow", "half", "huge"])
def test_a_yes_counts_though_its_body_never_ends(behaviour: object, hostile_server: HostileServer) -> None:
    hostile_server.will(behaviour)  # type: ignore[arg-type]
    got = call(hostile_server.url, replace(HURRIED, total=1.5))  # its yes comes in time also on a busy machine
    assert (got.status, got.whole) == (200, False)
    assert len(got.body) <= HURRIED.body


def test_nobody_there_is_tried_again() -> None:
    with serving() as gone:
        url = gone.url
    failed = failure(url)
    assert failed.retryable
    assert "no connection" in failed.reason


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[HostileServer]:
    with serving(tls=self_signed(tmp_path, names=["hooks.example"]).server) as server:
        yield server


def test_a_certificate_nobody_vouches_for_is_refused(tls_server: HostileServer) -> None:
    failed = failure(tls_server.url)
    assert "certificate" in failed.reason
    assert failed.retryable
    assert not tls_server.requests


def test_a_certificate_has_to_be_the_name_s_own(
    tls_server: HostileServer, tmp_path: Path, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = ssl.create_default_context(cafile=str(tmp_path / "hooks.example.pem"))
    monkeypatch.setattr(outgoing, "_context", lambda: trusting)
    resolver.says("hooks.example", "127.0.0.1")
    resolver.says("other.example", "127.0.0.1")
    assert call(f"https://hooks.example:{tls_server.port}").status == 200
    assert "certificate" in failure(f"https://other.example:{tls_server.port}").reason


def test_speaking_plainly_to_tls_and_the_other_way_round_is_refused(
    tls_server: HostileServer, hostile_server: HostileServer
) -> None:
    assert failure(tls_server.url.replace("https", "http"), HURRIED).retryable
    patient = replace(HURRIED, connect=20.0)  # so that a busy machine is not taken for a server that says nothing
    assert "no secure connection" in failure(hostile_server.url.replace("http", "https"), patient).reason
